//! A standby decides nothing; whoever takes over heeds the cooldown of those before it.

use super::{super::Leadership, *};

fn leads(case: &mut Case, number: u64, others_ended: Moment) -> Vec<Effect> {
    case.step(Event::Leadership(Leadership::Leader {
        number,
        others_ended,
    }))
}

fn stands_by(case: &mut Case) -> Vec<Effect> {
    case.step(Event::Leadership(Leadership::Standby))
}

#[test]
fn g19_a_standby_keeps_alerts_and_acts_after_taking_over() {
    let mut case = Case::new();
    stands_by(&mut case);
    assert_eq!(case.last(), Some((Verdict::Control, Reason::Standby)));
    assert!(!case.up().contains(&Effect::ReadPool));
    assert_eq!(case.last(), Some((Verdict::Held, Reason::Standby)));
    assert_eq!(case.state.acts_at(), None);
    // The pool is read for the record, and nothing comes of it.
    assert!(case.pass(60).contains(&Effect::ReadPool));
    assert_eq!(action(&case.read(pool(3))), None);

    let effects = leads(&mut case, 8, at(LATER));
    assert!(effects.contains(&Effect::ReadPool), "{effects:?}");
    assert_eq!(resize(&case.read(pool(3))), Some((3, 4)));
    assert_eq!(case.saved.expect("it is kept").lease_number, Some(8));
}

#[test]
fn g19_the_cooldown_of_those_before_is_heeded() {
    let mut case = Case::new();
    stands_by(&mut case);
    case.up();
    // Another acted 20 s ago.
    let ended = at(LATER);
    case.pass(20);
    assert!(!leads(&mut case, 8, ended).contains(&Effect::ReadPool));
    assert_eq!(case.last(), Some((Verdict::Held, Reason::Cooldown)));
    assert!(!case.pass(39).contains(&Effect::ReadPool));
    assert!(case.pass(1).contains(&Effect::ReadPool));
}

#[test]
fn a_lease_that_comes_back_without_another_holder_costs_no_cooldown() {
    let mut case = Case::new();
    leads(&mut case, 7, Moment::START);
    for number in [7, 8] {
        stands_by(&mut case);
        case.up();
        let now = case.now;
        assert!(leads(&mut case, number, now).contains(&Effect::ReadPool));
        case.read(pool(10));
    }
    stands_by(&mut case);
    case.pass(300);
    case.up();
    let now = case.now;
    assert!(!leads(&mut case, 10, now).contains(&Effect::ReadPool));
}

#[test]
fn g19_a_lost_lease_ends_a_drain() {
    let mut case = Case::draining(3);
    assert!(given_back(&stands_by(&mut case)).is_some());
    assert!(case.has(Verdict::GivenBack, Reason::Standby));
    // A read that was on its way decides nothing.
    assert_eq!(action(&case.read(pool(3))), None);
    assert_eq!(drained(&case.pass(60)), None);
}
