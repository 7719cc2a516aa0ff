//! The choice of a member for a new connection: pure, over positions in the list of members.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    Strategy,
    maglev::{MaglevTable, hash_address},
};

/// A strategy prepared for one list of members.
#[derive(Debug)]
pub(super) enum Selection {
    RoundRobin { members: usize },
    SourceHash { by_address: Vec<usize> },
    MaglevHash { table: MaglevTable },
}

impl Selection {
    pub(super) fn new(strategy: Strategy, members: &[SocketAddr]) -> Self {
        match strategy {
            Strategy::RoundRobin => Self::RoundRobin {
                members: members.len(),
            },
            Strategy::SourceHash => {
                let mut by_address: Vec<usize> = (0..members.len()).collect();
                by_address.sort_unstable_by_key(|&index| members[index]);
                Self::SourceHash { by_address }
            }
            Strategy::MaglevHash => Self::MaglevHash {
                table: MaglevTable::new(members),
            },
        }
    }

    /// The position of the member for `client` among those that `usable` accepts, if any.
    /// `turn` is the position whose turn is next in round robin; it outlives the list of members.
    pub(super) fn pick(
        &self,
        client: SocketAddr,
        turn: &AtomicUsize,
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        match self {
            Self::RoundRobin { members } => {
                let first = turn.load(Ordering::Relaxed);
                let picked = (0..*members)
                    .map(|step| first.wrapping_add(step) % members)
                    .find(|&index| usable(index))?;
                // One past the member taken, not one past the turn: whoever follows a failed one
                // gets no double share.
                turn.store(picked + 1, Ordering::Relaxed);
                Some(picked)
            }
            Self::SourceHash { by_address } => {
                let hash = hash_address(client.ip(), 0);
                let home = *by_address.get((hash % by_address.len().max(1) as u64) as usize)?;
                if usable(home) {
                    return Some(home);
                }
                let others: Vec<usize> = by_address
                    .iter()
                    .copied()
                    .filter(|&index| usable(index))
                    .collect();
                // A second hash: the first would send all clients of a failed member to the same
                // few others.
                let hash = hash_address(client.ip(), 1);
                others
                    .get((hash % others.len().max(1) as u64) as usize)
                    .copied()
            }
            Self::MaglevHash { table } => {
                table.pick(hash_address(client.ip(), u64::from(client.port())), usable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::{
            Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
        },
        strategy::Strategy as Generator,
    };

    use super::*;

    fn members(count: usize) -> Vec<SocketAddr> {
        (0..count)
            .map(|i| SocketAddr::from(([10, 0, 0, i as u8], 8080)))
            .collect()
    }

    fn client(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn any_strategy() -> impl Generator<Value = Strategy> {
        prop_oneof![
            Just(Strategy::RoundRobin),
            Just(Strategy::SourceHash),
            Just(Strategy::MaglevHash)
        ]
    }

    #[test]
    fn round_robin_gives_a_failed_members_turns_to_all_others_alike() {
        let selection = Selection::new(Strategy::RoundRobin, &members(4));
        let turn = AtomicUsize::new(0);
        let mut taken = [0; 4];
        for _ in 0..300 {
            taken[selection
                .pick(client(1, 1), &turn, |index| index != 1)
                .expect("three are usable")] += 1;
        }
        assert_eq!(taken, [100, 0, 100, 100]);
    }

    #[test]
    fn source_hash_spreads_the_clients_of_a_failed_member() {
        let selection = Selection::new(Strategy::SourceHash, &members(4));
        let turn = AtomicUsize::new(0);
        let mut moved_to = [0; 4];
        for last in 0..=255 {
            if selection.pick(client(last, 1), &turn, |_| true) == Some(0) {
                moved_to[selection
                    .pick(client(last, 1), &turn, |index| index != 0)
                    .expect("three are usable")] += 1;
            }
        }
        assert_eq!(moved_to[0], 0);
        assert!(moved_to[1..].iter().all(|&count| count > 0), "{moved_to:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_usable_member_is_picked_whenever_there_is_one(
            strategy in any_strategy(), usable in prop::collection::vec(any::<bool>(), 0..12), last in any::<u8>(), port in any::<u16>(), turn in any::<usize>(),
        ) {
            let selection = Selection::new(strategy, &members(usable.len()));
            let picked = selection.pick(client(last, port), &AtomicUsize::new(turn), |index| usable[index]);
            prop_assert_eq!(picked.is_some(), usable.contains(&true));
            prop_assert!(picked.is_none_or(|index| usable[index]));
        }

        #[test]
        fn source_hash_ignores_the_port_and_others_failures(last in any::<u8>(), ports in any::<[u16; 2]>(), failed in 0_usize..7) {
            let selection = Selection::new(Strategy::SourceHash, &members(7));
            let turn = AtomicUsize::new(0);
            let home = selection.pick(client(last, ports[0]), &turn, |_| true);
            prop_assert_eq!(home, selection.pick(client(last, ports[1]), &turn, |_| true));
            if home != Some(failed) {
                prop_assert_eq!(home, selection.pick(client(last, ports[0]), &turn, |index| index != failed));
            }
        }
    }
}
