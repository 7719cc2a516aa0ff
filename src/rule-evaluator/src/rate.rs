//! CPU use of one instance from its counters: the course's expression, without a clock of its own.
//!
//! `sum(rate(node_cpu_seconds_total{mode!="idle"}[W])) / sum(rate(node_cpu_seconds_total[W]))`, by
//! instance. Rates are not extrapolated to the window's ends; in a ratio of rates over the same
//! scrapes that would cancel out.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::exposition::CpuCounter;

/// The latest scrapes of one instance.
#[derive(Debug, Default)]
pub struct CpuHistory {
    scrapes: VecDeque<(Duration, Vec<CpuCounter>)>,
}

impl CpuHistory {
    /// Adds a scrape and forgets those older than `window`. A scrape that is not newer than the
    /// last is dropped.
    pub fn push(&mut self, at: Duration, counters: Vec<CpuCounter>, window: Duration) {
        if self.scrapes.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        self.scrapes.push_back((at, counters));
        let oldest = at.saturating_sub(window);
        while self
            .scrapes
            .front()
            .is_some_and(|(first, _)| *first < oldest)
        {
            self.scrapes.pop_front();
        }
    }

    /// The share of CPU time that was not idle within the window before `now`, from 0 to 1; `None`
    /// unless some series has at least two samples in it, and time passed in them.
    pub fn busy(&self, now: Duration, window: Duration) -> Option<f64> {
        let since = now.saturating_sub(window);
        let within = self
            .scrapes
            .iter()
            .filter(|(at, _)| *at >= since && *at <= now);
        let mut series: HashMap<&(String, String), Increase> = HashMap::new();
        for (at, counter) in
            within.flat_map(|(at, counters)| counters.iter().map(move |counter| (at, counter)))
        {
            series
                .entry(&counter.key)
                .and_modify(|increase| increase.add(*at, counter.seconds))
                .or_insert_with(|| Increase::from(*at, counter));
        }
        let rates = |busy_only: bool| -> f64 {
            series
                .values()
                .filter(|increase| !(busy_only && increase.idle))
                .filter_map(Increase::rate)
                .sum()
        };
        let (busy, all) = (rates(true), rates(false));
        (all > 0.0).then(|| busy / all)
    }
}

/// How much one counter grew.
#[derive(Debug)]
struct Increase {
    idle: bool,
    first_at: Duration,
    last_at: Duration,
    last: f64,
    sum: f64,
}

impl Increase {
    fn from(at: Duration, counter: &CpuCounter) -> Self {
        Self {
            idle: counter.is_idle(),
            first_at: at,
            last_at: at,
            last: counter.seconds,
            sum: 0.0,
        }
    }

    /// A counter that fell was reset in between, so all it shows now was counted since.
    fn add(&mut self, at: Duration, value: f64) {
        self.sum += if value >= self.last {
            value - self.last
        } else {
            value
        };
        (self.last, self.last_at) = (value, at);
    }

    /// Per second; `None` with fewer than two samples.
    fn rate(&self) -> Option<f64> {
        let time = self.last_at.checked_sub(self.first_at)?.as_secs_f64();
        (time > 0.0).then(|| self.sum / time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn counters(idle: f64, user: f64) -> Vec<CpuCounter> {
        [("idle", idle), ("user", user)]
            .map(|(mode, seconds)| CpuCounter {
                key: ("0".to_owned(), mode.to_owned()),
                seconds,
            })
            .to_vec()
    }

    fn history(scrapes: &[(u64, f64, f64)]) -> CpuHistory {
        let mut history = CpuHistory::default();
        for (at, idle, user) in scrapes {
            history.push(Duration::from_secs(*at), counters(*idle, *user), WINDOW);
        }
        history
    }

    fn busy(scrapes: &[(u64, f64, f64)], now: u64) -> Option<f64> {
        history(scrapes).busy(Duration::from_secs(now), WINDOW)
    }

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn two_samples_are_needed() {
        assert_eq!(busy(&[], 10), None);
        assert_eq!(busy(&[(0, 5.0, 5.0)], 10), None);
        assert!(close(busy(&[(0, 5.0, 5.0), (10, 7.0, 13.0)], 10), 0.8));
    }

    #[test]
    fn counters_that_stand_still_are_no_reading() {
        assert_eq!(busy(&[(0, 5.0, 5.0), (10, 5.0, 5.0)], 10), None);
    }

    #[test]
    fn a_reset_counts_from_zero() {
        assert!(close(busy(&[(0, 100.0, 900.0), (10, 2.0, 8.0)], 10), 0.8));
    }

    #[test]
    fn samples_outside_the_window_do_not_count() {
        let scrapes = [
            (0, 0.0, 0.0),
            (30, 30.0, 0.0),
            (60, 30.0, 30.0),
            (90, 30.0, 60.0),
        ];
        assert!(
            close(busy(&scrapes, 90), 1.0),
            "only what happened from 30 s to 90 s"
        );
        assert_eq!(
            busy(&scrapes, 149),
            None,
            "one sample is left in the window"
        );
        assert_eq!(busy(&scrapes, 1000), None);
    }

    #[test]
    fn the_history_forgets() {
        let scrapes: Vec<_> = (0..1000_u32)
            .map(|n| (u64::from(n) * 15, f64::from(n), 0.0))
            .collect();
        assert_eq!(history(&scrapes).scrapes.len(), 5);
    }

    proptest! {
        #[test]
        fn the_share_is_between_zero_and_one_whatever_the_counters_do(
            scrapes in proptest::collection::vec((0_u64..200, 0.0_f64..1e6, 0.0_f64..1e6), 0..20), now in 0_u64..300,
        ) {
            if let Some(share) = busy(&scrapes, now) {
                prop_assert!((0.0..=1.0).contains(&share), "{share}");
            }
        }

        #[test]
        fn a_steady_share_is_found_through_resets(
            share in 0.0_f64..=1.0, start in 0.0_f64..1e5, reset_at in proptest::option::of(1_usize..4),
        ) {
            // A scrape each 15 s, with 15 s of CPU time between scrapes; a reset is right after a
            // scrape.
            let mut value = (start, start);
            let scrapes: Vec<_> = (0..5_usize)
                .map(|number| {
                    if number > 0 {
                        if reset_at == Some(number) { value = (0.0, 0.0) }
                        value = (value.0 + 15.0 * (1.0 - share), value.1 + 15.0 * share);
                    }
                    (number as u64 * 15, value.0, value.1)
                })
                .collect();
            // A reset that ends higher than it began cannot be seen by anyone.
            prop_assume!(reset_at.is_none() || start > 100.0);
            let found = busy(&scrapes, 60).expect("there are five samples");
            prop_assert!((found - share).abs() < 1e-6, "{found} for {share}");
        }
    }
}
