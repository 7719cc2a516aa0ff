//! Adding up: ticks to a run, runs to a merged run. Always the same sums.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    gauges::Levels,
    latency::Latency,
    part::{Part, Timed},
    series::{Point, Series},
    summary::Summary,
    target::summarize,
    warnings::find_warnings,
};

/// A run as far as it has come.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) part: Part,
    /// Each backend's first and last response, to the end of the tick.
    pub(crate) seen: BTreeMap<Arc<str>, (Duration, Duration)>,
    pub(crate) end: Duration,
    series: Series,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            part: Part::default(),
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
        let responses = part.responses();
        for name in responses.keys() {
            let seen = self.seen.entry(Arc::clone(name)).or_insert((end, end));
            *seen = (seen.0.min(end), seen.1.max(end));
        }
        let counts = responses
            .into_iter()
            .map(|(name, (count, _))| (name, count));
        self.series.push(Point {
            start: start.as_secs_f64(),
            seconds: end.saturating_sub(start).as_secs_f64(),
            asked: levels.asked,
            started: part.counts.started(),
            ok: part.counts.counters.ok,
            failures: part.counts.counters.failures.clone(),
            response: Latency::of(&headline.response),
            service: Latency::of(&headline.service),
            gauges: levels.gauges,
            backends: counts.collect(),
        });
    }

    /// Fills the totals into a summary that has the plan's side already.
    pub(crate) fn finish(self, mut summary: Summary, open_loop: bool) -> Summary {
        summary.elapsed = self.end.as_secs_f64();
        summary.series = self.series.into_points();
        summary.accounts = self.part.counts.accounts;
        summary.counters = self.part.counts.counters;
        summary.histograms.waits = self.part.waits;
        summary.targets = summarize(&self.part.targets);
        summary.set_timed(&self.part.timed, &self.seen);
        summary.warnings = find_warnings(&summary, open_loop);
        summary
    }
}
