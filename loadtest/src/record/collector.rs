//! Adds up what the workers recorded, once a tick, on a thread of its own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hdrhistogram::Histogram;
use tokio::sync::{mpsc, watch};

use super::{
    counters::Accounts,
    findings::Findings,
    gauges::{Gauges, Levels},
    histogram::{add, new_histogram},
    interval::{Interval, TickEnd},
    latency::Latency,
    part::{Part, Timed},
    progress::{BackendProgress, Progress},
    summary::{Histograms, StageSummary, Summary},
    tick::{Observer, Tick},
    totals::Totals,
};
use crate::{
    plan::{Load, Plan},
    profile::Curve,
    threshold::Verdict,
};

/// Stages whose response times are kept apart; a trace has too many to.
const MAX_TIMED_STAGES: usize = 64;

/// What the collector must know about the run.
pub(crate) struct Setup {
    pub(crate) plan: Arc<Plan>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) workers: usize,
    pub(crate) started_at: SystemTime,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

/// What a worker said last about itself.
#[derive(Clone, Copy, Default)]
struct Known {
    end: TickEnd,
    /// The part of its tick in which its thread ran, 0 to 1.
    busy: f64,
}

pub(crate) struct Collector {
    setup: Setup,
    curve: Option<Curve>,
    workers: Vec<Known>,
    /// The ticks that not all workers have finished, with the latest end that a worker had.
    pending: BTreeMap<u64, (Duration, Part)>,
    totals: Totals,
    response_total: Histogram<u64>,
    stage_times: Vec<Histogram<u64>>,
    busiest: f64,
}

impl Collector {
    pub(crate) fn new(setup: Setup) -> Self {
        let (curve, stages) = match &setup.plan.load {
            Load::Open(profile) => (Some(profile.curve()), profile.stages().len()),
            Load::Closed(_) => (None, 0),
        };
        let timed_stages = if stages <= MAX_TIMED_STAGES {
            stages
        } else {
            0
        };
        Self {
            workers: vec![Known::default(); setup.workers],
            curve,
            pending: BTreeMap::new(),
            totals: Totals::new(),
            response_total: new_histogram(),
            stage_times: (0..timed_stages).map(|_| new_histogram()).collect(),
            busiest: 0.0,
            setup,
        }
    }

    /// Collects until every worker is done or gone.
    pub(crate) fn run(mut self, mut intervals: mpsc::Receiver<Interval>) -> Summary {
        while let Some(interval) = intervals.blocking_recv() {
            self.note(interval.worker, interval.end);
            let entry = self.pending.entry(interval.end.index);
            let (end, part) = entry.or_default();
            *end = interval.end.at.max(*end);
            part.add(&interval.part);
            let known = self.workers.iter().map(|known| known.end);
            let finished = known.map(|end| if end.last { u64::MAX } else { end.index });
            let complete = finished.min().unwrap_or(0);
            // Once all workers are done, the rest is published below, with the last word.
            while complete < u64::MAX
                && let Some(entry) = self.pending.first_entry()
                && *entry.key() <= complete
            {
                let (index, (end, part)) = entry.remove_entry();
                self.publish(index, end, &part, false);
            }
        }
        while let Some((index, (end, part))) = self.pending.pop_first() {
            let finished = self.pending.is_empty();
            self.publish(index, end, &part, finished);
        }
        self.finish()
    }

    fn note(&mut self, worker: usize, end: TickEnd) {
        let known = &mut self.workers[worker];
        let wall = end.at.saturating_sub(known.end.at);
        // A sliver of a tick says nothing about use.
        if wall >= Duration::from_millis(50) {
            let used = end.cpu.saturating_sub(known.end.cpu);
            known.busy = used.as_secs_f64() / wall.as_secs_f64();
            self.busiest = self.busiest.max(known.busy);
        }
        known.end = end;
    }

    fn publish(&mut self, index: u64, end: Duration, part: &Part, finished: bool) {
        let start = self.totals.end;
        let end = end.max(start);
        let headline = part.headline();
        let levels = self.levels(start, end);
        self.add_stage(start, end, &headline.response);
        add(&mut self.response_total, &headline.response);
        self.totals.add(start, end, part, &headline, levels);
        let progress = self.progress(index, start, part, &headline, levels, finished);
        let settings = self.settings();
        let tick = Tick {
            progress: &progress,
            settings: &settings,
            start,
            length: end.saturating_sub(start),
            started_at: self.setup.started_at,
            part,
            headline: &headline,
            levels,
        };
        for observer in &mut self.setup.observers {
            observer.tick(&tick);
        }
        self.setup.progress.send_replace(progress);
    }

    /// The most requests of all slices together.
    fn most(&self) -> u64 {
        self.setup.plan.requests.unwrap_or(u64::MAX)
    }

    /// How long requests are started for, as far as it is known.
    fn planned(&self) -> Duration {
        let (plan, counts) = (&self.setup.plan, &self.totals.part.counts);
        let due = counts.accounts.scheduled + counts.counters.warm_up;
        let is_over = |requests| due >= plan.slice.arrivals(requests);
        if plan.requests.is_some_and(is_over) {
            plan.load.duration().min(self.totals.end)
        } else {
            plan.load.duration()
        }
    }

    fn levels(&self, start: Duration, end: Duration) -> Levels {
        let most = self.most();
        let due = |curve: &Curve| {
            let until = |moment: Duration| curve.due(moment.as_secs_f64()).min(most as f64);
            until(end) - until(start)
        };
        let mut gauges = Gauges::default();
        for known in &self.workers {
            gauges += known.end.gauges;
        }
        let plan = &self.setup.plan;
        let asked = self.curve.as_ref().map_or(0.0, due) * plan.rate_factor.get();
        Levels {
            asked: asked / plan.slice.of() as f64,
            gauges,
        }
    }

