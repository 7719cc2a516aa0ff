//! G1: the agent never asks for a size outside its bounds; found outside, it only moves toward them.

mod support;

use autoscaler::policy::Direction;
use proptest::prelude::*;
use support::lives::{life, live};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_size_asked_for_is_inside_or_nearer(life in life()) {
        let (rules, history) = live(life);
        let (min, max) = (rules.bounds.min(), rules.bounds.max());
        for write in &history.writes {
            prop_assert!(write.to != write.from);
            match write.direction {
                Direction::Up => {
                    prop_assert!(write.to > write.from, "{write:?}");
                    prop_assert!(write.to <= max, "{write:?}");
                    prop_assert!(write.to >= min, "{write:?}");
                }
                Direction::Down => {
                    prop_assert!(write.to < write.from, "{write:?}");
                    prop_assert!(write.to >= min, "{write:?}");
                    prop_assert!(write.to <= max || write.from > max, "{write:?}");
                    prop_assert_eq!(write.victims, (write.from.0 - write.to.0) as usize);
                }
            }
        }
    }
}
