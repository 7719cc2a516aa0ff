//! One worker's share of the arrivals: when its next request is due.
//!
//! Times are nanoseconds since the run's start. Nothing here reads a clock.

use std::{sync::Arc, time::Duration};

use crate::{
    plan::{Arrivals, Load},
    profile::Curve,
};

/// The intended starts of one worker, in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    source: Source,
    next: Option<u64>,
    /// No start is intended at or after this.
    end: u64,
}

#[derive(Debug)]
enum Source {
    /// Every `workers`-th arrival of the curve.
    Even {
        curve: Arc<Curve>,
        hint: usize,
        index: u64,
        workers: u64,
    },
    /// Independent Poisson processes add up to one, so each worker draws its own at its share of
    /// the rate.
    Poisson {
        curve: Arc<Curve>,
        hint: usize,
        reached: f64,
        workers: f64,
        random: fastrand::Rng,
    },
    /// A closed loop has no intended starts: a request is due whenever it is asked for.
    Always,
}

impl Schedule {
    pub(crate) fn new(load: &Load, arrivals: Arrivals, worker: usize, workers: usize) -> Self {
        let source = match (load, arrivals) {
            (Load::Closed(_), _) => Source::Always,
            (Load::Open(profile), Arrivals::Even) => {
                let curve = Arc::new(profile.curve());
                Source::Even {
                    curve,
                    hint: 0,
                    index: worker as u64,
                    workers: workers as u64,
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
                    workers: workers as f64,
                    random,
                }
            }
        };
        let end = nanos(load.duration());
        let mut schedule = Self {
            source,
            next: None,
            end,
        };
        schedule.next = schedule.draw();
        schedule
    }

    /// When the next request is due; none when there is none.
    pub(crate) fn peek(&self) -> Option<u64> {
        self.next
    }

    /// Takes the next request if it is due at `now`, and says when it was.
    pub(crate) fn take(&mut self, now: u64) -> Option<u64> {
        let due = self.next.filter(|due| *due <= now)?;
        if matches!(self.source, Source::Always) {
            if now >= self.end {
                self.next = None;
                return None;
            }
            return Some(now);
        }
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
        let (curve, workers) = match &self.source {
            Source::Even { curve, workers, .. } => (curve, *workers as f64),
            Source::Poisson { curve, workers, .. } => (curve, *workers),
            Source::Always => return 0,
        };
        let due = |nanos: u64| curve.due(nanos as f64 / 1e9);
        ((due(now) - due(next)) / workers).ceil() as u64
    }

    fn draw(&mut self) -> Option<u64> {
        let seconds = match &mut self.source {
            Source::Even {
                curve,
                hint,
                index,
                workers,
            } => {
                if *index >= curve.requests() {
                    return None;
                }
                let when = curve.when(*index as f64, hint);
                *index += *workers;
                when
            }
            Source::Poisson {
                curve,
                hint,
                reached,
                workers,
                random,
            } => {
                // An exponential gap; 1 - f64() is never zero.
                *reached -= (1.0 - random.f64()).ln() * *workers;
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

    use super::Schedule;
    use crate::{
        plan::{Arrivals, Load},
        slice::Slice,
    };

    fn all(profile: &str, arrivals: Arrivals, workers: usize) -> Vec<u64> {
        let load = Load::Open(profile.parse().expect("valid"));
        let mut times = Vec::new();
        for worker in 0..workers {
            let mut schedule = Schedule::new(&load, arrivals, worker, workers);
            while let Some(due) = schedule.take(u64::MAX) {
                times.push(due);
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
                let mut schedule = Schedule::new(&load, Arrivals::Even, index, all);
                times.extend(std::iter::from_fn(|| schedule.take(u64::MAX)));
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
        let mut schedule = Schedule::new(&load, Arrivals::Even, 0, 1);
        assert_eq!(schedule.take(5_000_000), Some(0));
        assert_eq!(schedule.end(55_000_000), 5);
        assert_eq!((schedule.peek(), schedule.take(u64::MAX)), (None, None));
    }

    #[test]
    fn a_closed_loop_is_always_due_until_its_end() {
        let mut schedule = Schedule::new(
            &Load::Closed(Duration::from_nanos(10)),
            Arrivals::Even,
            0,
            1,
        );
        assert_eq!(
            (schedule.take(3), schedule.take(9), schedule.take(10)),
            (Some(3), Some(9), None)
        );
    }
}
