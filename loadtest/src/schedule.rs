//! One worker's share of the arrivals: when its next request is due.
//!
//! Times are nanoseconds since the run's start. Nothing here reads a clock.

use std::{collections::VecDeque, sync::Arc, time::Duration};

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
    /// Those after it that were looked at.
    ahead: VecDeque<u64>,
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
            ahead: VecDeque::new(),
            end,
            worker: worker as u64,
            workers: workers as u64,
            number: worker as u64,
            taken: 0,
            limit: requests.unwrap_or(u64::MAX),
            limit_reached: false,
        };
        schedule.next = schedule.draw(schedule.number);
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
        self.limit_reached && self.next.is_none()
    }

    /// When the last of the requests is due that are due at most so long after the next one.
    pub(crate) fn last_within(&mut self, slack: u64) -> Option<u64> {
        let mut last = self.next?;
        if matches!(self.source, Source::Always) {
            return Some(last);
        }
        let end = last.saturating_add(slack);
        let mut seen = 0;
        loop {
            if seen == self.ahead.len() {
                let number = self.number + self.workers * (1 + seen as u64);
                let Some(drawn) = self.draw(number) else {
                    return Some(last);
                };
                self.ahead.push_back(drawn);
            }
            if self.ahead[seen] > end {
                return Some(last);
            }
            last = self.ahead[seen];
            seen += 1;
        }
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
        self.next = match self.ahead.pop_front() {
            Some(next) => Some(next),
            None => self.draw(self.number),
        };
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
        self.ahead.clear();
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

    /// When the request with this number is due, the first that was not drawn yet.
    fn draw(&mut self, number: u64) -> Option<u64> {
        if number >= self.limit {
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
mod tests;
