//! Requests as they come in: a Poisson process whose rate follows the trace.

use fastrand::Rng;

use crate::{
    random,
    time::{Micros, SECOND, seconds},
    trace::Trace,
};

/// The moments at which requests come, in order; equal for every policy with the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals<'a> {
    trace: &'a Trace,
    random: Rng,
    /// Requests a second that make a load of one server.
    rate_of_one: f64,
    place: usize,
    /// Seconds since the trace began.
    at: f64,
}

impl<'a> Arrivals<'a> {
    pub(crate) fn new(trace: &'a Trace, service: Micros, seed: u64) -> Self {
        Self {
            trace,
            random: random::stream(seed, "arrivals"),
            rate_of_one: 1.0 / seconds(service),
            place: 0,
            at: 0.0,
        }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Micros;

    #[inline]
    fn next(&mut self) -> Option<Micros> {
        let segment = seconds(self.trace.segment);
        let mut expected = random::exponential(&mut self.random);
        loop {
            let rate = self.trace.load.get(self.place)? * self.rate_of_one;
            let end = segment * (self.place + 1) as f64;
            let left = rate * (end - self.at);
            if left > expected {
                self.at += expected / rate;
                return Some((self.at * SECOND as f64) as Micros);
            }
            expected -= left.max(0.0);
            self.at = end;
            self.place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{time::times, trace::built_in};

    fn arrivals(load: Vec<f64>, seed: u64) -> Vec<Micros> {
        let trace = Trace {
            name: String::new(),
            segment: 60 * SECOND,
            load,
            step_at: None,
        };
        Arrivals::new(&trace, SECOND / 10, seed).collect()
    }

    #[test]
    fn a_seed_gives_the_same_requests_everywhere() {
        let step = built_in("step", 1.0).expect("it is built in");
        let sum = Arrivals::new(&step, SECOND / 10, 1).fold((0_u32, 0_i64), |(count, sum), at| {
            (count + 1, sum.wrapping_mul(31) ^ at)
        });
        assert_eq!(sum, GOLDEN);
    }

    /// Of the seed 1; another machine or another version of a library must not change it.
    const GOLDEN: (u32, i64) = (124_219, 6_511_856_465_250_349_475);

    proptest! {
        #[test]
        fn requests_come_in_order_and_as_many_as_the_load_says(
            load in proptest::collection::vec(0.0_f64..8.0, 1..20), seed in any::<u64>(),
        ) {
            let expected = load.iter().sum::<f64>() * 600.0;
            let found = arrivals(load.clone(), seed);
            prop_assert!(found.is_sorted());
            prop_assert!(found.iter().all(|at| (0..times(load.len(), 60 * SECOND)).contains(at)));
            // Six standard deviations of a Poisson count.
            let difference = (found.len() as f64 - expected).abs();
            prop_assert!(difference <= 6.0 * expected.sqrt() + 6.0, "{} for {expected}", found.len());
        }
    }
}
