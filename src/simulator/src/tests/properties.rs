//! What holds of every run, whatever the load.

use policy::Bounds;
use proptest::prelude::*;

use super::{actions, figures, image, run};
use crate::{Contender, Trace, time::MINUTE};

/// Some minutes of any load, and a policy.
fn cases() -> impl Strategy<Value = (Trace, Contender, u64)> {
    let load = proptest::collection::vec(0.0_f64..8.0, 2..30);
    let any = (
        load,
        proptest::sample::select(Contender::ALL.to_vec()),
        0_u64..1000,
    );
    any.prop_map(|(load, contender, seed)| {
        let trace = Trace {
            name: String::new(),
            segment: MINUTE,
            load,
            step_at: None,
        };
        (trace, contender, seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_is_answered_or_refused_and_every_size_within_the_bounds(
        (trace, contender, seed) in cases(), min in 1_u32..4, more in 0_u32..8,
    ) {
        let mut ours = image();
        ours.rules.bounds = Bounds::new(min, min + more).expect("they are in order");
        let record = run(contender, &trace, &ours, seed);
        let offered: u64 = record.buckets.iter().map(|bucket| u64::from(bucket.offered)).sum();
        prop_assert_eq!(offered, record.answered + record.refused);
        for bucket in &record.buckets {
            prop_assert!(bucket.missed <= bucket.offered);
        }
        for action in &record.actions {
            prop_assert!((min..=min + more).contains(&action.to), "{:?}", action);
            prop_assert!(action.from != action.to);
        }
        prop_assert!(record.members.iter().all(|m| m.serving <= m.billed && m.serving >= 1));
        prop_assert!(record.members.is_sorted_by_key(|m| m.at));
        prop_assert_eq!(&record, &run(contender, &trace, &ours, seed));
    }

    #[test]
    fn ours_acts_once_in_a_cooldown((trace, _, seed) in cases()) {
        for ours in [Contender::Ours, Contender::OursRequests] {
            let times = actions(&run(ours, &trace, &image(), seed), 0);
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 60.0), "{:?}", times);
        }
    }

    #[test]
    fn the_clairvoyant_never_lacks_members_and_nobody_who_does_not_is_cheaper(
        (trace, contender, seed) in cases(),
    ) {
        let clairvoyant = figures(&run(Contender::Clairvoyant, &trace, &image(), seed), &trace);
        prop_assert!(clairvoyant.under_timeshare_percent == 0.0, "{:?}", clairvoyant);
        let other = figures(&run(contender, &trace, &image(), seed), &trace);
        if other.under_timeshare_percent == 0.0 {
            prop_assert!(other.instance_hours >= clairvoyant.instance_hours - 1e-9);
        }
    }
}
