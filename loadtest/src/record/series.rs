//! The run over time, in bounded memory: when there are too many points, neighbours are joined.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Failure, Latency};

/// Points kept at most; joined to half as many when they are exceeded.
const MAX_POINTS: usize = 1200;

/// A part of the run: one tick, or several after joining.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its start, in seconds since the run's.
    pub start: f64,
    /// Its length, in seconds.
    pub seconds: f64,
    /// Requests that the profile asked for.
    pub asked: f64,
    /// Requests that were started.
    pub started: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Failures by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// Response times. After joining, each percentile is the worse of its parts.
    pub response: Latency,
    /// Service times, joined in the same way.
    pub service: Latency,
    /// Requests that waited for their answer at its end.
    pub in_flight: u64,
    /// Requests that were overdue at its end.
    pub backlog: u64,
    /// Open connections at its end.
    pub connections: u64,
    /// Answers by backend.
    pub backends: BTreeMap<Arc<str>, u64>,
}

impl Point {
    fn join(&mut self, next: &Self) {
        self.seconds += next.seconds;
        self.asked += next.asked;
        self.started += next.started;
        self.ok += next.ok;
        for (failure, count) in &next.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.response = worse(&self.response, &next.response);
        self.service = worse(&self.service, &next.service);
        self.in_flight = next.in_flight;
        self.backlog = self.backlog.max(next.backlog);
        self.connections = next.connections;
        for (backend, count) in &next.backends {
            *self.backends.entry(Arc::clone(backend)).or_default() += count;
        }
    }
}

fn worse(a: &Latency, b: &Latency) -> Latency {
    let count = a.count + b.count;
    let sum = u128::from(a.mean) * u128::from(a.count) + u128::from(b.mean) * u128::from(b.count);
    Latency {
        count,
        mean: u64::try_from(sum / u128::from(count.max(1))).unwrap_or(u64::MAX),
        p50: a.p50.max(b.p50),
        p90: a.p90.max(b.p90),
        p99: a.p99.max(b.p99),
        p999: a.p999.max(b.p999),
        max: a.max.max(b.max),
    }
}

/// The points of a run.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// Ticks that one point holds.
    per_point: usize,
    /// Ticks in the last point.
    in_last: usize,
}

impl Series {
    pub(crate) fn new() -> Self {
        Self {
            points: Vec::new(),
            per_point: 1,
            in_last: 1,
        }
    }

    pub(crate) fn push(&mut self, tick: Point) {
        match self.points.last_mut() {
            Some(last) if self.in_last < self.per_point => {
                last.join(&tick);
                self.in_last += 1;
            }
            _ => {
                self.points.push(tick);
                self.in_last = 1;
            }
        }
        if self.points.len() > MAX_POINTS {
            self.in_last = if self.points.len().is_multiple_of(2) {
                self.per_point + self.in_last
            } else {
                self.in_last
            };
            let joined = self.points.chunks(2).map(|pair| {
                let mut point = pair[0].clone();
                pair[1..].iter().for_each(|next| point.join(next));
                point
            });
            self.points = joined.collect();
            self.per_point *= 2;
        }
    }

    pub(crate) fn into_points(self) -> Vec<Point> {
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_POINTS, Point, Series};

    #[test]
    fn a_long_run_keeps_its_sums_in_bounded_memory() {
        let mut series = Series::new();
        for tick in 0..10_000_u32 {
            series.push(Point {
                start: f64::from(tick),
                seconds: 1.0,
                started: 3,
                ..Point::default()
            });
        }
        let points = series.into_points();
        assert!(points.len() <= MAX_POINTS);
        assert_eq!(
            points.iter().map(|point| point.started).sum::<u64>(),
            30_000
        );
        for pair in points.windows(2) {
            assert!((pair[0].start + pair[0].seconds - pair[1].start).abs() < 1e-9);
            assert!(
                (pair[0].seconds - points[0].seconds).abs() < 1e-9,
                "all but the last are as long"
            );
        }
    }
}
