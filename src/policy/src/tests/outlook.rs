//! What people who look on are told of an alert that would come now.

use super::*;

#[test]
fn a_limit_lasts_and_a_time_ends() {
    let outlook = |case: &Case, direction| {
        let found = case.state.outlook(direction, case.now);
        (found.reason, found.ends)
    };
    let (up, down) = (Direction::Up, Direction::Down);
    let bounds = default_rules().bounds;
    let read = |mode, size: Size| {
        let mut case = Case::with(default_rules(), mode);
        case.read(pool(size.0));
        case
    };
    let between = Size(bounds.min().0 + 1);
    for direction in [up, down] {
        assert_eq!(outlook(&read(Mode::On, between), direction), (None, None));
    }
    for (mode, size, direction, reason) in [
        (Mode::On, bounds.max(), up, Reason::AtMax),
        (Mode::On, bounds.min(), down, Reason::AtMin),
        (Mode::ScaleOutOnly, between, down, Reason::ScaleInDisabled),
        (Mode::Pinned(between), between, up, Reason::Pinned),
    ] {
        let found = outlook(&read(mode, size), direction);
        assert_eq!(found, (Some(reason), None));
    }
    // After a scale-out the cooldown ends, and then the pool may grow again; to shrink it waits on.
    let mut case = read(Mode::On, between);
    case.up();
    case.read(pool(between.0));
    case.end(ActionOutcome::Applied, true);
    let cooldown = case.now + default_rules().cooldown;
    let found = outlook(&case, up);
    assert_eq!(found, (Some(Reason::Cooldown), Some(cooldown)));
    let (reason, ends) = outlook(&case, down);
    assert_eq!(reason, Some(Reason::Stabilising));
    assert!(ends > Some(cooldown));
    assert!(case.state.pending(up).is_none());
    case.up();
    assert_eq!(case.state.pending(up).map(|waits| waits.count), Some(1));
}

#[test]
fn a_pool_that_is_busy_is_in_the_way_and_nobody_knows_how_long() {
    for (condition, reason) in [
        (Condition::Busy, Reason::PoolBusy),
        (Condition::Degraded, Reason::PoolDegraded),
    ] {
        let mut case = Case::new();
        case.read(Pool {
            condition,
            ..pool(3)
        });
        let found = case.state.outlook(Direction::Up, case.now);
        assert_eq!((found.reason, found.ends), (Some(reason), None));
    }
}

#[test]
fn a_pause_is_in_the_way_until_somebody_ends_it() {
    let mut case = Case::new();
    case.order(Order::Pause);
    for direction in [Direction::Up, Direction::Down] {
        let found = case.state.outlook(direction, case.now);
        assert_eq!((found.reason, found.ends), (Some(Reason::Paused), None));
    }
}
