//! What becomes of a change, and what the policy makes of it.

use super::*;
use crate::CapacityPause;

#[test]
fn a_pinned_size_that_is_refused_is_asked_for_a_cooldown_later() {
    let mut case = Case::with(default_rules(), Mode::Pinned(Size(4)));
    case.pass(0);
    case.read(pool(2));
    case.read(pool(2));
    case.end(ActionOutcome::Failed(ActionFailure::Refused), false);
    assert!(case.state.next_wake() > Some(case.now + seconds(59)));
    assert!(case.pass(60).contains(&Effect::ReadPool));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
}

#[test]
fn a_lack_of_capacity_pauses_growth_ever_longer_and_a_success_ends_it() {
    let mut case = Case::new();
    let mut pauses = Vec::new();
    for _ in 0..5 {
        case.up();
        assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
        case.end(ActionOutcome::Failed(ActionFailure::NoCapacity), false);
        assert_eq!(case.last(), Some((Verdict::Failed, Reason::NoCapacity)));
        let until = case.state.capacity_pause().until;
        pauses.push(until.since(case.now).as_secs());
        assert_eq!(
            case.saved.expect("kept").capacity_pause,
            case.state.capacity_pause()
        );
        case.up();
        assert_eq!(case.last(), Some((Verdict::Refused, Reason::CapacityPause)));
        case.now = until;
    }
    assert_eq!(pauses, [300, 600, 1200, 1800, 1800]);
    case.up();
    case.read(pool(2));
    case.end(ActionOutcome::Applied, true);
    assert_eq!(case.state.capacity_pause().failures, 0);
    assert_eq!(case.state.capacity_pause().until, Moment::START);
}

#[test]
fn capacity_does_not_keep_the_pool_from_shrinking() {
    let mut case = Case::new();
    case.up();
    case.read(pool(3));
    case.end(ActionOutcome::Failed(ActionFailure::NoCapacity), false);
    case.now = case.now + seconds(121);
    case.down();
    assert!(drained(&case.read(pool(3))).is_some());
}

#[test]
fn what_was_not_written_is_no_action() {
    let postponed = ActionOutcome::Failed(ActionFailure::Postponed {
        reason: Reason::RateLimited,
        retry_in: seconds(20),
    });
    let mut case = Case::new();
    case.up();
    case.read(pool(2));
    let signals = case.decisions.last().expect("acted").signals;
    case.end(postponed, false);
    assert_eq!(case.last(), Some((Verdict::Held, Reason::RateLimited)));
    assert_eq!(
        case.saved.and_then(|memo| memo.up).map(|up| up.count),
        Some(signals)
    );
    assert!(case.state.cooldown_ends() <= case.now, "no cooldown began");
    assert_eq!(case.state.next_wake(), Some(case.now + seconds(20)));
    case.pass(20);
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
}

#[test]
fn a_refused_write_is_not_sent_again_and_again() {
    let mut case = Case::new();
    case.up();
    case.read(pool(2));
    case.end(ActionOutcome::Failed(ActionFailure::Refused), false);
    assert_eq!(case.last(), Some((Verdict::Failed, Reason::WriteFailed)));
    assert!(!case.up().contains(&Effect::ReadPool));
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::WriteFailed)));
    let said = case.decisions.len();
    case.up();
    assert_eq!(case.decisions.len(), said, "said once");
    // The other direction is free, and so is the same one when the cooldown ends.
    case.now = case.now + seconds(60);
    assert!(case.up().contains(&Effect::ReadPool));
}

#[test]
fn a_write_whose_end_is_unknown_is_an_action() {
    for is_written in [true, false] {
        let mut case = Case::new();
        case.up();
        case.read(pool(2));
        case.end(ActionOutcome::Failed(ActionFailure::Unknown), is_written);
        assert_eq!(case.last(), Some((Verdict::Failed, Reason::OutcomeUnknown)));
        assert_eq!(case.state.cooldown_ends(), case.now + seconds(60));
    }
}

#[test]
fn a_refused_up_is_not_kept_for_the_next_start() {
    let mut case = Case::new();
    case.up();
    assert!(case.saved.and_then(|memo| memo.up).is_some());
    case.read(pool(10));
    assert!(case.saved.expect("saved again").up.is_none());
}

#[test]
fn nothing_begins_after_the_stop() {
    let mut case = Case::new();
    case.step(Event::Stopping);
    assert!(!case.up().contains(&Effect::ReadPool));
    assert!(case.saved.and_then(|memo| memo.up).is_some(), "it is kept");
    assert_eq!(case.state.next_wake(), None);
    // An action under way is ended, and saved.
    let mut case = Case::new();
    case.up();
    case.read(pool(2));
    case.step(Event::Stopping);
    case.end(ActionOutcome::Applied, true);
    assert!(!case.saved.expect("saved").acting);
}

