//! One worker's share of the arrivals: when its next request is due.
//!
//! Times are nanoseconds since the run's start. Nothing here reads a clock.

use std::{sync::Arc, time::Duration};

use crate::{
    plan::{Arrivals, Load},
    profile::Curve,
    rate_factor::RateFactor,
};

/// A request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// When it is to start.
    pub(crate) at: u64,
    /// Its number, which no other request of any worker or slice has. With even arrivals it counts
    /// the requests of all of them in their order, from 0.
    pub(crate) number: u64,
    /// What comes in turn takes its turn by this: with even arrivals over all workers, else for
    /// each of them.
    pub(crate) turn: u64,
}

/// The intended starts of one worker, in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    source: Source,
    factor: RateFactor,
    next: Option<u64>,
    /// No start is intended at or after this.
    end: u64,
    worker: u64,
    workers: u64,
    /// The number of the next request.
    number: u64,
    /// How many were taken.
    taken: u64,
    /// Requests with this number and those after it are not sent.
    limit: u64,
    limit_reached: bool,
}

#[derive(Debug)]
enum Source {
    /// Every `workers`-th arrival of the curve.
    Even {
        curve: Arc<Curve>,
        hint: usize,
        /// The last arrival's place on the curve: a whole number while the factor is 1.
        place: f64,
    },
    /// Independent Poisson processes add up to one, so each worker draws its own at its share of
    /// the rate.
    Poisson {
        curve: Arc<Curve>,
        hint: usize,
        reached: f64,
        random: fastrand::Rng,
    },
    /// A closed loop has no intended starts: a request is due whenever it is asked for.
    Always,
}

impl Schedule {
    /// `requests` is the most that all workers together may send.
    pub(crate) fn new(
        load: &Load,
        arrivals: Arrivals,
        requests: Option<u64>,
        worker: usize,
        workers: usize,
    ) -> Self {
        let source = match (load, arrivals) {
            (Load::Closed(_), _) => Source::Always,
            (Load::Open(profile), Arrivals::Even) => {
                let curve = Arc::new(profile.curve());
                Source::Even {
                    curve,
                    hint: 0,
                    place: worker as f64 - workers as f64,
                }
            }
            (Load::Open(profile), Arrivals::Poisson { seed }) => {
                let random = fastrand::Rng::with_seed(
                    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ worker as u64,
                );
                let curve = Arc::new(profile.curve());
                Source::Poisson {
                    curve,
                    hint: 0,
                    reached: 0.0,
                    random,
                }
            }
        };
        let end = nanos(load.duration());
        let mut schedule = Self {
            source,
            factor: RateFactor::default(),
            next: None,
            end,
            worker: worker as u64,
            workers: workers as u64,
            number: worker as u64,
            taken: 0,
            limit: requests.unwrap_or(u64::MAX),
            limit_reached: false,
        };
        schedule.next = schedule.draw();
        schedule
    }

    /// The same at a rate that may change while it runs.
    pub(crate) fn with_factor(mut self, factor: &RateFactor) -> Self {
        self.factor = factor.clone();
        self
    }

    /// When the next request is due; none when there is none.
    pub(crate) fn peek(&self) -> Option<u64> {
        self.next
    }

    /// Whether this worker has no more requests because of the most that may be sent.
    pub(crate) fn has_reached_limit(&self) -> bool {
        self.limit_reached
    }

    /// Takes the next request if it is due at `now`.
    pub(crate) fn take(&mut self, now: u64) -> Option<Due> {
        let mut at = self.next.filter(|due| *due <= now)?;
        if matches!(self.source, Source::Always) {
            if now >= self.end {
                self.next = None;
                return None;
            }
            at = now;
        }
        let turn = match self.source {
            Source::Even { .. } => self.number,
            Source::Poisson { .. } | Source::Always => self.worker + self.taken,
        };
        let due = Due {
            at,
            number: self.number,
            turn,
        };
        self.number += self.workers;
        self.taken += 1;
        self.next = self.draw();
        Some(due)
    }

    /// Drops what is not due at `now`, and says how many were due and not taken.
    pub(crate) fn end(&mut self, now: u64) -> u64 {
        self.end = self.end.min(now);
        let mut left = 0;
        if !matches!(self.source, Source::Always) {
            while self.take(now).is_some() {
                left += 1;
            }
        }
        self.next = None;
        left
    }

