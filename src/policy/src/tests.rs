//! Single decisions, each with the one fact that turns it.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Action, Bounds, Condition, Decision, Direction, DrainId, Effect, Event, Failure, HealthSource,
    Member, MemberId, Memo, Mode, Moment, Outcome, Pool, ReadFailure, Reason, Rules, Size, State,
    Verdict,
};

fn at(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn member(id: u128) -> Member {
    Member {
        id: MemberId(Uuid::from_u128(id)),
        address: None,
        running: true,
        healthy: Some(true),
        age: Some(seconds(3600)),
    }
}

fn pool(size: u32) -> Pool {
    Pool {
        read_at: Moment::START,
        size: Size(size),
        condition: Condition::Running,
        health: HealthSource::LoadBalancer,
        counted: size as usize,
        members: (1..=u128::from(size)).map(member).collect(),
    }
}

/// A policy with an open window and old alerts only, and what it said.
struct Case {
    state: State,
    now: Moment,
    decisions: Vec<Decision>,
    saved: Option<Memo>,
}

/// Long after the start, so that nothing of it matters.
const LATER: u64 = 1000;

impl Case {
    fn new() -> Self {
        Self::with(Rules::default(), Mode::On)
    }

    fn with(rules: Rules, mode: Mode) -> Self {
        let (mut state, _) = State::restore(rules, mode, Some(Memo::default()), Moment::START);
        state.step(Event::Woken, at(LATER)); // the review of the first window
        Self {
            state,
            now: at(LATER),
            decisions: Vec::new(),
            saved: None,
        }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.state.step(event, self.now);
        for effect in &effects {
            match effect {
                Effect::Record(decision) => self.decisions.push(*decision),
                Effect::Save(memo) | Effect::Act { memo, .. } => self.saved = Some(*memo),
                _ => {}
            }
        }
        effects
    }

    fn up(&mut self) -> Vec<Effect> {
        self.step(Event::Signals { up: 1, down: 0 })
    }

    fn down(&mut self) -> Vec<Effect> {
        self.step(Event::Signals { up: 0, down: 1 })
    }

    fn read(&mut self, mut pool: Pool) -> Vec<Effect> {
        pool.read_at = self.now;
        self.step(Event::PoolRead(Ok(pool)))
    }

    fn pass(&mut self, time: u64) -> Vec<Effect> {
        self.now = self.now + seconds(time);
        self.step(Event::Woken)
    }

    fn end(&mut self, outcome: Outcome, is_written: bool) -> Vec<Effect> {
        let written_at = is_written.then_some(self.now);
        self.step(Event::ActionEnded {
            outcome,
            written_at,
        })
    }

    /// A "down" whose victim is being drained.
    fn draining(size: u32) -> Self {
        let mut case = Self::new();
        case.down();
        let effects = case.read(pool(size));
        assert!(drained(&effects).is_some(), "{effects:?}");
        case
    }

    /// The end of that drain, and the read that it asks for.
    fn drained_then(&mut self, pool: Pool) -> Vec<Effect> {
        let ended = self.step(Event::DrainEnded(DrainId(1)));
        assert!(ended.contains(&Effect::ReadPool), "{ended:?}");
        self.read(pool)
    }

    fn last(&self) -> Option<(Verdict, Reason)> {
        self.decisions.last().map(|d| (d.verdict, d.reason))
    }

    fn has(&self, verdict: Verdict, reason: Reason) -> bool {
        let mut decisions = self.decisions.iter();
        decisions.any(|d| (d.verdict, d.reason) == (verdict, reason))
    }
}

fn action(effects: &[Effect]) -> Option<&Action> {
    effects.iter().find_map(|effect| match effect {
        Effect::Act { action, .. } => Some(action),
        _ => None,
    })
}

fn resize(effects: &[Effect]) -> Option<(u32, u32)> {
    action(effects).map(|action| (action.resize().from().0, action.resize().to().0))
}

fn drained(effects: &[Effect]) -> Option<Vec<u128>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Drain { members, .. } => Some(ids(members)),
        _ => None,
    })
}

