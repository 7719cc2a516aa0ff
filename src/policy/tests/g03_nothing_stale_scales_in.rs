//! G3 (the policy's part): only a fresh "down" alert, on a whole and settled pool, scales in.
//! What the intake refuses before it gets here is in `g03_bad_input_never_scales.rs`.

use policy::{Direction, HealthSource, Mode};
use proptest::prelude::*;

use super::lives::{config, life, live};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn scale_in_needs_a_fresh_alert_and_a_settled_pool(life in life()) {
        let (rules, history) = live(life);
        let shrinking = history.writes.iter().filter(|w| w.direction == Direction::Down);
        for write in shrinking {
            let at = write.ordered_at;
            let members = &write.read.members;
            let is_whole = members.len() >= write.read.size.0 as usize;
            prop_assert!(is_whole || write.victims == 0, "partial list: {write:?}");
            if let Mode::Pinned(size) = write.mode {
                prop_assert!(write.to >= size);
                continue;
            }
            if write.ordered.is_some() {
                // A person asked for it, and not an alert: see G18.
                continue;
            }
            prop_assert_eq!(write.mode, Mode::On);
            prop_assert!(write.down_is_fresh, "no fresh alert: {write:?}");
            prop_assert!(!write.down_has_resolved, "the alert has resolved: {write:?}");
            let is_known = write.read.health != HealthSource::Unknown;
            prop_assert!(is_known || write.victims == 0, "unknown health: {write:?}");
            let recent_up = history.alerts[..write.alerts_before].iter().any(|alert| {
                alert.direction == Direction::Up
                    && at.since(alert.at) < rules.scale_in.stabilisation
            });
            prop_assert!(!recent_up, "an up alert is too recent: {write:?}");
            let young = members.iter().any(|m| {
                m.age.unwrap_or_default() + at.since(write.read.read_at) < rules.scale_in.warm_up
            });
            prop_assert!(!young, "a member is warming up: {write:?}");
            let restart = history.crashes[..write.crashes_before]
                .iter()
                .any(|crash| at.since(*crash) < rules.scale_in.stabilisation);
            prop_assert!(!restart, "shrank right after a restart: {write:?}");
        }
    }
}
