//! How large a step is, and why.

use proptest::prelude::*;

use super::*;
use crate::{AskedSteps, SeverityTable};

fn step(text: &str) -> StepSize {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn severe() -> Rules {
    let mut rules = default_rules();
    rules.scale_out.severity = "0.95: 150%".parse().expect("a table");
    rules
}

impl Case {
    /// An "up" alert with this value.
    fn up_with(&mut self, value: f64) -> Vec<Effect> {
        let steps = self.state.rules().scale_out.severity.asked_by(value);
        self.step(Event::Signals(Signals {
            up: 1,
            steps,
            ..Signals::default()
        }))
    }
}

fn size_asked_for(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::Act { action, .. } => Some(action.resize().to().0),
        _ => None,
    })
}

#[test]
fn a_share_is_rounded_up_to_add_and_down_to_remove_and_is_at_least_one() {
    for (text, size, added, removed) in [
        ("1", 4, 1, 1),
        ("3", 4, 3, 3),
        ("150%", 1, 2, 1),
        ("150%", 3, 5, 4),
        ("50%", 1, 1, 1),
        ("50%", 5, 3, 2),
        ("10%", 4, 1, 1),
        ("2 or 50%", 2, 2, 2),
        ("2 or 50%", 9, 5, 4),
        ("1000%", u32::MAX, u32::MAX, u32::MAX),
    ] {
        let (step, size) = (step(text), Size(size));
        let got = (step.to_add(size), step.to_remove(size));
        assert_eq!(got, (added, removed), "{text} of {size}");
        assert_eq!(step.to_string(), text);
    }
}

#[test]
fn what_is_no_step_is_refused() {
    for text in [
        "",
        "0",
        "0%",
        "-1",
        "1.5",
        "50 percent",
        "%",
        "1001%",
        "70000",
        "1 or 2",
        "50% or 2",
        "NaN",
    ] {
        let error = text.parse::<StepSize>();
        assert!(error.is_err(), "{text}: {error:?}");
    }
}

#[test]
fn a_table_of_severity_is_read_as_it_is_written_and_refused_when_it_makes_no_sense() {
    for text in [
        "none",
        "0.95: 150%",
        "0.9: 2, 0.95: 150%",
        "0.85: 1, 0.975: 3 or 50%",
    ] {
        let table: SeverityTable = text.parse().expect("a table");
        assert_eq!(table.to_string(), text);
    }
    for (text, names) in [
        ("", "no colon"),
        ("0.95", "no colon"),
        ("0.95: 2,", "no colon"),
        ("95: 2", "`95`"),
        ("1.0: 2", "`1.0`"),
        ("NaN: 2", "`NaN`"),
        ("-0.1: 2", "`-0.1`"),
        ("0.95: 0%", "`0%`"),
        ("0.95: 2, 0.9: 3", "90%"),
        ("0.9: 3, 0.95: 2", "95%"),
        ("0.9: 3, 0.9: 4", "90%"),
        ("0.9: 3, 0.95: 3", "95%"),
    ] {
        let error = text.parse::<SeverityTable>().expect_err(text).to_string();
        assert!(error.contains(names), "{text}: {error}");
    }
}

#[test]
fn a_value_asks_for_the_step_of_the_highest_row_below_it() {
    let table: SeverityTable = "0.9: 2, 0.95: 150%".parse().expect("a table");
    let text = |value| table.step(value).map(|step| step.size.to_string());
    assert_eq!(text(0.9), None);
    assert_eq!(text(0.901).as_deref(), Some("2"));
    assert_eq!(text(0.95).as_deref(), Some("2"));
    assert_eq!(text(1.0).as_deref(), Some("150%"));
    assert_eq!(text(1.02).as_deref(), Some("150%"), "a rate overshoots");
    for no_share in [f64::NAN, f64::INFINITY, -1.0, 97.0, 1e9] {
        assert_eq!(text(no_share), None, "{no_share}");
    }
}

#[test]
fn a_severe_alert_takes_a_larger_step_and_the_decision_says_why() {
    let mut case = Case::with(severe(), Mode::On);
    case.up_with(0.85);
    assert_eq!(size_asked_for(&case.read(pool(4))), Some(5));
    let mut case = Case::with(severe(), Mode::On);
    case.up_with(0.99);
    assert_eq!(size_asked_for(&case.read(pool(3))), Some(8));
    let said = case.decisions.last().expect("a decision").to_string();
    assert_eq!(
        said,
        "Scale-out 3 -> 8: \"up\" alert, step 150% for average CPU above 95%"
    );
}