fn given_back(effects: &[Effect]) -> Option<Vec<u128>> {
    effects.iter().find_map(|effect| match effect {
        Effect::GiveBack(members) => Some(ids(members)),
        _ => None,
    })
}

fn ids(members: &[Member]) -> Vec<u128> {
    members.iter().map(|m| m.id.0.as_u128()).collect()
}

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
    case.end(Outcome::Applied, true);
    assert_eq!(case.state.opens(), at(LATER) + seconds(60));
    assert!(!case.saved.expect("saved after it").acting);
}

#[test]
fn a_drain_does_not_use_the_window_up() {
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
            case.end(Outcome::Applied, true);
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
            ..Rules::default()
        };
        let mut case = Case::with(rules, Mode::On);
        case.up();
        resize(&case.read(found)).is_some()
    };
    assert!(unready(3, 2) && !unready(3, 3));
    assert!(unready(20, 9) && !unready(20, 10));
}

#[test]
fn a_down_gives_up_places_that_no_member_fills() {
    let with = |size: u32, members: u32, counted: usize, step: u32| {
        let mut rules = Rules::default();
        rules.scale_in.step = step.try_into().expect("not zero");
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
    assert_eq!(resize(&case.read(found)), Some((5, 4)));
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
    let mut rules = Rules::default();
    rules.scale_in.step = 2.try_into().expect("not zero");
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
        ..Rules::default()
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
fn a_pinned_size_is_reached_step_by_step_and_kept() {
    let mut case = Case::with(Rules::default(), Mode::Pinned(Size(4)));
    case.pass(0);
    case.read(pool(2));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
    assert_eq!(case.last(), Some((Verdict::Acted, Reason::Pinned)));
    case.end(Outcome::Applied, true);
    case.up();
    assert!(case.has(Verdict::Refused, Reason::Pinned));

    // A step that is larger than the way ends where it is pinned.
    let mut rules = Rules::default();
    rules.scale_out.step = 3.try_into().expect("not zero");
    let mut case = Case::with(rules, Mode::Pinned(Size(4)));
    case.read(pool(3));
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));

    // Down: without an alert, without stabilisation, and through a drain.
    let mut case = Case::with(Rules::default(), Mode::Pinned(Size(1)));
    case.pass(0);
    case.read(pool(3));
    assert!(drained(&case.read(pool(3))).is_some());
    assert_eq!(case.last(), Some((Verdict::Draining, Reason::Pinned)));
    case.up();
    assert!(case.state.draining().is_some(), "an alert does not move it");
    assert_eq!(resize(&case.drained_then(pool(3))), Some((3, 2)));

    // A pinned size outside the bounds is brought inside.
    let case = Case::with(Rules::default(), Mode::Pinned(Size(99)));
    assert_eq!(case.state.mode(), Mode::Pinned(Size(10)));
}

#[test]
fn a_pinned_size_that_is_refused_is_asked_for_a_window_later() {
    let mut case = Case::with(Rules::default(), Mode::Pinned(Size(4)));
    case.pass(0);
    case.read(pool(2));
    case.read(pool(2));
    case.end(Outcome::Failed(Failure::Refused), false);
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
        case.end(Outcome::Failed(Failure::NoCapacity), false);
        assert_eq!(case.last(), Some((Verdict::Failed, Reason::NoCapacity)));
        let until = case.state.backoff().until;
        pauses.push(until.since(case.now).as_secs());
        assert_eq!(case.saved.expect("kept").backoff, case.state.backoff());
        case.up();
        assert_eq!(
            case.last(),
            Some((Verdict::Refused, Reason::CapacityBackoff))
        );
        case.now = until;
    }
    assert_eq!(pauses, [300, 600, 1200, 1800, 1800]);
    case.up();
    case.read(pool(2));
    case.end(Outcome::Applied, true);
    assert_eq!(case.state.backoff().failures, 0);
    assert_eq!(case.state.backoff().until, Moment::START);
}

