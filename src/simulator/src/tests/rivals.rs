//! How the models of others behave.

use super::{image, run, step};
use crate::{
    Contender, built_in,
    time::{MINUTE, Micros, SECOND},
};

/// Seconds from the step to the first larger size, and from its end to the first smaller one.
#[test]
fn every_rival_reacts_as_fast_as_its_documentation_lets_it() {
    let trace = step();
    let up = trace.step_at.expect("it has one");
    let down = up + 45 * MINUTE;
    for (contender, grows, shrinks) in [
        (Contender::Hpa(60), 1.0..45.0, 285.0..345.0),
        (Contender::Gce(60), 1.0..60.0, 585.0..660.0),
        // It may have begun to shrink before, and then goes on a quarter of an hour later.
        (Contender::AwsTarget(60), 150.0..240.0, 1.0..1000.0),
        (Contender::AwsStep, 90.0..180.0, 90.0..180.0),
    ] {
        for seed in 1..4 {
            let record = run(contender, &trace, &image(), seed);
            let first = |from: Micros, is_up: bool| {
                let mut after = record
                    .actions
                    .iter()
                    .filter(move |action| action.at >= from);
                let found = after.find(|action| (action.to > action.from) == is_up);
                (found.expect("it reacts").at - from) as f64 / SECOND as f64
            };
            let (first, last) = (first(up, true), first(down, false));
            assert!(grows.contains(&first), "{contender} grows after {first} s");
            assert!(
                shrinks.contains(&last),
                "{contender} shrinks after {last} s"
            );
        }
    }
}

#[test]
fn target_tracking_shrinks_once_in_a_quarter_of_an_hour() {
    let noisy = built_in("noisy", 1.0).expect("it is built in");
    for seed in 1..4 {
        let record = run(Contender::AwsTarget(60), &noisy, &image(), seed);
        let shrinks = record
            .actions
            .iter()
            .filter(|action| action.to < action.from);
        let shrinks: Vec<Micros> = shrinks.map(|action| action.at).collect();
        assert!(shrinks.len() > 2);
        assert!(
            shrinks
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= 15 * MINUTE)
        );
    }
}
