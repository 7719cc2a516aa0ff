//! The Maglev lookup table: consistent hashing that spreads evenly and moves little when a member
//! comes or goes.
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
//! section 3.4.

use std::net::{IpAddr, SocketAddr};

/// The table's size, the paper's smaller one: a prime, so that every skip visits every slot, and
/// over a hundred times the number of members, so that no member gets more than about 1 % above its
/// share.
const SLOTS: usize = 65_537;

/// Which member each slot belongs to, by the member's position in the list the table was built
/// from.
#[derive(Debug)]
pub(super) struct MaglevTable {
    owners: Vec<u32>,
}

impl MaglevTable {
    /// Fills the table: members take turns, and each takes the next free slot of its own
    /// permutation.
    pub(super) fn new(members: &[SocketAddr]) -> Self {
        const FREE: u32 = u32::MAX;
        if members.is_empty() {
            return Self { owners: Vec::new() };
        }
        let slots = SLOTS as u64;
        // The members' order must not matter, only their addresses: turns are taken in sorted
        // order.
        let mut turns: Vec<(SocketAddr, u32, u64, u64)> = (0_u32..)
            .zip(members)
            .map(|(index, &member)| {
                (
                    member,
                    index,
                    hash_member(member, 1) % slots,
                    hash_member(member, 2) % (slots - 1) + 1,
                )
            })
            .collect();
        turns.sort_unstable_by_key(|turn| turn.0);
        let mut owners = vec![FREE; SLOTS];
        let mut left = SLOTS;
        loop {
            for (_, index, at, skip) in &mut turns {
                while owners[*at as usize] != FREE {
                    *at = (*at + *skip) % slots;
                }
                owners[*at as usize] = *index;
                left -= 1;
                if left == 0 {
                    return Self { owners };
                }
            }
        }
    }

    /// The first member, from the slot of `hash` onward, that `usable` accepts. The owners of
    /// neighbouring slots are unrelated, so a failed member's connections spread over all others.
    pub(super) fn pick(&self, hash: u64, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let (before, from) = self
            .owners
            .split_at((hash % SLOTS as u64) as usize % self.owners.len().max(1));
        from.iter()
            .chain(before)
            .map(|&owner| owner as usize)
            .find(|&owner| usable(owner))
    }
}

fn hash_member(member: SocketAddr, seed: u64) -> u64 {
    hash_address(member.ip(), seed ^ u64::from(member.port()) << 32)
}

/// A hash of an address that is the same in every run and every version: FNV-1a over its bytes,
/// then the final mix of `SplitMix64` (Steele et al., 2014), because FNV alone leaves the high bits
/// of neighbouring addresses alike.
pub(super) fn hash_address(address: IpAddr, seed: u64) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let start = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    mix(match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().iter().fold(start, fold),
        IpAddr::V6(v6) => v6.octets().iter().fold(start, fold),
    })
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(count: usize) -> Vec<SocketAddr> {
        (0..count)
            .map(|i| SocketAddr::from(([10, 0, (i / 250) as u8, (i % 250) as u8], 8080)))
            .collect()
    }

    fn owner_of(table: &MaglevTable, members: &[SocketAddr], slot: usize) -> SocketAddr {
        members[table.owners[slot] as usize]
    }

    #[test]
    fn an_empty_table_picks_nobody() {
        assert_eq!(MaglevTable::new(&[]).pick(7, |_| true), None);
    }

    #[test]
    fn nobody_usable_picks_nobody() {
        assert_eq!(MaglevTable::new(&members(3)).pick(7, |_| false), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn members_own_equally_many_slots_to_within_one(count in 1_usize..60) {
            let table = MaglevTable::new(&members(count));
            let mut slots = vec![0_usize; count];
            for owner in &table.owners {
                slots[*owner as usize] += 1;
            }
            let share = SLOTS / count;
            for owned in slots {
                prop_assert!(owned == share || owned == share + 1, "{owned} slots of a share of {share}");
            }
        }

        #[test]
        fn removing_a_member_moves_few_of_the_others(count in 2_usize..40, leaving in any::<prop::sample::Index>()) {
            let before = members(count);
            let mut after = before.clone();
            let gone = after.remove(leaving.index(count));
            let (old, new) = (MaglevTable::new(&before), MaglevTable::new(&after));
            let moved = (0..SLOTS)
                .filter(|&slot| owner_of(&old, &before, slot) != gone)
                .filter(|&slot| owner_of(&old, &before, slot) != owner_of(&new, &after, slot))
                .count();
            // A plain `hash % members` would move all but one in `count` of them; the paper
            // promises few, not none.
            prop_assert!(moved * 100 <= SLOTS, "{moved} of {SLOTS} slots moved between members that stayed");
        }

        #[test]
        fn the_order_of_the_list_does_not_matter(count in 1_usize..20, seed in any::<u64>()) {
            let sorted = members(count);
            let mut shuffled = sorted.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let (a, b) = (MaglevTable::new(&sorted), MaglevTable::new(&shuffled));
            for slot in (0..SLOTS).step_by(101) {
                prop_assert_eq!(owner_of(&a, &sorted, slot), owner_of(&b, &shuffled, slot));
            }
        }

        #[test]
        fn a_failed_member_moves_only_its_own_connections(count in 2_usize..20, failed in any::<prop::sample::Index>(), hash in any::<u64>()) {
            let table = MaglevTable::new(&members(count));
            let failed = failed.index(count);
            let before = table.pick(hash, |_| true);
            let after = table.pick(hash, |member| member != failed);
            if before == Some(failed) {
                prop_assert!(after.is_some_and(|member| member != failed));
            } else {
                prop_assert_eq!(before, after);
            }
        }
    }
}