#[test]
fn the_strongest_of_a_cooldown_wins_also_across_a_restart() {
    let mut case = Case::with(severe(), Mode::On);
    case.up();
    case.read(pool(2));
    case.end(ActionOutcome::Applied, true);
    case.up_with(0.97); // in the cooldown
    case.up_with(0.82);
    let kept = case.saved.expect("it was kept");
    let (mut state, _) = State::restore(severe(), Mode::On, Some(kept), case.now);
    let later = case.now + seconds(61);
    state.step(Event::Woken, later);
    let read = Pool {
        read_at: later,
        ..pool(3)
    };
    assert_eq!(
        size_asked_for(&state.step(Event::PoolRead(Ok(read)), later)),
        Some(8)
    );
    case.pass(61);
    assert_eq!(size_asked_for(&case.read(pool(3))), Some(8));
}

#[test]
fn no_step_is_larger_than_the_largest() {
    let mut rules = severe();
    rules.scale_out.max_step = StepSize::members(2);
    let mut case = Case::with(rules.clone(), Mode::On);
    case.up_with(0.99);
    assert_eq!(size_asked_for(&case.read(pool(4))), Some(6));
    let mut case = Case::with(rules, Mode::On);
    case.step(Event::AtLeast(Size(9)));
    case.pass(60); // the review reads the pool
    case.read(pool(4));
    assert_eq!(size_asked_for(&case.read(pool(4))), Some(6));
    assert_eq!(
        case.decisions.last().expect("a decision").reason,
        Reason::AtLeast
    );
}

#[test]
fn a_pool_shrinks_by_the_share_of_the_settings() {
    let mut rules = default_rules();
    rules.scale_in.step = step("50%");
    let mut case = Case::with(rules, Mode::On);
    case.down();
    let effects = case.read(pool(7));
    assert_eq!(drained(&effects).map(|members| members.len()), Some(3));
    let said = case.decisions.last().expect("a decision").to_string();
    assert_eq!(
        said,
        "Draining before scale-in 7 -> 4: \"down\" alert, step 50%"
    );
}

#[test]
fn a_floor_that_rises_gives_a_draining_member_back() {
    for event in [
        Event::AtLeast(Size(4)),
        Event::Scheduled(crate::ScheduledLimits {
            min: Some(Size(4)),
            max: None,
        }),
    ] {
        let mut case = Case::draining(4);
        let effects = case.step(event);
        assert!(
            effects
                .iter()
                .any(|effect| matches!(effect, Effect::GiveBack(_))),
            "{effects:?}"
        );
        assert_eq!(
            case.decisions.last().expect("a decision").reason,
            Reason::AtFloor
        );
    }
    let mut case = Case::draining(4);
    case.step(Event::AtLeast(Size(2)));
    assert!(case.state.draining().is_some(), "2 members would stay");
}

#[test]
fn a_pinned_size_wins_over_a_floor() {
    let mut case = Case::with(default_rules(), Mode::Pinned(Size(2)));
    case.step(Event::AtLeast(Size(9)));
    case.pass(60);
    assert_eq!(size_asked_for(&case.read(pool(2))), None);
    assert_eq!(case.state.floor(), None);
}

proptest! {
    /// Steps that are gathered one by one ask for what the strongest of them asks for.
    #[test]
    fn what_waits_is_as_strong_as_its_strongest(
        steps in proptest::collection::vec((0u32..9, 0u32..500), 1..8),
        size in 1u32..100,
    ) {
        let sizes = steps.iter().filter_map(|&(members, percent)| match (members, percent) {
            (0, 0) => None,
            (0, percent) => Some(step(&format!("{percent}%"))),
            (members, 0) => Some(step(&members.to_string())),
            (members, percent) => Some(step(&format!("{members} or {percent}%"))),
        });
        let sizes: Vec<StepSize> = sizes.collect();
        let asked = sizes.iter().fold(AskedSteps::default(), |asked, size| {
            asked.and(AskedSteps::new(*size, StepCause::Label))
        });
        let chosen = asked.strongest(StepSize::ONE, Size(size));
        let wanted = sizes.iter().map(|step| step.to_add(Size(size))).max().unwrap_or(1);
        prop_assert_eq!(chosen.size.to_add(Size(size)), wanted);
    }
}
