//! Scale-in: whom to drain, and whether to remove them then.

use super::*;

#[test]
fn a_scale_in_is_drained_confirmed_and_made() {
    let mut case = Case::draining(3);
    assert_eq!(case.last(), Some((Verdict::Draining, Reason::LowLoad)));
    assert_eq!(case.state.acting(), None, "nothing is changed yet");
    let draining = case.state.draining().map(|r| (r.from(), r.to()));
    assert_eq!(draining, Some((Size(3), Size(2))));
    let effects = case.drained_then(pool(3));
    let Some(Action::Evict { resize, victims }) = action(&effects) else {
        panic!("{effects:?}");
    };
    assert_eq!((resize.to(), victims.len()), (Size(2), 1));
    assert_eq!(case.last(), Some((Verdict::Acted, Reason::LowLoad)));
    assert!(case.saved.expect("saved before it").acting);
    case.end(ActionOutcome::Applied, true);
    assert_eq!(case.state.cooldown_ends(), at(LATER) + seconds(60));
    assert!(!case.saved.expect("saved after it").acting);
}

#[test]
fn a_drain_does_not_use_the_cooldown_up() {
    let mut case = Case::draining(3);
    case.now = case.now + seconds(10);
    let effects = case.up();
    assert!(given_back(&effects).is_some());
    assert!(effects.contains(&Effect::ReadPool), "at once: {effects:?}");
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));
}

#[test]
fn what_changes_in_a_drain_gives_the_members_back_at_once() {
    let grown = pool(6);
    let shrunk = pool(1);
    let mut replaced = pool(3);
    replaced.members[0].id = MemberId(Uuid::from_u128(99));
    let busy = Pool {
        condition: Condition::Busy,
        ..pool(3)
    };
    let degraded = Pool {
        condition: Condition::Degraded,
        ..pool(3)
    };
    let mut lone = pool(3);
    let Effect::Drain { members, .. } = first_drain(3) else {
        panic!("no drain");
    };
    for other in &mut lone.members {
        other.running = members.iter().any(|victim| victim.id == other.id);
    }
    for (changed, reason) in [
        (grown, Reason::PoolChanged),
        (shrunk, Reason::PoolChanged),
        (replaced, Reason::PoolChanged),
        (busy, Reason::PoolBusy),
        (degraded, Reason::PoolDegraded),
        (lone, Reason::LastReady),
    ] {
        // Seen by the look that a drain takes at the pool, and by the read at its end.
        let mut case = Case::draining(3);
        let looked = case.pass(5);
        assert!(looked.contains(&Effect::ReadPool), "{looked:?}");
        let effects = case.read(changed.clone());
        assert_eq!(given_back(&effects), Some(ids(&members)), "{reason}");
        assert!(case.has(Verdict::GivenBack, reason), "{:?}", case.decisions);
        // The end of a drain that was given up is nobody's any more.
        assert_eq!(action(&case.step(Event::DrainEnded(DrainId(1)))), None);

        let mut case = Case::draining(3);
        let effects = case.drained_then(changed);
        assert_eq!(given_back(&effects), Some(ids(&members)), "{reason}");
        assert_eq!(action(&effects), None);
    }
}

fn first_drain(size: u32) -> Effect {
    let mut case = Case::new();
    case.down();
    let effects = case.read(pool(size));
    let is_drain = |effect: &Effect| matches!(effect, Effect::Drain { .. });
    effects.into_iter().find(is_drain).expect("a drain")
}

#[test]
fn what_is_heard_in_a_drain_gives_the_members_back_at_once() {
    type Heard = (fn(&mut Case) -> Vec<Effect>, Reason);
    let heard: [Heard; 5] = [
        (Case::up, Reason::UpWins),
        (|case| case.step(Event::DownWithdrawn), Reason::Withdrawn),
        (
            |case| case.step(Event::ModeSet(Mode::ScaleOutOnly)),
            Reason::ModeChanged,
        ),
        (
            |case| case.step(Event::ModeSet(Mode::Recommend)),
            Reason::ModeChanged,
        ),
        (|case| case.step(Event::Stopping), Reason::Stopping),
    ];
    for (hear, reason) in heard {
        for is_drained in [false, true] {
            let mut case = Case::draining(3);
            if is_drained {
                case.step(Event::DrainEnded(DrainId(1)));
            }
            let effects = hear(&mut case);
            assert!(given_back(&effects).is_some(), "{reason}: {effects:?}");
            assert!(case.has(Verdict::GivenBack, reason), "{reason}");
            let effects = case.read(pool(3));
            let is_evicted = matches!(action(&effects), Some(Action::Evict { .. }));
            assert!(!is_evicted, "{reason}: {effects:?}");
        }
    }
}

