//! G19: an agent without the lease changes nothing, and with it heeds the cooldown of others.

use proptest::prelude::*;

use super::lives::{config, life_with_a_moving_lease, live};

proptest! {
    #![proptest_config(config())]

    /// Across crashes, too.
    #[test]
    fn g19_nothing_is_written_or_drained_without_the_lease(life in life_with_a_moving_lease()) {
        let (_, history) = live(life);
        for write in &history.writes {
            prop_assert!(!write.standby, "{write:?}");
        }
        for drain in &history.drains {
            prop_assert!(!drain.standby, "{drain:?}");
            for lost in history.lost.iter().filter(|lost| **lost > drain.from) {
                prop_assert!(drain.until.is_some_and(|until| until <= *lost), "{drain:?}");
            }
        }
    }

    #[test]
    fn g19_a_cooldown_passes_after_the_change_of_another(life in life_with_a_moving_lease()) {
        let (rules, history) = live(life);
        for write in &history.writes {
            let last = history.taken_over[..write.takeovers_before].last();
            let waited = last.is_none_or(|last| write.ordered_at.since(*last) >= rules.cooldown);
            prop_assert!(waited, "{write:?} after {last:?}");
        }
    }
}
