//! The first decision: what holds a request, refuses it or lets it through.

use super::*;

#[test]
fn unknown_health_lets_the_pool_grow_and_not_shrink() {
    let unknown = |size| {
        let mut pool = pool(size);
        pool.health = HealthSource::Unknown;
        for member in &mut pool.members {
            member.healthy = None;
        }
        pool
    };
    let mut case = Case::new();
    case.up();
    assert_eq!(resize(&case.read(unknown(3))), Some((3, 4)));

    let mut case = Case::new();
    case.down();
    assert_eq!(drained(&case.read(unknown(3))), None);
    assert_eq!(case.last(), Some((Verdict::Held, Reason::HealthUnknown)));

    let mut case = Case::draining(3);
    let effects = case.drained_then(unknown(3));
    assert!(given_back(&effects).is_some());
    assert!(case.has(Verdict::GivenBack, Reason::HealthUnknown));
}

#[test]
fn a_pool_that_is_not_at_rest_is_held_with_its_own_reason() {
    for (condition, reason) in [
        (Condition::Busy, Reason::PoolBusy),
        (Condition::Degraded, Reason::PoolDegraded),
    ] {
        let mut case = Case::new();
        case.up();
        let effects = case.read(Pool {
            condition,
            ..pool(3)
        });
        assert_eq!(action(&effects), None);
        assert_eq!(case.last(), Some((Verdict::Held, reason)));
        // It is read again after the pause, and acted on when it is at rest.
        assert_eq!(case.state.next_wake(), Some(case.now + seconds(5)));
        assert!(case.pass(5).contains(&Effect::ReadPool));
        assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));
    }
}

#[test]
fn growth_that_brings_nothing_is_stopped() {
    // Two members, and a provider that makes no more of them.
    let mut wanted = 2;
    let mut case = Case::new();
    for _ in 0..10 {
        case.up();
        let mut found = pool(2);
        found.size = Size(wanted);
        let effects = case.read(found);
        if let Some((_, to)) = resize(&effects) {
            wanted = to;
            case.end(ActionOutcome::Applied, true);
        }
        case.pass(61);
    }
    assert_eq!(wanted, 5, "three members are missing");
    assert!(case.has(Verdict::Refused, Reason::Unready));
}

#[test]
fn the_unready_limit_grows_with_the_pool() {
    let unready = |size: u32, unready: usize| {
        let mut found = pool(size);
        for member in found.members.iter_mut().take(unready) {
            member.healthy = Some(false);
        }
        let rules = Rules {
            bounds: Bounds::new(1, 100).expect("1 <= 100"),
            ..default_rules()
        };
        let mut case = Case::with(rules, Mode::On);
        case.up();
        resize(&case.read(found)).is_some()
    };
    assert!(unready(3, 2) && !unready(3, 3));
    assert!(unready(20, 9) && !unready(20, 10));
}

#[test]
fn a_pinned_size_is_reached_step_by_step_and_kept() {
    let mut case = Case::with(default_rules(), Mode::Pinned(Size(4)));
    case.pass(0);
    case.read(pool(2));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
    assert_eq!(case.last(), Some((Verdict::Acted, Reason::Pinned)));
    case.end(ActionOutcome::Applied, true);
    case.up();
    assert!(case.has(Verdict::Refused, Reason::Pinned));

    // A step that is larger than the way ends where it is pinned.
    let mut rules = default_rules();
    rules.scale_out.step = StepSize::members(3);
    let mut case = Case::with(rules, Mode::Pinned(Size(4)));
    case.read(pool(3));
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));

    // Down: without an alert, without stabilisation, and through a drain.
    let mut case = Case::with(default_rules(), Mode::Pinned(Size(1)));
    case.pass(0);
    case.read(pool(3));
    assert!(drained(&case.read(pool(3))).is_some());
    assert_eq!(case.last(), Some((Verdict::Draining, Reason::Pinned)));
    case.up();
    assert!(case.state.draining().is_some(), "an alert does not move it");
    assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));

    // A pinned size outside the bounds is brought inside.
    let case = Case::with(default_rules(), Mode::Pinned(Size(99)));
    assert_eq!(case.state.mode(), Mode::Pinned(Size(10)));
}

