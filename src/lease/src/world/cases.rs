//! Which worlds are simulated, and what must hold in all of them.

use proptest::prelude::*;

use super::{Character, END, Trouble, TroubleKind, World};

fn character() -> impl Strategy<Value = Character> {
    (0_u64..60_000, -80_i64..80, 0_u64..1_000_000).prop_map(|(start, rate, offset)| Character {
        start,
        rate,
        offset,
    })
}

fn trouble(agents: usize) -> impl Strategy<Value = Trouble> {
    let kind = prop_oneof![
        (0_u64..40_000).prop_map(TroubleKind::Kill),
        (0_u64..40_000).prop_map(TroubleKind::Stop),
        (0_u64..60_000).prop_map(TroubleKind::Part),
        (0_u64..60_000).prop_map(TroubleKind::Freeze),
        Just(TroubleKind::Delete),
    ];
    (0..agents, 20_000_u64..END, kind).prop_map(|(agent, at, kind)| Trouble { agent, at, kind })
}

fn world() -> impl Strategy<Value = World> {
    (1_usize..5).prop_flat_map(|agents| {
        let characters = prop::collection::vec(character(), agents);
        let troubles = prop::collection::vec(trouble(agents), 0..12);
        let noise = prop::collection::vec(any::<u8>(), 97);
        (characters, troubles, noise)
            .prop_map(|(characters, troubles, noise)| World::new(characters, troubles, noise))
    })
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("characters", &self.characters)
            .field("troubles", &self.troubles)
            .field("noise", &self.noise)
            .finish_non_exhaustive()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// At no time do two believe to hold the lease; a free one is taken within three durations; the
    /// number grows at every change of holder.
    #[test]
    fn g19_one_holder_at_a_time_whatever_happens(mut world in world()) {
        world.run();
        prop_assert!(!world.tenures.is_empty());
    }
}

/// The numbers are without gaps as long as no answer is lost: each change adds one.
#[test]
fn every_change_of_holder_adds_one() {
    let calm = |start| Character {
        start,
        rate: 0,
        offset: 0,
    };
    let troubles = (1..10).map(|time| Trouble {
        agent: usize::try_from(time).unwrap() % 2,
        at: time * 40_000,
        kind: TroubleKind::Kill(1_000),
    });
    let mut world = World::new(vec![calm(0), calm(0)], troubles.collect(), vec![20; 97]);
    world.run();
    let numbers: Vec<u64> = world.tenures.iter().map(|(_, _, number)| *number).collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    assert!(numbers.len() > 3);
}
