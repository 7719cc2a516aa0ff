//! The run over time, in bounded memory: when there are too many points, neighbours are joined.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{counters::add_each, failure::Failure, gauges::Gauges, latency::Latency};

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
    pub started: u64,
    pub ok: u64,
    pub failures: BTreeMap<Failure, u64>,
    /// Response times. After joining, each percentile is the worse of its parts.
    pub response: Latency,
    /// Service times, joined in the same way.
    pub service: Latency,
    /// What the run was doing at its end; after joining, with the largest backlog.
    #[serde(flatten)]
    pub gauges: Gauges,
    pub backends: BTreeMap<Arc<str>, u64>,
}

impl Point {
    fn join(&mut self, next: &Self) {
        self.seconds += next.seconds;
        self.asked += next.asked;
        self.started += next.started;
        self.ok += next.ok;
        add_each(&mut self.failures, &next.failures);
        self.response = self.response.worse(&next.response);
        self.service = self.service.worse(&next.service);
        let backlog = self.gauges.backlog.max(next.gauges.backlog);
        self.gauges = Gauges {
            backlog,
            ..next.gauges
        };
        add_each(&mut self.backends, &next.backends);
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
