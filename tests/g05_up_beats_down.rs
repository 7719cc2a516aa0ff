//! G5: when both alerts wait in one window, the pool grows and does not shrink.

mod support;

use std::time::Duration;

use autoscaler::policy::{Direction, Mode, Rules};
use proptest::prelude::*;
use support::{
    lives::{life, live},
    world::{Happening, World},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_shrinks_while_an_up_waits(life in life()) {
        let (_, history) = live(life);
        for write in &history.writes {
            if write.direction == Direction::Down && !matches!(write.mode, Mode::Pinned(_)) {
                prop_assert!(!write.up_waits, "{write:?}");
            }
        }
    }

    #[test]
    fn any_mixture_in_one_window_is_one_step_up(
        alerts in proptest::collection::vec((any::<bool>(), 0u64..50), 1..40),
    ) {
        let mut happenings = vec![Happening::Pass(Duration::from_secs(10))];
        for (up, _) in &alerts {
            happenings.push(Happening::Alerts { up: u32::from(*up), down: u32::from(!up) });
        }
        let history = World::new(Rules::default(), 3).play(&happenings);
        let ups = history.writes.iter().filter(|w| w.direction == Direction::Up).count();
        prop_assert_eq!(ups, usize::from(alerts.iter().any(|(up, _)| *up)));
        if ups == 1 {
            prop_assert_eq!(history.writes.len(), 1, "the down alerts are gone: {:?}", history.writes);
        }
    }
}
