//! What Prometheus knows of requests: counters of each member's application, and their rate.

use std::collections::{BTreeMap, VecDeque};

use alert_rules::RequestQuery;

use crate::{
    fleet::MemberNumber,
    time::{Micros, micros, seconds},
};

/// A counter at a scrape.
type Sample = (Micros, u64);

/// The counters of all members, also of those that have left: they are part of a rate for as long
/// as a scrape of theirs is in its window.
#[derive(Clone, Debug)]
pub(crate) struct RequestCounts {
    counters: BTreeMap<MemberNumber, VecDeque<Sample>>,
    longest_window: Micros,
}

impl RequestCounts {
    /// Keeps scrapes for this long.
    pub(crate) fn new(longest_window: Micros) -> Self {
        Self {
            counters: BTreeMap::new(),
            longest_window,
        }
    }

    /// Takes in a scrape that was answered.
    pub(crate) fn scraped(&mut self, number: MemberNumber, at: Micros, count: u64) {
        self.counters
            .entry(number)
            .or_default()
            .push_back((at, count));
        let oldest = at - self.longest_window;
        self.counters.retain(|_, samples| {
            while samples.front().is_some_and(|(at, _)| *at < oldest) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
    }

    /// The number of members that a rule computes, if there is a rate.
    pub(crate) fn members(&self, query: &RequestQuery, now: Micros) -> Option<f64> {
        let window = micros(query.window);
        let rates = self
            .counters
            .values()
            .filter_map(|samples| rate(samples, now, window));
        let sum = rates.fold(None, |sum, rate| Some(sum.unwrap_or(0.0) + rate));
        sum.map(|sum: f64| (sum / query.per_member).ceil())
    }
}

/// `rate()` as Prometheus computes it: the slope between the first and the last sample of the
/// window, which does not include its beginning. It holds up to the window's ends where these are
/// near, else for half a scrape interval, and never to before the counter was 0.
fn rate(samples: &VecDeque<Sample>, now: Micros, window: Micros) -> Option<f64> {
    let since = now - window;
    let inside = || samples.iter().filter(|(at, _)| *at > since && *at <= now);
    let (first, last) = (inside().next()?, inside().next_back()?);
    let gaps = inside().count() - 1;
    if gaps == 0 || last.0 == first.0 {
        return None;
    }
    let counted = (last.1 - first.1) as f64;
    let span = seconds(last.0 - first.0);
    let gap = span / gaps as f64;
    let reach = |to_end: Micros| {
        let to_end = seconds(to_end);
        if to_end >= gap * 1.1 {
            gap / 2.0
        } else {
            to_end
        }
    };
    let to_zero = if counted > 0.0 {
        span * first.1 as f64 / counted
    } else {
        f64::INFINITY
    };
    let reached = span + reach(first.0 - since).min(to_zero) + reach(now - last.0);
    Some(counted * reached / span / seconds(window))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::SECOND;

    fn members(counts: &RequestCounts, at_s: i64) -> Option<f64> {
        let query = RequestQuery {
            job: String::new(),
            window: Duration::from_secs(20),
            per_member: 7.0,
        };
        counts.members(&query, at_s * SECOND)
    }

    #[test]
    fn requests_of_all_members_need_so_many_members() {
        let mut counts = RequestCounts::new(20 * SECOND);
        assert_eq!(members(&counts, 0), None);
        for second in (0..=100_i64).step_by(5) {
            let at = second * SECOND;
            // 20 requests a second, and 10 of a member that leaves.
            counts.scraped(0, at, 1000 + 20 * second.unsigned_abs());
            if second <= 50 {
                counts.scraped(1, at, 1000 + 10 * second.unsigned_abs());
            }
        }
        assert_eq!(members(&counts, 101), Some(3.0), "20 / 7");
        assert_eq!(members(&counts, 500), None, "scrapes are too old");
        let mut counts = RequestCounts::new(20 * SECOND);
        for second in (0..=50_i64).step_by(5) {
            for (number, rate) in [(0, 20), (1, 10)] {
                let count = 1000 + rate * second.unsigned_abs();
                counts.scraped(number, second * SECOND, count);
            }
        }
        assert_eq!(members(&counts, 51), Some(5.0), "30 / 7");
    }

    /// The figures are those of `rate()` itself.
    #[test]
    fn a_rate_is_that_of_prometheus() {
        let rate = |samples: &[(i64, u64)], now_s: i64| {
            let samples = samples.iter().map(|(at, count)| (at * SECOND, *count));
            let found = rate(&samples.collect(), now_s * SECOND, 20 * SECOND);
            found.map(|rate| (rate * 1000.0).round() / 1000.0)
        };
        let steady = [(0, 500), (5, 550), (10, 600), (15, 650), (20, 700)];
        assert_eq!(rate(&steady, 20), Some(10.0), "(0, 20]");
        assert_eq!(rate(&steady, 24), Some(10.0));
        assert_eq!(rate(&steady, 30), Some(6.25), "10 * (5 + 5 + 2.5) / 20");
        assert_eq!(rate(&steady, 39), None, "one sample");
        // A new counter was 0 one second before its first sample.
        assert_eq!(rate(&[(15, 10), (20, 60)], 20), Some(3.0), "10 * 6 / 20");
    }
}
