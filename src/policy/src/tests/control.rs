//! What an operator orders, each order with the one fact that turns it.

use super::*;

fn held(case: &Case, reason: Reason) -> usize {
    let decisions = case.decisions.iter();
    decisions
        .filter(|d| (d.verdict, d.reason) == (Verdict::Held, reason))
        .count()
}

#[test]
fn a_pause_holds_alerts_and_a_resume_lets_them_act() {
    let mut case = Case::new();
    case.order(Order::Pause);
    assert_eq!(case.last(), Some((Verdict::Control, Reason::Paused)));
    assert!(case.saved.expect("it is kept").control.paused);
    for _ in 0..5 {
        assert!(!case.up().contains(&Effect::ReadPool));
        case.pass(10);
    }
    assert_eq!(held(&case, Reason::Paused), 1, "recorded once");
    assert_eq!(
        case.state.up.map(|up| up.count),
        Some(5),
        "and all are counted"
    );
    assert_eq!(case.state.acts_at(), None);
    // The pool is read for the record all the same.
    case.now = case.now + seconds(60);
    assert!(case.step(Event::Woken).contains(&Effect::ReadPool));
    assert_eq!(action(&case.read(pool(3))), None);
    assert!(case.order(Order::Resume).contains(&Effect::ReadPool));
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));
    assert_eq!(case.decisions.last().expect("recorded").signals, 5);
}

#[test]
fn a_pause_ends_a_drain_and_outlives_the_process() {
    let mut case = Case::draining(3);
    assert!(given_back(&case.order(Order::Pause)).is_some());
    assert!(case.has(Verdict::GivenBack, Reason::Paused));
    let memo = case.saved;
    let (mut state, _) = State::restore(default_rules(), Mode::On, memo, at(0));
    assert!(state.control().paused);
    let effects = state.step(
        Event::Signals(Signals {
            up: 1,
            ..Signals::default()
        }),
        at(500),
    );
    assert!(!effects.contains(&Effect::ReadPool), "{effects:?}");
}

#[test]
fn an_alert_that_waits_through_a_long_pause_is_refused_in_words() {
    let mut case = Case::new();
    case.order(Order::Pause);
    case.up();
    case.pass(301);
    assert!(case.has(Verdict::Refused, Reason::Expired));
}

#[test]
fn an_ordered_mode_ends_by_itself() {
    let mut case = Case::new();
    let end = case.now + seconds(600);
    let (mode, until) = (Mode::Pinned(Size(4)), Some(end));
    case.order(Order::Mode { mode, until });
    assert_eq!(case.state.mode(), mode);
    // The settings' mode is another meanwhile, and waits.
    case.step(Event::ModeSet(Mode::ScaleOutOnly));
    assert_eq!(case.state.mode(), mode);
    let memo = case.saved;
    let (restored, _) = State::restore(default_rules(), Mode::On, memo, case.now);
    assert_eq!(restored.mode(), mode);

    case.read(pool(4));
    case.read(pool(4));
    while case.now < end {
        case.now = case.state.next_wake().expect("it wakes").max(case.now);
        case.step(Event::Woken);
        case.read(pool(4));
    }
    assert_eq!(case.now, end, "it wakes for that");
    assert!(case.has(Verdict::Control, Reason::ModeEnded));
    assert_eq!(case.state.mode(), Mode::ScaleOutOnly);

    case.order(Order::Mode { mode, until: None });
    case.order(Order::OwnMode);
    assert_eq!(case.state.mode(), Mode::ScaleOutOnly);
}

#[test]
fn ordered_limits_win_over_the_settings_and_hold_the_schedule() {
    let limits = |min, max| Bounds::new(min, max).expect("min <= max");
    let mut case = Case::new();
    case.order(Order::Limits(limits(2, 20)));
    assert_eq!(case.state.rules().bounds, limits(2, 20));
    case.up();
    assert_eq!(
        resize(&case.read(pool(10))),
        Some((10, 11)),
        "past the settings' maximum"
    );
    case.end(ActionOutcome::Applied, true);

    // A schedule narrows within them: its minimum never exceeds their maximum.
    case.order(Order::Limits(limits(2, 4)));
    case.step(Event::Scheduled(ScheduledLimits {
        min: Some(Size(9)),
        max: None,
    }));
    assert_eq!(case.state.floor(), Some(Size(4)));
    case.step(Event::Scheduled(ScheduledLimits::default()));
    case.order(Order::OwnLimits);
    assert_eq!(case.state.rules().bounds, limits(1, 10));
    assert_eq!(case.state.floor(), None);
}

#[test]
fn an_ordered_minimum_is_reached_without_an_alert() {
    let mut case = Case::new();
    case.read(pool(2));
    let effects = case.order(Order::Limits(Bounds::new(5, 8).expect("5 <= 8")));
    assert!(effects.contains(&Effect::ReadPool));
    assert_eq!(resize(&case.read(pool(2))), Some((2, 5)));
    assert_eq!(case.last(), Some((Verdict::Acted, Reason::LimitsChanged)));
}

#[test]
fn an_ordered_size_waits_for_the_cooldown_and_says_when() {
    let mut case = Case::new();
    case.up();
    case.read(pool(2));
    case.end(ActionOutcome::Applied, true);
    let cooldown_ends = case.now + seconds(60);
    case.read(pool(3));
    case.order(Order::Size(Size(8)));
    assert_eq!(case.state.acts_at(), Some(cooldown_ends));
    assert_eq!(case.last(), Some((Verdict::Held, Reason::Cooldown)));
    assert!(case.pass(60).contains(&Effect::ReadPool));
    assert_eq!(
        resize(&case.read(pool(3))),
        Some((3, 8)),
        "past scale_out.max_step"
    );
    assert_eq!(case.last(), Some((Verdict::Acted, Reason::SizeOrdered)));
    assert_eq!(case.saved.expect("kept").control.size, None);
}

