//! G18: a paused agent changes nothing; and what an operator orders acts as everything else does.

use std::time::Duration;

use policy::{
    Direction, Effect, Event, Mode, Moment, Order, OrderError, Reason, Size, State, Verdict,
};
use proptest::prelude::*;

use super::{
    default_rules::default_rules,
    happening::Happening,
    lives::{config, life, live},
    world::World,
};

proptest! {
    #![proptest_config(config())]

    /// Across crashes, too.
    #[test]
    fn nothing_is_written_or_drained_in_a_pause(life in life()) {
        let (_, history) = live(life);
        for write in &history.writes {
            prop_assert!(!write.paused, "{write:?}");
        }
        for drain in &history.drains {
            prop_assert!(!drain.paused, "{drain:?}");
            for pause in history.pauses.iter().filter(|pause| **pause > drain.from) {
                prop_assert!(drain.until.is_some_and(|until| until <= *pause), "{drain:?}");
            }
        }
    }

    /// An ordered size makes no change but toward itself, and none when it has waited too long.
    #[test]
    fn an_ordered_size_is_approached_and_never_passed(life in life()) {
        let (rules, history) = live(life);
        let lifetime = rules.cooldown + rules.scale_out.alert_lifetime;
        for write in &history.writes {
            let Some(size) = write.ordered else { continue };
            match write.direction {
                // A floor that rose meanwhile leads further.
                Direction::Up => {
                    let floor = write.bounds.min().0.max(write.floor);
                    prop_assert!(write.to.0 <= size.max(floor), "{write:?}");
                }
                Direction::Down => prop_assert!(write.to.0 >= size && !write.up_waits),
            }
            let mut orders = history.ordered.iter().filter(|ordered| ordered.at <= write.ordered_at);
            let last = orders.next_back().expect("it follows one");
            let drains = Duration::from_secs(90) + rules.fresh + rules.retry;
            prop_assert!(write.ordered_at.since(last.at) <= lifetime + drains, "{write:?}");
        }
    }

    /// With nothing in its way, an order is one write, at the end of the cooldown.
    #[test]
    fn an_ordered_size_is_reached_by_one_change(from in 1u32..=10, to in 1u32..=10) {
        let settled = Happening::Pass(Duration::from_secs(180));
        let history = World::new(default_rules(), from).play(&[settled, Happening::OrderSize(to)]);
        let writes: Vec<_> = history.writes.iter().map(|write| (write.from, write.to)).collect();
        if from == to {
            prop_assert_eq!(writes, []);
            prop_assert!(history.decisions.iter().any(|d| d.reason == Reason::AtSize));
        } else {
            prop_assert_eq!(writes, [(Size(from), Size(to))]);
        }
    }

    #[test]
    fn what_is_refused_changes_nothing(size in 0u32..20, pins: bool) {
        let (mut state, _) = State::restore(default_rules(), Mode::On, None, Moment::START);
        let order = if pins {
            Order::Mode { mode: Mode::Pinned(Size(size)), until: None }
        } else {
            Order::Size(Size(size))
        };
        let before = state.control();
        let accepted = state.accepts(&order);
        let effects = state.step(Event::Control(order), Moment::START);
        let refused = effects.iter().any(|effect| matches!(
            effect,
            Effect::Record(decision) if decision.verdict == Verdict::Refused
        ));
        prop_assert_eq!(accepted.is_ok(), (1..=10).contains(&size));
        prop_assert_eq!(refused, accepted.is_err());
        prop_assert_eq!(state.control() == before, accepted.is_err());
        let outside = matches!(accepted, Err(OrderError::Outside { min: Size(1), max: Size(10), .. }));
        prop_assert!(accepted.is_ok() || outside);
    }
}
