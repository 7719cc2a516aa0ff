//! G5: when both alerts wait in one cooldown, the pool grows and does not shrink.

use std::time::Duration;

use policy::{Direction, Mode};
use proptest::prelude::*;

use super::{
    default_rules::default_rules,
    happening::Happening,
    lives::{config, life, live},
    world::World,
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_shrinks_while_an_up_waits(life in life()) {
        let (_, history) = live(life);
        for write in &history.writes {
            if write.direction == Direction::Down && !matches!(write.mode, Mode::Pinned(_)) {
                prop_assert!(!write.up_waits, "{write:?}");
            }
        }
    }

    /// Members that are being emptied serve on at once when an "up" comes.
    #[test]
    fn an_up_ends_a_drain(life in life()) {
        let (_, history) = live(life);
        let ups = history.alerts.iter().filter(|alert| {
            alert.direction == Direction::Up && !matches!(alert.mode, Mode::Pinned(_))
        });
        for up in ups {
            for drain in history.drains.iter().filter(|drain| drain.from < up.at) {
                prop_assert!(drain.until.is_some_and(|until| until <= up.at), "{up:?} {drain:?}");
            }
        }
    }

    #[test]
    fn any_mixture_in_one_cooldown_is_one_step_up(
        alerts in proptest::collection::vec((any::<bool>(), 0u64..50), 1..40),
    ) {
        let mut happenings = vec![Happening::Pass(Duration::from_secs(10))];
        for (up, _) in &alerts {
            happenings.push(Happening::Alerts { up: u32::from(*up), down: u32::from(!up) });
        }
        let history = World::new(default_rules(), 3).play(&happenings);
        let ups = history.writes.iter().filter(|w| w.direction == Direction::Up).count();
        prop_assert_eq!(ups, usize::from(alerts.iter().any(|(up, _)| *up)));
        if ups == 1 {
            prop_assert_eq!(history.writes.len(), 1, "the down alerts are gone: {:?}", history.writes);
        }
    }
}