#[test]
fn the_same_mode_again_changes_nothing() {
    let mut case = Case::draining(3);
    assert_eq!(given_back(&case.step(Event::ModeSet(Mode::On))), None);
    assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));
}

#[test]
fn a_failed_read_at_the_end_of_a_drain_gives_the_members_back() {
    let mut case = Case::draining(3);
    case.step(Event::DrainEnded(DrainId(1)));
    let effects = case.step(Event::PoolRead(Err(ReadFailure::Unavailable)));
    assert!(given_back(&effects).is_some());
    assert!(case.has(Verdict::GivenBack, Reason::ApiUnavailable));
    // In the middle of it, a failure tells nothing.
    let mut case = Case::draining(3);
    case.pass(5);
    let effects = case.step(Event::PoolRead(Err(ReadFailure::Unavailable)));
    assert_eq!(given_back(&effects), None);
}

#[test]
fn a_read_from_before_the_drain_ended_confirms_nothing() {
    let mut case = Case::draining(3);
    let early = case.now;
    case.now = case.now + seconds(9);
    case.step(Event::DrainEnded(DrainId(1)));
    let mut stale = pool(3);
    stale.read_at = early;
    assert_eq!(action(&case.step(Event::PoolRead(Ok(stale)))), None);
    assert_eq!(resize(&case.read(pool(3))), Some((3, 2)));
}

#[test]
fn a_down_gives_up_places_that_no_member_fills() {
    let with = |size: u32, members: u32, counted: usize, step: u32| {
        let mut rules = default_rules();
        rules.scale_in.step = StepSize::members(step);
        let mut case = Case::with(rules, Mode::On);
        case.down();
        let mut found = pool(members);
        found.size = Size(size);
        found.counted = counted;
        let effects = case.read(found);
        assert_eq!(drained(&effects), None, "nobody is removed");
        let is_given_up = matches!(action(&effects), None | Some(Action::GiveUpMissing(_)));
        assert!(is_given_up, "{effects:?}");
        (resize(&effects), case.last().expect("a decision").1)
    };
    assert_eq!(with(5, 2, 2, 1), (Some((5, 4)), Reason::MembersMissing));
    assert_eq!(with(8, 2, 2, 3), (Some((8, 5)), Reason::MembersMissing));
    // A larger step ends at the members that are there.
    assert_eq!(with(5, 4, 4, 3), (Some((5, 4)), Reason::MembersMissing));
    // Not even in a pool that is degraded for want of them, with members of unknown health.
    let mut case = Case::new();
    case.down();
    let mut found = pool(2);
    found.size = Size(5);
    found.condition = Condition::Degraded;
    found.health = HealthSource::Unknown;
    assert_eq!(resize(&case.read(found)), Some((5, 3)));
    // A list that is shorter than the pool's own count, or empty, proves nothing.
    assert_eq!(with(5, 2, 5, 1), (None, Reason::MembersUnknown));
    assert_eq!(with(5, 0, 0, 1), (None, Reason::MembersUnknown));
    assert_eq!(with(1, 0, 0, 1).0, None);
}

#[test]
fn the_last_member_that_serves_is_never_removed() {
    let mut found = pool(3);
    found.members[0].running = false;
    found.members[1].healthy = Some(false);
    let mut rules = default_rules();
    rules.scale_in.step = StepSize::members(2);
    let mut case = Case::with(rules.clone(), Mode::On);
    case.down();
    assert_eq!(drained(&case.read(found.clone())), Some(vec![1, 2]));
    // Three of three unready: whoever leaves, nobody serves.
    found.members[2].healthy = Some(false);
    let mut case = Case::with(rules, Mode::On);
    case.down();
    assert_eq!(drained(&case.read(found)), None);
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::LastReady)));
}

