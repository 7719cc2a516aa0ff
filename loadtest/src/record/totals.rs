//! Adding up: workers to a tick, ticks to a run, runs to a merged run. Always the same sums.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    Class, Counts, Interval, Latency, Point, Summary, Tag, Timed, add, new_histogram,
    series::Series,
};

/// Everything recorded in a part of a run.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) counts: Counts,
    pub(crate) timed: BTreeMap<Tag, Timed>,
    pub(crate) send_lag: Histogram<u64>,
    pub(crate) own_lag: Histogram<u64>,
    pub(crate) connect: Histogram<u64>,
}

impl Part {
    pub(crate) fn new() -> Self {
        Self {
            counts: Counts::default(),
            timed: BTreeMap::new(),
            send_lag: new_histogram(),
            own_lag: new_histogram(),
            connect: new_histogram(),
        }
    }

    pub(crate) fn add_interval(&mut self, interval: Interval) {
        self.counts.add(&interval.counts);
        for (tag, timed) in interval.timed {
            self.timed
                .entry(tag)
                .and_modify(|total| total.add(&timed))
                .or_insert(timed);
        }
        add(&mut self.send_lag, &interval.send_lag);
        add(&mut self.own_lag, &interval.own_lag);
        add(&mut self.connect, &interval.connect);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (tag, timed) in &other.timed {
            self.timed
                .entry(tag.clone())
                .or_insert_with(Timed::new)
                .add(timed);
        }
        add(&mut self.send_lag, &other.send_lag);
        add(&mut self.own_lag, &other.own_lag);
        add(&mut self.connect, &other.connect);
    }

    /// The times that the headline percentiles are about.
    pub(crate) fn headline(&self) -> Timed {
        let mut headline = Timed::new();
        for (_, timed) in self.timed.iter().filter(|(tag, _)| tag.class.is_headline()) {
            headline.add(timed);
        }
        headline
    }

    /// Each backend's answers, and the response times of its successful ones.
    pub(crate) fn answers(&self) -> BTreeMap<Arc<str>, (u64, Latency)> {
        let mut answers: BTreeMap<Arc<str>, (u64, Latency)> = BTreeMap::new();
        for (tag, timed) in self.timed.iter().filter(|(tag, _)| tag.class.is_answer()) {
            let entry = answers.entry(Arc::clone(&tag.backend)).or_default();
            entry.0 += timed.response.len();
            if tag.class == Class::Ok {
                entry.1 = Latency::of(&timed.response);
            }
        }
        answers
    }
}

/// What a run was at the end of a tick, or asked for in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Levels {
    pub(crate) asked: f64,
    pub(crate) in_flight: u64,
    pub(crate) backlog: u64,
    pub(crate) connections: u64,
}

/// A run as far as it has come.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) part: Part,
    /// Each backend's first and last answer, to the end of the tick.
    pub(crate) seen: BTreeMap<Arc<str>, (Duration, Duration)>,
    pub(crate) end: Duration,
    series: Series,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            part: Part::new(),
            seen: BTreeMap::new(),
            end: Duration::ZERO,
            series: Series::new(),
        }
    }

    /// Adds a tick that lasted from `start` to `end`.
    pub(crate) fn add(
        &mut self,
        start: Duration,
        end: Duration,
        part: &Part,
        headline: &Timed,
        levels: Levels,
    ) {
        self.end = self.end.max(end);
        self.part.add(part);
        let answers = part.answers();
        for name in answers.keys() {
            let seen = self.seen.entry(Arc::clone(name)).or_insert((end, end));
            *seen = (seen.0.min(end), seen.1.max(end));
        }
        let counts = answers.into_iter().map(|(name, (count, _))| (name, count));
        self.series.push(Point {
            start: start.as_secs_f64(),
            seconds: end.saturating_sub(start).as_secs_f64(),
            asked: levels.asked,
            started: part.counts.accounts.started() + part.counts.warm_up,
            ok: part.counts.ok,
            failures: part.counts.failures.clone(),
            response: Latency::of(&headline.response),
            service: Latency::of(&headline.service),
            in_flight: levels.in_flight,
            backlog: levels.backlog,
            connections: levels.connections,
            backends: counts.collect(),
        });
    }

    /// Fills the totals into a summary that has the plan's side already.
    pub(crate) fn finish(self, mut summary: Summary, open_loop: bool) -> Summary {
        summary.elapsed = self.end.as_secs_f64();
        summary.series = self.series.into_points();
        summary.histograms.send_lag = self.part.send_lag;
        summary.histograms.own_lag = self.part.own_lag;
        summary.histograms.connect = self.part.connect;
        summary.set_counts(self.part.counts);
        summary.set_timed(&self.part.timed, &self.seen);
        summary.set_warnings(open_loop);
        summary
    }
}