#[test]
fn reads_that_fail_are_tried_again_as_told() {
    let wait = seconds(77);
    for (failure, reason, pause) in [
        (ReadFailure::Unavailable, Reason::ApiUnavailable, 5),
        (ReadFailure::Unauthorised, Reason::Unauthorised, 5),
        (ReadFailure::NotFound, Reason::PoolNotFound, 5),
        (ReadFailure::RateLimited(wait), Reason::RateLimited, 77),
        (ReadFailure::BudgetSpent(wait), Reason::BudgetSpent, 77),
        (
            ReadFailure::RateLimited(Duration::ZERO),
            Reason::RateLimited,
            5,
        ),
    ] {
        let mut case = Case::new();
        case.up();
        case.step(Event::PoolRead(Err(failure)));
        assert_eq!(case.last(), Some((Verdict::Held, reason)));
        case.now = case.now + seconds(pause - 1);
        assert!(!case.step(Event::Woken).contains(&Effect::ReadPool));
        assert!(case.pass(1).contains(&Effect::ReadPool));
    }
}

#[test]
fn a_change_of_size_lifts_a_refusal() {
    let mut case = Case::new();
    case.up();
    case.read(pool(10));
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::AtMax)));
    assert!(
        !case.up().contains(&Effect::ReadPool),
        "the same answer, unread"
    );
    case.read(pool(9));
    assert!(case.up().contains(&Effect::ReadPool));
    assert_eq!(resize(&case.read(pool(9))), Some((9, 10)));
}

#[test]
fn old_alerts_expire_on_the_millisecond() {
    for (is_up, lifetime) in [(true, 300), (false, 180)] {
        let mut case = Case::new();
        case.state.retry = None;
        let (up, down) = (u32::from(is_up), u32::from(!is_up));
        case.step(Event::Signals(Signals {
            up,
            down,
            ..Signals::default()
        }));
        case.step(Event::PoolRead(Err(ReadFailure::RateLimited(seconds(
            9000,
        )))));
        case.now = case.now + seconds(lifetime);
        case.step(Event::Woken);
        assert!(!case.has(Verdict::Refused, Reason::Expired));
        let wake = case.state.next_wake().expect("it wakes to expire");
        assert_eq!(wake.since(case.now), Duration::from_millis(1));
        case.now = wake;
        case.step(Event::Woken);
        assert!(case.has(Verdict::Refused, Reason::Expired));
    }
}

#[test]
fn a_cooldown_without_alerts_is_noted_and_the_pool_read() {
    let mut case = Case::new();
    case.read(pool(3));
    case.pass(60);
    case.read(pool(3));
    case.decisions.clear();
    assert_eq!(case.state.next_wake(), Some(case.now + seconds(60)));
    assert!(case.pass(60).contains(&Effect::ReadPool));
    assert_eq!(case.last(), Some((Verdict::Quiet, Reason::NoSignal)));
    assert_eq!(
        case.decisions.last().expect("noted").direction,
        None::<Direction>
    );
}

#[test]
fn in_mode_recommend_nothing_is_drained_or_changed() {
    let mut case = Case::with(default_rules(), Mode::Recommend);
    case.down();
    let effects = case.read(pool(3));
    assert_eq!((drained(&effects), action(&effects)), (None, None));
    assert_eq!(case.last(), Some((Verdict::Recommended, Reason::LowLoad)));
    case.now = case.now + seconds(60);
    case.up();
    assert_eq!(action(&case.read(pool(3))), None);
    assert_eq!(case.last(), Some((Verdict::Recommended, Reason::HighLoad)));
    assert_eq!(case.state.cooldown_ends(), case.now + seconds(60));
}

#[test]
fn a_read_may_be_ten_seconds_old_and_no_more() {
    for (age, is_fresh) in [(10_000, true), (10_001, false)] {
        let mut case = Case::new();
        case.up();
        let mut found = pool(2);
        found.read_at = case.now;
        case.now = case.now + Duration::from_millis(age);
        let effects = case.step(Event::PoolRead(Ok(found)));
        assert_eq!(action(&effects).is_some(), is_fresh, "{age} ms");
        assert_eq!(case.has(Verdict::Held, Reason::StaleRead), !is_fresh);
    }
}