#[test]
fn capacity_does_not_keep_the_pool_from_shrinking() {
    let mut case = Case::new();
    case.up();
    case.read(pool(3));
    case.end(Outcome::Failed(Failure::NoCapacity), false);
    case.now = case.now + seconds(121);
    case.down();
    assert!(drained(&case.read(pool(3))).is_some());
}

#[test]
fn what_was_not_written_is_no_action() {
    let postponed = Outcome::Failed(Failure::Postponed {
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
    assert!(case.state.opens() <= case.now, "no window began");
    assert_eq!(case.state.next_wake(), Some(case.now + seconds(20)));
    case.pass(20);
    assert_eq!(resize(&case.read(pool(2))), Some((2, 3)));
}

#[test]
fn a_refused_write_is_not_sent_again_and_again() {
    let mut case = Case::new();
    case.up();
    case.read(pool(2));
    case.end(Outcome::Failed(Failure::Refused), false);
    assert_eq!(case.last(), Some((Verdict::Failed, Reason::WriteFailed)));
    assert!(!case.up().contains(&Effect::ReadPool));
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::WriteFailed)));
    let said = case.decisions.len();
    case.up();
    assert_eq!(case.decisions.len(), said, "said once");
    // The other direction is free, and so is the same one when the window ends.
    case.now = case.now + seconds(60);
    assert!(case.up().contains(&Effect::ReadPool));
}

#[test]
fn a_write_whose_end_is_unknown_is_an_action() {
    for is_written in [true, false] {
        let mut case = Case::new();
        case.up();
        case.read(pool(2));
        case.end(Outcome::Failed(Failure::Unknown), is_written);
        assert_eq!(case.last(), Some((Verdict::Failed, Reason::OutcomeUnknown)));
        assert_eq!(case.state.opens(), case.now + seconds(60));
    }
}

