//! G6: an action rests on a pool read at most 10 s old, of a pool in state `running`.

mod support;

use proptest::prelude::*;
use support::lives::{life, live};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_action_rests_on_a_fresh_read(life in life()) {
        let (rules, history) = live(life);
        for write in &history.writes {
            prop_assert!(write.ordered_at.since(write.read.read_at) <= rules.fresh, "{write:?}");
            prop_assert!(write.read.running, "{write:?}");
            prop_assert_eq!(write.from, write.read.size);
        }
    }

    #[test]
    fn a_flood_does_not_become_a_flood_of_reads(life in life()) {
        let (rules, history) = live(life);
        // One read per retry pause at most, and one for each window's record and each alert's wish.
        for start in &history.reads {
            let end = *start + rules.window;
            let in_window = history.reads.iter().filter(|at| **at >= *start && **at < end).count();
            prop_assert!(in_window <= 24, "{in_window} reads in one window from {start:?}");
        }
    }
}
