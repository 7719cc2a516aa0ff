//! The read model alone.

use super::{reading::BUSY_TOO_LONG, *};
use policy::{HealthSource, Pool, Size};

fn report(state: &str, condition: Condition) -> PoolReport {
    PoolReport {
        pool: Pool {
            read_at: Moment::START,
            size: Size(2),
            condition,
            health: HealthSource::None,
            counted: 2,
            members: Vec::new(),
        },
        state: state.to_owned(),
        error_reason: None,
        name: "web".to_owned(),
        names: Vec::new(),
    }
}

fn problem(model: &ReadModel) -> Option<String> {
    let checks = model.view().health;
    checks
        .into_iter()
        .find(|check| check.name == "pool")?
        .problem
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_stays_busy_needs_somebody() {
    let model = ReadModel::for_tests();
    let see = |state, condition| model.pool_read(&report(state, condition));
    see("scaling-up", Condition::Busy);
    tokio::time::advance(BUSY_TOO_LONG).await;
    see("updating", Condition::Busy);
    assert_eq!(problem(&model), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    let text = problem(&model).expect("a quarter of an hour is over");
    assert_eq!(text, "the pool has been updating for 15 min");
    see("running", Condition::Running);
    assert_eq!(problem(&model), None);
    // The next time counts from its own beginning.
    see("scaling-up", Condition::Busy);
    assert_eq!(problem(&model), None);
}
