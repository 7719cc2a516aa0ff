//! G1: the agent never asks for a size outside its bounds; found outside, it only moves toward
//! them.

use policy::Direction;
use proptest::prelude::*;

use super::lives::{config, life, live};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_size_asked_for_is_inside_or_nearer(life in life()) {
        let (_, history) = live(life);
        for write in &history.writes {
            let (min, max) = (write.bounds.min(), write.bounds.max());
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
                }
            }
        }
    }

    /// Whatever was read before: when the order goes out, the pool as it is must bear it.
    #[test]
    fn no_eviction_leaves_fewer_than_the_minimum(life in life()) {
        let (_, history) = live(life);
        for write in history.writes.iter().filter(|write| write.victims > 0) {
            let min = write.bounds.min().0 as usize;
            prop_assert_eq!(write.victims, (write.from.0 - write.to.0) as usize);
            prop_assert!(write.truth.size as usize >= min + write.victims, "wanted: {write:?}");
            prop_assert!(write.truth.members >= min + write.victims, "listed: {write:?}");
            prop_assert!(write.truth.others_ready > 0, "nobody would serve: {write:?}");
        }
    }

    #[test]
    fn giving_up_places_removes_nobody(life in life()) {
        let (_, history) = live(life);
        let shrinks = history.writes.iter().filter(|write| write.direction == Direction::Down);
        for write in shrinks.filter(|write| write.victims == 0) {
            prop_assert!(write.to.0 as usize >= write.truth.members, "{write:?}");
        }
    }
}