    /// How many requests are overdue at `now`; for Poisson arrivals, how many are to be expected.
    pub(crate) fn backlog(&self, now: u64) -> u64 {
        let Some(next) = self.next.filter(|next| *next < now) else {
            return 0;
        };
        let (Source::Even { curve, .. } | Source::Poisson { curve, .. }) = &self.source else {
            return 0;
        };
        let due = |nanos: u64| curve.due(nanos as f64 / 1e9);
        let workers = self.workers as f64;
        let left = self
            .limit
            .saturating_sub(self.number)
            .div_ceil(self.workers);
        (((due(now) - due(next)) * self.factor.get() / workers).ceil() as u64).min(left)
    }

    fn draw(&mut self) -> Option<u64> {
        if self.number >= self.limit {
            self.limit_reached = true;
            return None;
        }
        let step = self.workers as f64 / self.factor.get();
        let seconds = match &mut self.source {
            Source::Even { curve, hint, place } => {
                *place += step;
                if *place >= curve.requests() as f64 {
                    return None;
                }
                curve.when(*place, hint)
            }
            Source::Poisson {
                curve,
                hint,
                reached,
                random,
            } => {
                // An exponential gap; 1 - f64() is never zero.
                *reached -= (1.0 - random.f64()).ln() * step;
                curve.when(*reached, hint)
            }
            Source::Always => Some(0.0),
        }?;
        Some((seconds * 1e9) as u64)
    }
}