#[test]
fn a_smaller_size_drains_and_neither_warm_up_nor_a_resolved_alert_hinders_it() {
    let mut case = Case::new();
    let mut young = pool(5);
    young.members[0].age = Some(seconds(1));
    case.read(young.clone());
    case.order(Order::Size(Size(2)));
    let effects = case.read(young.clone());
    assert_eq!(drained(&effects).map(|members| members.len()), Some(3));
    assert_eq!(case.last(), Some((Verdict::Draining, Reason::SizeOrdered)));
    case.step(Event::DownWithdrawn);
    assert_eq!(resize(&case.drained_then(young)), Some((5, 2)));
}

#[test]
fn an_up_alert_beats_an_order_for_fewer() {
    let mut case = Case::new();
    case.read(pool(5));
    case.order(Order::Size(Size(2)));
    assert!(drained(&case.read(pool(5))).is_some());
    assert!(given_back(&case.up()).is_some());
    assert!(case.has(Verdict::Refused, Reason::UpWins));
    assert_eq!(
        case.state.accepts(&Order::Size(Size(2))),
        Err(OrderError::UpWaits)
    );
    assert_eq!(resize(&case.read(pool(5))), Some((5, 6)));
}

#[test]
fn an_order_that_cannot_be_followed_says_why() {
    let mut case = Case::new();
    case.read(pool(3));
    let outside = |size| OrderError::Outside {
        size: Size(size),
        min: Size(1),
        max: Size(10),
    };
    assert_eq!(case.state.accepts(&Order::Size(Size(11))), Err(outside(11)));
    assert_eq!(case.state.accepts(&Order::Size(Size(0))), Err(outside(0)));
    let pinned = Mode::Pinned(Size(99));
    let order = Order::Mode {
        mode: pinned,
        until: None,
    };
    assert_eq!(case.state.accepts(&order), Err(outside(99)));
    case.order(Order::Pause);
    assert_eq!(
        case.state.accepts(&Order::Size(Size(4))),
        Err(OrderError::Paused)
    );
    case.order(Order::Resume);
    for mode in [Mode::Recommend, Mode::Pinned(Size(3)), Mode::ScaleOutOnly] {
        case.order(Order::Mode { mode, until: None });
        assert_eq!(
            case.state.accepts(&Order::Size(Size(2))),
            Err(OrderError::Mode(mode))
        );
    }
    assert_eq!(
        case.state.accepts(&Order::Size(Size(4))),
        Ok(()),
        "scale-out-only"
    );
    case.step(Event::AtLeast(Size(5)));
    let below = OrderError::Outside {
        size: Size(4),
        min: Size(5),
        max: Size(10),
    };
    assert_eq!(case.state.accepts(&Order::Size(Size(4))), Err(below));
}

#[test]
fn an_order_for_the_size_that_is_there_ends_without_a_change() {
    let mut case = Case::new();
    case.order(Order::Size(Size(4)));
    assert_eq!(action(&case.read(pool(4))), None);
    assert_eq!(case.last(), Some((Verdict::Refused, Reason::AtSize)));
    assert_eq!(case.state.control().size, None);
}

#[test]
fn an_order_that_was_postponed_is_tried_again_and_expires() {
    let mut case = Case::new();
    case.read(pool(3));
    case.order(Order::Size(Size(6)));
    assert_eq!(resize(&case.read(pool(3))), Some((3, 6)));
    let postponed = ActionFailure::Postponed {
        reason: Reason::Conflict,
        retry_in: seconds(20),
    };
    case.end(ActionOutcome::Failed(postponed), false);
    assert!(case.pass(20).contains(&Effect::ReadPool));
    case.step(Event::PoolRead(Err(ReadFailure::RateLimited(seconds(
        9000,
    )))));
    let expires = case.state.next_wake().expect("it wakes to expire");
    case.now = expires.max(case.now + seconds(361));
    case.step(Event::Woken);
    assert!(case.has(Verdict::Refused, Reason::Expired));
}

#[test]
fn settings_that_are_read_again_begin_no_cooldown() {
    let memo = Some(Memo::default());
    let (mut state, _) = State::restore(default_rules(), Mode::On, memo, at(0));
    let rules = Box::new(default_rules());
    state.step(Event::SettingsRead(rules, Mode::On), at(0));
    assert_eq!(state.cooldown_ends(), at(0));
}

#[test]
fn settings_that_are_read_again_lengthen_a_cooldown_and_keep_orders() {
    let mut case = Case::new();
    case.order(Order::Limits(Bounds::new(1, 5).expect("1 <= 5")));
    case.up();
    case.read(pool(2));
    case.end(ActionOutcome::Applied, true);
    let acted = case.now;
    let read = |cooldown, max| {
        let rules = Rules {
            cooldown: seconds(cooldown),
            bounds: Bounds::new(1, max).expect("1 <= max"),
            ..default_rules()
        };
        Event::SettingsRead(Box::new(rules), Mode::ScaleOutOnly)
    };
    case.step(read(90, 20));
    assert_eq!(case.last(), Some((Verdict::Control, Reason::SettingsRead)));
    assert_eq!(case.state.cooldown_ends(), acted + seconds(90));
    case.step(read(30, 20));
    assert_eq!(
        case.state.cooldown_ends(),
        acted + seconds(90),
        "never shorter"
    );
    assert_eq!(case.state.rules().bounds.max(), Size(5), "the order holds");
    assert_eq!(case.state.mode(), Mode::ScaleOutOnly);
    case.order(Order::OwnLimits);
    assert_eq!(case.state.rules().bounds.max(), Size(20));
}