#[test]
fn a_restart_in_the_middle_of_an_action_waits_a_cooldown() {
    let memo = |acting| {
        Some(Memo {
            acting,
            cooldown_ends: at(5000),
            ..Memo::default()
        })
    };
    let restore = |memo| {
        State::restore(default_rules(), Mode::On, memo, at(10))
            .0
            .cooldown_ends()
    };
    assert_eq!(restore(memo(true)), at(70));
    assert_eq!(
        restore(memo(false)),
        at(70),
        "no journal delays more than a cooldown"
    );
    assert_eq!(restore(None), at(70));
    let soon = Memo {
        cooldown_ends: at(20),
        ..Memo::default()
    };
    assert_eq!(restore(Some(soon)), at(20));
    let (_, effects) = State::restore(default_rules(), Mode::On, memo(true), at(10));
    let told = effects.iter().any(|effect| {
        matches!(effect, Effect::Record(d) if (d.verdict, d.reason) == (Verdict::Failed, Reason::Restarted))
    });
    assert!(told, "{effects:?}");
}

/// Found by a randomised simulation: the change is put back only if somebody still asks for it.
#[test]
fn a_postponed_scale_in_is_gone_when_its_alert_resolves_or_an_up_comes() {
    let postponed = ActionOutcome::Failed(ActionFailure::Postponed {
        reason: Reason::RateLimited,
        retry_in: seconds(20),
    });
    let acting = || {
        let mut case = Case::draining(3);
        assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));
        case
    };
    let mut case = acting();
    case.step(Event::DownWithdrawn);
    case.end(postponed, false);
    assert_eq!(case.state.next_wake(), Some(case.now + seconds(60)));

    let mut case = acting();
    case.up();
    case.end(postponed, false);
    assert!(case.has(Verdict::Refused, Reason::UpWins));
    case.pass(20);
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));

    // With neither, it is tried again.
    let mut case = acting();
    case.end(postponed, false);
    case.pass(20);
    assert!(drained(&case.read(pool(3))).is_some());
}

/// Found by a randomised simulation: nothing was written, so no cooldown held the next attempt
/// back.
#[test]
fn a_pinned_size_waits_out_a_lack_of_capacity() {
    let mut case = Case::with(default_rules(), Mode::Pinned(Size(4)));
    case.read(pool(2));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
    case.end(ActionOutcome::Failed(ActionFailure::NoCapacity), false);
    assert_eq!(case.last(), Some((Verdict::Held, Reason::CapacityPause)));
    case.pass(299);
    assert!(!case.step(Event::Woken).contains(&Effect::ReadPool));
    assert!(case.pass(1).contains(&Effect::ReadPool));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
}

/// Found by a randomised simulation, as above: a refusal of any kind is one attempt a cooldown.
#[test]
fn a_pinned_scale_in_that_is_refused_is_one_attempt_a_cooldown() {
    for failure in [ActionFailure::NoCapacity, ActionFailure::Refused] {
        let mut case = Case::with(default_rules(), Mode::Pinned(Size(1)));
        case.read(pool(3));
        case.read(pool(3));
        assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));
        case.end(ActionOutcome::Failed(failure), false);
        assert!(case.has(Verdict::Failed, Reason::WriteFailed));
        assert!(!case.pass(59).contains(&Effect::ReadPool), "{failure:?}");
        assert!(case.pass(1).contains(&Effect::ReadPool));
    }
}

#[test]
fn a_journal_delays_growth_by_the_longest_pause_at_most() {
    let restored = |until| {
        let capacity_pause = CapacityPause { failures: 3, until };
        let memo = Memo {
            capacity_pause,
            ..Memo::default()
        };
        let (state, _) = State::restore(default_rules(), Mode::On, Some(memo), at(10));
        (
            state.capacity_pause().failures,
            state.capacity_pause().until,
        )
    };
    assert_eq!(restored(at(100)), (3, at(100)));
    assert_eq!(restored(at(1_000_000)), (3, at(10 + 1800)));
}

#[test]
fn a_decision_says_how_many_alerts_it_answers() {
    let mut case = Case::new();
    case.step(Event::Signals(Signals {
        up: 3,
        down: 0,
        ..Signals::default()
    }));
    case.step(Event::Signals(Signals {
        up: 2,
        down: 0,
        ..Signals::default()
    }));
    case.read(pool(2));
    assert_eq!(case.decisions.last().map(|d| d.signals), Some(5));
}
