//! G2: at most one scaling action in any cooldown, across restarts.

use proptest::prelude::*;

use super::lives::{config, life, live};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn writes_are_a_cooldown_apart(life in life()) {
        let (rules, history) = live(life);
        // What the API did not take is no action.
        let taken: Vec<_> = history.writes.iter().filter(|write| write.taken).collect();
        for pair in taken.windows(2) {
            let gap = pair[1].at.since(pair[0].at);
            prop_assert!(gap >= rules.cooldown, "{gap:?} between {:?} and {:?}", pair[0], pair[1]);
        }
    }
}
