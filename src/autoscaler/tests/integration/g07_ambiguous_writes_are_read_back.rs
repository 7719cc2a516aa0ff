//! G7: a change whose answer was lost is made exactly once, because the agent reads the pool back
//! before it does anything else.

use local_cloud::{Fault, FaultKind};

use crate::agent_support::{Agent, Environment, Settings, until};

const SCALE: &str = "scale-instance-pool";
const EVICT: &str = "evict-instance-pool-members";

/// Leaves one alert and waits for the action that it leads to to end.
async fn act(agent: &Agent, direction: &str) {
    agent.alert(direction).await;
    until("the action ends", || {
        let done = agent.line("Pool resized: ");
        done.or_else(|| agent.line("Pool could not be changed."))
    })
    .await;
}

async fn until_at_rest(environment: &Environment) {
    use exoscale::models::PoolState;
    until("the pool is at rest", || {
        (environment.pool().state == PoolState::Running).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_scale_out_that_was_applied_unheard_is_not_repeated() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.fault(SCALE, 1, FaultKind::ApplyWithoutAnswer);
    act(&agent, "up").await;
    until_at_rest(&environment).await;
    assert_eq!(environment.pool().size, 3);
    assert_eq!(
        environment.calls(SCALE),
        1,
        "it was read back, not sent again"
    );
    assert!(agent.line("Pool resized: ").is_some());
}

#[tokio::test]
async fn a_scale_out_that_was_lost_is_made_once() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "500ms"))
        .await;
    environment.fault(SCALE, 1, FaultKind::Hang);
    act(&agent, "up").await;
    until_at_rest(&environment).await;
    assert_eq!((environment.pool().size, environment.calls(SCALE)), (3, 2));
}

#[tokio::test]
async fn a_scale_out_that_hangs_for_ever_ends_as_failed() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "200ms"))
        .await;
    environment.fault(SCALE, 1000, FaultKind::Hang);
    act(&agent, "up").await;
    agent.until_decided("failed", "outcome_unknown").await;
    assert_eq!(environment.pool().size, 2);
    assert_eq!(environment.calls(SCALE), 3);
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_outlasted() {
    for (kind, status) in [
        (FaultKind::RateLimit, None),
        (FaultKind::Fail, Some(503)),
        (FaultKind::Fail, Some(500)),
        (FaultKind::Fail, Some(409)),
    ] {
        let environment = Environment::with_pool(2).await;
        let agent = environment.start(Settings::default()).await;
        environment.cloud.faults().add(Fault {
            status,
            ..Fault::new(SCALE, 1, kind)
        });
        act(&agent, "up").await;
        until_at_rest(&environment).await;
        let made = (environment.pool().size, environment.calls(SCALE));
        assert_eq!(made, (3, 2), "{kind:?} {status:?}:\n{}", agent.log());
    }
}

#[tokio::test]
async fn a_scale_in_that_was_applied_unheard_is_not_repeated() {
    let environment = Environment::with_pool(3).await;
    let agent = environment.start(Settings::default()).await;
    environment.fault(EVICT, 1, FaultKind::ApplyWithoutAnswer);
    act(&agent, "down").await;
    until_at_rest(&environment).await;
    assert_eq!((environment.pool().size, environment.calls(EVICT)), (2, 1));
    assert!(agent.line("Pool resized: ").is_some());
}

#[tokio::test]
async fn a_scale_in_that_was_lost_is_given_up() {
    let environment = Environment::with_pool(3).await;
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "500ms"))
        .await;
    environment.fault(EVICT, 1, FaultKind::Hang);
    act(&agent, "down").await;
    agent.until_decided("failed", "write_failed").await;
    assert_eq!((environment.pool().size, environment.calls(EVICT)), (3, 1));
}

#[tokio::test]
async fn what_the_operator_did_meanwhile_is_not_undone() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "500ms"))
        .await;
    environment.fault(SCALE, 1, FaultKind::Hang);
    agent.alert("up").await;
    until("the order is sent", || {
        (environment.calls(SCALE) == 1).then_some(())
    })
    .await;
    // The operator's own order, by another client, while the agent's hangs.
    let endpoint = environment.cloud.endpoint().parse().unwrap();
    let config = exoscale::ClientConfig::for_endpoint(
        endpoint,
        environment.cloud.key().clone(),
        environment.cloud.secret().clone(),
    );
    let operator = exoscale::Client::new(config).unwrap();
    operator
        .scale_instance_pool(environment.stack.pool, 1)
        .await
        .unwrap();
    until("the action ends", || {
        agent.line("Pool could not be changed.")
    })
    .await;
    assert_eq!(environment.pool().size, 1, "{}", agent.log());
    agent.until_decided("failed", "outcome_unknown").await;
}