/// A duration in whole nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RateFactor, Schedule};
    use crate::{
        plan::{Arrivals, Load},
        slice::Slice,
    };

    fn all(profile: &str, arrivals: Arrivals, workers: usize) -> Vec<u64> {
        let load = Load::Open(profile.parse().expect("valid"));
        let mut times = Vec::new();
        for worker in 0..workers {
            let mut schedule = Schedule::new(&load, arrivals, None, worker, workers);
            while let Some(due) = schedule.take(u64::MAX) {
                times.push(due.at);
            }
        }
        times.sort_unstable();
        times
    }

    #[test]
    fn workers_together_make_the_whole_curve() {
        let one = all("2s@50, 3s:50..400", Arrivals::Even, 1);
        assert_eq!(one.len(), 100 + 675);
        for workers in 2..6 {
            assert_eq!(all("2s@50, 3s:50..400", Arrivals::Even, workers), one);
        }
    }

    #[test]
    fn slices_with_any_number_of_workers_make_the_whole_curve() {
        let load = Load::Open("2s@50, 3s:50..400".parse().expect("valid"));
        let mut times = Vec::new();
        for (slice, workers) in [("1/3", 1), ("2/3", 4), ("3/3", 2)] {
            let slice: Slice = slice.parse().expect("a slice");
            for worker in 0..workers {
                let (index, all) = slice.place(worker, workers);
                let mut schedule = Schedule::new(&load, Arrivals::Even, None, index, all);
                times.extend(std::iter::from_fn(|| Some(schedule.take(u64::MAX)?.at)));
            }
        }
        times.sort_unstable();
        assert_eq!(times, all("2s@50, 3s:50..400", Arrivals::Even, 1));
    }

    #[test]
    fn poisson_arrivals_are_exponential_and_repeatable() {
        let times = all("100s@100", Arrivals::Poisson { seed: 7 }, 3);
        assert_eq!(times, all("100s@100", Arrivals::Poisson { seed: 7 }, 3));
        assert_ne!(times, all("100s@100", Arrivals::Poisson { seed: 8 }, 3));
        // Ten thousand arrivals: their number has a standard deviation of 100, and so has the gaps'
        // spread of 1 %.
        assert!((9_500..10_500).contains(&times.len()), "{}", times.len());
        let gaps: Vec<f64> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / 1e9)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.06,
            "a Poisson process has a deviation equal to its mean"
        );
    }

    #[test]
    fn ending_counts_what_was_due() {
        let load = Load::Open("1s@100".parse().expect("valid"));
        let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1);
        assert_eq!(schedule.take(5_000_000).map(|due| due.at), Some(0));
        assert_eq!(schedule.end(55_000_000), 5);
        assert_eq!((schedule.peek(), schedule.take(u64::MAX)), (None, None));
    }

    /// How many of a schedule's requests are due in each of these seconds, while the factor is set
    /// at the start of each.
    fn in_each_second(arrivals: Arrivals, workers: usize, factors: &[f64]) -> Vec<usize> {
        let load = Load::Open("60s@100".parse().expect("valid"));
        let factor = RateFactor::default();
        let mut schedules: Vec<Schedule> = (0..workers)
            .map(|worker| {
                Schedule::new(&load, arrivals, None, worker, workers).with_factor(&factor)
            })
            .collect();
        let counts = (1..).zip(factors).map(|(second, set)| {
            factor.set(*set);
            let end = second * 1_000_000_000 - 1;
            let due = |schedule: &mut Schedule| std::iter::from_fn(|| schedule.take(end)).count();
            schedules.iter_mut().map(due).sum()
        });
        counts.collect()
    }

    #[test]
    fn a_factor_changes_the_rate_from_the_next_request_on() {
        for workers in [1, 3] {
            let counts = in_each_second(Arrivals::Even, workers, &[1.0, 1.5, 0.25, 1.0, 4.0, 1.0]);
            for (count, expected) in counts.into_iter().zip([100_usize, 150, 25, 100, 400, 100]) {
                // A worker's next request was drawn before the factor changed: at a quarter of the
                // rate in the time of four.
                assert!(
                    count.abs_diff(expected) <= 4 * workers,
                    "{count}, not {expected}"
                );
            }
        }
        let factors = [[1.0; 15], [2.0; 15]].concat();
        let counts = in_each_second(Arrivals::Poisson { seed: 7 }, 2, &factors);
        let sum = |counts: &[usize]| counts.iter().sum::<usize>() as f64;
        let ratio = sum(&counts[15..]) / sum(&counts[..15]);
        assert!((ratio - 2.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn a_factor_reaches_the_end_of_the_profile_and_counts_what_was_due() {
        let load = Load::Open("1s@100".parse().expect("valid"));
        let factor = RateFactor::default();
        let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1).with_factor(&factor);
        factor.set(2.0);
        let mut take = |now| schedule.take(now).map(|due| due.at);
        assert_eq!(take(0), Some(0));
        assert_eq!(take(5_000_000), Some(5_000_000));
        assert_eq!(schedule.backlog(110_000_000), 20);
        let rest = std::iter::from_fn(|| schedule.take(u64::MAX));
        assert_eq!(rest.last().map(|due| due.at), Some(995_000_000));
    }

    #[test]
    fn a_closed_loop_is_always_due_until_its_end() {
        let load = Load::Closed(Duration::from_nanos(10));
        let mut schedule = Schedule::new(&load, Arrivals::Even, None, 0, 1);
        let mut at = |now| schedule.take(now).map(|due| due.at);
        assert_eq!((at(3), at(9), at(10)), (Some(3), Some(9), None));
    }

    #[test]
    fn a_number_of_requests_is_kept_exactly_by_all_slices_and_workers_together() {
        let open = Load::Open("2s@50, 3s:50..400".parse().expect("valid"));
        let closed = Load::Closed(Duration::from_secs(1));
        for (load, arrivals) in [
            (&open, Arrivals::Even),
            (&open, Arrivals::Poisson { seed: 3 }),
            (&closed, Arrivals::Even),
        ] {
            for requests in [0, 1, 5, 101] {
                let mut numbers = Vec::new();
                for slice in ["1/3", "2/3", "3/3"] {
                    let slice: Slice = slice.parse().expect("a slice");
                    for worker in 0..4 {
                        let (index, all) = slice.place(worker, 4);
                        let mut schedule =
                            Schedule::new(load, arrivals, Some(requests), index, all);
                        let now = if load == &closed { 0 } else { u64::MAX };
                        numbers.extend(std::iter::from_fn(|| Some(schedule.take(now)?.number)));
                        assert!(schedule.has_reached_limit() && schedule.peek().is_none());
                        assert_eq!(schedule.backlog(u64::MAX), 0);
                    }
                }
                numbers.sort_unstable();
                assert_eq!(numbers, (0..requests).collect::<Vec<_>>(), "{load:?}");
            }
        }
        let mut few = Schedule::new(&open, Arrivals::Even, Some(776), 0, 1);
        assert_eq!(std::iter::from_fn(|| few.take(u64::MAX)).count(), 775);
        assert!(!few.has_reached_limit(), "the profile has fewer");
    }

    #[test]
    fn turns_are_taken_over_all_workers_and_in_a_closed_loop_by_each() {
        let open = Load::Open("1s@100".parse().expect("valid"));
        let turns = |load: &Load, worker| {
            let mut schedule = Schedule::new(load, Arrivals::Even, None, worker, 2);
            [(); 3].map(|()| schedule.take(900_000_000).expect("due").turn)
        };
        assert_eq!((turns(&open, 0), turns(&open, 1)), ([0, 2, 4], [1, 3, 5]));
        let closed = Load::Closed(Duration::from_secs(1));
        assert_eq!(
            (turns(&closed, 0), turns(&closed, 1)),
            ([0, 1, 2], [1, 2, 3])
        );
    }
}