#[test]
fn members_that_were_not_removed_serve_on() {
    for failure in [Failure::Refused, Failure::Unknown] {
        let mut case = Case::draining(3);
        case.drained_then(pool(3));
        let effects = case.end(Outcome::Failed(failure), true);
        assert!(given_back(&effects).is_some(), "{failure:?}");
    }
    let mut case = Case::draining(3);
    case.drained_then(pool(3));
    assert_eq!(given_back(&case.end(Outcome::Applied, true)), None);
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
fn a_refused_up_is_not_kept_for_the_next_start() {
    let mut case = Case::new();
    case.up();
    assert!(case.saved.and_then(|memo| memo.up).is_some());
    case.read(pool(10));
    assert!(case.saved.expect("saved again").up.is_none());
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
    case.end(Outcome::Applied, true);
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
fn old_alerts_expire_on_the_millisecond() {
    for (is_up, lifetime) in [(true, 300), (false, 180)] {
        let mut case = Case::new();
        case.state.retry = None;
        let (up, down) = (u32::from(is_up), u32::from(!is_up));
        case.step(Event::Signals { up, down });
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
fn a_quiet_window_is_noted_and_the_pool_read() {
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
    let mut case = Case::with(Rules::default(), Mode::Recommend);
    case.down();
    let effects = case.read(pool(3));
    assert_eq!((drained(&effects), action(&effects)), (None, None));
    assert_eq!(case.last(), Some((Verdict::Recommended, Reason::LowLoad)));
    case.now = case.now + seconds(60);
    case.up();
    assert_eq!(action(&case.read(pool(3))), None);
    assert_eq!(case.last(), Some((Verdict::Recommended, Reason::HighLoad)));
    assert_eq!(case.state.opens(), case.now + seconds(60));
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
    case.end(Outcome::Applied, true);
    assert!(!case.saved.expect("saved").acting);
}

#[test]
fn a_restart_in_the_middle_of_an_action_waits_a_window() {
    let memo = |acting| {
        Some(Memo {
            acting,
            opens: at(5000),
            ..Memo::default()
        })
    };
    let restore = |memo| {
        State::restore(Rules::default(), Mode::On, memo, at(10))
            .0
            .opens()
    };
    assert_eq!(restore(memo(true)), at(70));
    assert_eq!(
        restore(memo(false)),
        at(70),
        "no journal delays more than a window"
    );
    assert_eq!(restore(None), at(70));
    let soon = Memo {
        opens: at(20),
        ..Memo::default()
    };
    assert_eq!(restore(Some(soon)), at(20));
    let (_, effects) = State::restore(Rules::default(), Mode::On, memo(true), at(10));
    let told = effects.iter().any(|effect| {
        matches!(effect, Effect::Record(d) if (d.verdict, d.reason) == (Verdict::Failed, Reason::Restarted))
    });
    assert!(told, "{effects:?}");
}

#[test]
fn unready_limits_are_read_and_written_alike() {
    for text in ["3", "50%", "3 or 50%", "1", "100%", "65535 or 1%"] {
        let limit: super::MaxUnready = text.parse().expect(text);
        assert_eq!(limit.to_string(), text);
    }
    for text in [
        "",
        "0",
        "-1",
        "0%",
        "101%",
        "50%%",
        "3 or",
        "or 50%",
        "3 or 0%",
        "half",
        "1.5",
        "3 or 4",
        "99999999999",
        "50% or 3",
        "NaN%",
    ] {
        assert!(text.parse::<super::MaxUnready>().is_err(), "{text:?}");
    }
    let limit = |text: &str, members| text.parse::<super::MaxUnready>().expect(text).of(members);
    assert_eq!(limit("3", 100), 3);
    assert_eq!(limit("50%", 7), 4, "rounded up");
    assert_eq!(
        limit("50%", 0),
        1,
        "never 0, which would forbid every growth"
    );
    assert_eq!(limit("3 or 50%", 4), 3);
    assert_eq!(limit("3 or 50%", 10), 5);
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

#[test]
fn a_pool_knows_what_it_lacks() {
    let mut found = pool(3);
    assert_eq!((found.missing(), found.unready(), found.ready()), (0, 0, 3));
    assert!(found.is_listed_whole());
    found.counted = 7; // more than wanted: somebody is shrinking it
    assert!(found.is_listed_whole(), "nobody who is wanted is missing");
    found.size = Size(5);
    found.members[0].healthy = Some(false);
    assert_eq!((found.missing(), found.unready(), found.ready()), (2, 3, 2));
    assert!(!found.is_listed_whole());
    found.counted = 3;
    assert!(found.is_listed_whole());
    // More listed than wanted: those on top count, too.
    found.size = Size(1);
    assert_eq!((found.missing(), found.unready()), (0, 1));
}

#[test]
fn codes_are_distinct_words_and_what_is_serialised() {
    let mut codes: Vec<String> = Reason::ALL.iter().map(ToString::to_string).collect();
    for (code, reason) in codes.iter().zip(Reason::ALL) {
        assert_eq!(code, reason.code());
        assert!(code.chars().all(|c| c == '_' || c.is_ascii_lowercase()) && !code.is_empty());
        assert!(!reason.text().is_empty());
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    for (verdict, code) in [
        (Verdict::Acted, "acted"),
        (Verdict::Recommended, "recommended"),
        (Verdict::Held, "held"),
        (Verdict::Refused, "refused"),
        (Verdict::Failed, "failed"),
        (Verdict::Draining, "draining"),
        (Verdict::GivenBack, "given_back"),
        (Verdict::Quiet, "quiet"),
    ] {
        assert_eq!(verdict.code(), code);
    }
}

#[test]
fn directions_have_their_names() {
    assert_eq!(Direction::between(1, 2), Some(Direction::Up));
    assert_eq!(Direction::between(2, 1), Some(Direction::Down));
    assert_eq!(Direction::between(2, 2), None);
    let names = |d: Direction| (d.to_string(), d.as_str(), d.action_name());
    assert_eq!(names(Direction::Up), ("up".to_owned(), "up", "scale out"));
    assert_eq!(
        names(Direction::Down),
        ("down".to_owned(), "down", "scale in")
    );
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