    fn progress(
        &self,
        tick: u64,
        start: Duration,
        part: &Part,
        headline: &Timed,
        levels: Levels,
        finished: bool,
    ) -> Progress {
        let end = self.totals.end;
        let length = end.saturating_sub(start);
        let seconds = length.as_secs_f64().max(1e-9);
        let responses = part.responses();
        let backends = self
            .totals
            .seen
            .iter()
            .map(|(name, (first_seen, last_seen))| {
                let (answers, response) = responses.get(name).copied().unwrap_or_default();
                BackendProgress {
                    name: Arc::clone(name),
                    answers,
                    response,
                    first_seen: *first_seen,
                    last_seen: *last_seen,
                }
            });
        let counters = &part.counts.counters;
        let total = &self.totals.part.counts;
        Progress {
            tick,
            elapsed: end,
            planned: self.planned(),
            tick_length: length,
            asked: levels.asked / seconds,
            started: part.counts.started() as f64 / seconds,
            succeeded: counters.ok as f64 / seconds,
            failed: counters.failed() as f64 / seconds,
            response: Latency::of(&headline.response),
            service: Latency::of(&headline.service),
            send_lag: Latency::of(&part.waits.send_lag),
            failures: counters.failures.clone(),
            in_flight: levels.gauges.in_flight,
            backlog: levels.gauges.backlog,
            connections: levels.gauges.connections,
            busiest_worker: self
                .workers
                .iter()
                .map(|known| known.busy)
                .fold(0.0, f64::max),
            backends: backends.collect(),
            accounts: total.accounts,
            total: total.counters.clone(),
            failed_total: total.counters.failed(),
            response_total: Latency::of(&self.response_total),
            verdicts: self.verdicts(),
            finished,
        }
    }

    /// Judges the run so far.
    fn verdicts(&self) -> Vec<Verdict> {
        let thresholds = &self.setup.plan.thresholds;
        if thresholds.is_empty() {
            return Vec::new();
        }
        let part = &self.totals.part;
        let Timed { response, service } = part.headline();
        let seconds = self.totals.end.as_secs_f64();
        let summary = Summary {
            elapsed: seconds,
            planned: seconds.min(self.setup.plan.load.duration().as_secs_f64()),
            accounts: part.counts.accounts,
            counters: part.counts.counters.clone(),
            histograms: Histograms {
                response,
                service,
                waits: part.waits.clone(),
            },
            ..Summary::default()
        };
        let judged = thresholds.iter().map(|threshold| threshold.judge(&summary));
        judged.collect()
    }

    /// Adds a tick's times to the stage that held its middle.
    fn add_stage(&mut self, start: Duration, end: Duration, response: &Histogram<u64>) {
        let Load::Open(profile) = &self.setup.plan.load else {
            return;
        };
        let middle = (start + end) / 2;
        let mut stage_end = Duration::ZERO;
        for (stage, times) in profile.stages().iter().zip(&mut self.stage_times) {
            stage_end += stage.duration;
            if middle < stage_end {
                add(times, response);
                return;
            }
        }
    }

    fn stages(&self) -> Vec<StageSummary> {
        let (Load::Open(profile), Some(curve)) = (&self.setup.plan.load, &self.curve) else {
            return Vec::new();
        };
        let started = &self.totals.part.counts.stages;
        let mut start = 0.0;
        let mut stages = Vec::new();
        for (i, stage) in profile.stages().iter().enumerate() {
            let end = start + stage.duration.as_secs_f64();
            // The n-th request is due when the curve reaches n, so a stage has the whole numbers
            // that it passes.
            let slice = self.setup.plan.slice;
            let whole = |seconds: f64| {
                let due = (curve.due(seconds) - 1e-6).ceil().max(0.0) as u64;
                slice.arrivals(due.min(self.most()))
            };
            stages.push(StageSummary {
                stage: stage.to_string(),
                start,
                seconds: end - start,
                asked: whole(end) - whole(start),
                started: started.get(i).copied().unwrap_or(0),
                response: self.stage_times.get(i).map(Latency::of).unwrap_or_default(),
            });
            start = end;
        }
        stages
    }

    /// The plan's settings, and what the run has learnt so far.
    fn settings(&self) -> BTreeMap<String, String> {
        let planned = self.setup.plan.describe().into_iter();
        planned
            .map(|(key, value)| (key.to_owned(), value))
            .chain(self.setup.findings.settings())
            .collect()
    }

    fn finish(self) -> Summary {
        let since_epoch = self.setup.started_at.duration_since(SystemTime::UNIX_EPOCH);
        let summary = Summary {
            plan: self.settings(),
            started_at: since_epoch.unwrap_or_default().as_secs_f64(),
            planned: self.planned().as_secs_f64(),
            stages: self.stages(),
            busiest_worker: self.busiest,
            ..Summary::default()
        };
        let summary = self.totals.finish(summary, self.curve.is_some());
        debug_assert_eq!(balance(&summary.accounts), 0);
        summary
    }
}

/// What the accounts do not explain; zero when they are right.
fn balance(accounts: &Accounts) -> i128 {
    let explained = [
        accounts.sent,
        accounts.late,
        accounts.skipped,
        accounts.unsent,
    ];
    i128::from(accounts.scheduled) - explained.into_iter().map(i128::from).sum::<i128>()
}