#[test]
fn a_down_at_or_below_the_minimum_is_refused() {
    let rules = Rules {
        bounds: Bounds::new(3, 10).expect("3 <= 10"),
        ..default_rules()
    };
    for size in 1..=3 {
        let mut case = Case::with(rules.clone(), Mode::On);
        case.down();
        assert_eq!(drained(&case.read(pool(size))), None);
        assert_eq!(case.last(), Some((Verdict::Refused, Reason::AtMin)));
    }
    // One more member listed than wanted does not count as one that may go.
    let mut case = Case::with(rules, Mode::On);
    case.down();
    let mut found = pool(3);
    found.size = Size(4);
    found.counted = 3;
    assert_eq!(drained(&case.read(found)), None);
}

#[test]
fn members_that_were_not_removed_serve_on() {
    for failure in [ActionFailure::Refused, ActionFailure::Unknown] {
        let mut case = Case::draining(3);
        case.drained_then(pool(3));
        let effects = case.end(ActionOutcome::Failed(failure), true);
        assert!(given_back(&effects).is_some(), "{failure:?}");
    }
    let mut case = Case::draining(3);
    case.drained_then(pool(3));
    assert_eq!(given_back(&case.end(ActionOutcome::Applied, true)), None);
}

#[test]
fn a_member_of_unknown_age_is_as_old_as_it_is_known() {
    let unknown = || {
        let mut pool = pool(3);
        pool.members[0].age = None;
        pool
    };
    let mut case = Case::new();
    case.down();
    assert_eq!(drained(&case.read(unknown())), None);
    assert_eq!(case.last(), Some((Verdict::Held, Reason::WarmingUp)));
    case.now = case.now + seconds(119);
    case.down();
    case.read(unknown());
    assert_eq!(case.state.draining(), None);
    assert!(case.pass(1).contains(&Effect::ReadPool));
    assert!(drained(&case.read(unknown())).is_some());
}

#[test]
fn an_up_or_a_young_member_holds_a_down() {
    let mut case = Case::new();
    case.up();
    case.read(pool(3));
    case.end(ActionOutcome::Applied, true);
    case.now = case.now + seconds(119);
    case.down();
    assert_eq!(case.last(), Some((Verdict::Held, Reason::Stabilising)));
    assert!(case.pass(1).contains(&Effect::ReadPool));
    let mut young = pool(3);
    young.members[2].age = Some(seconds(100));
    case.read(young);
    assert_eq!(case.last(), Some((Verdict::Held, Reason::WarmingUp)));
    assert_eq!(case.state.next_wake(), Some(case.now + seconds(20)));
}

#[test]
fn a_resolved_down_is_gone_and_an_up_is_not() {
    let mut case = Case::new();
    case.state.last_up = case.now;
    case.down();
    case.step(Event::DownWithdrawn);
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::Withdrawn)));
    case.now = case.now + seconds(121);
    assert_eq!(case.state.draining(), None);
    let said = case.decisions.len();
    case.step(Event::DownWithdrawn);
    assert_eq!(case.decisions.len(), said, "there is nothing to withdraw");
    case.up();
    case.step(Event::DownWithdrawn);
    assert!(case.state.asks_up());
}

#[test]
fn a_down_does_not_expire_while_its_members_drain() {
    let mut case = Case::draining(3);
    for _ in 0..40 {
        case.pass(5);
        case.read(pool(3));
    }
    assert!(!case.has(Verdict::Refused, Reason::Expired));
    assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));
}

#[test]
fn the_pool_is_looked_at_again_and_again_in_a_drain() {
    let mut case = Case::draining(3);
    for _ in 0..3 {
        let next = case.state.next_wake().expect("it looks");
        assert_eq!(next, case.now + seconds(5));
        assert!(!case.pass(4).contains(&Effect::ReadPool), "not yet");
        assert!(case.pass(1).contains(&Effect::ReadPool));
        case.read(pool(3));
    }
    case.step(Event::DrainEnded(DrainId(1)));
    assert_eq!(case.state.next_wake(), None, "a read is awaited");
}
