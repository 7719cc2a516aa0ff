//! Adds up what the workers recorded, once a tick, on a thread of its own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hdrhistogram::Histogram;
use tokio::sync::{mpsc, watch};

use super::{
    Accounts, BackendProgress, Interval, Latency, Levels, Part, Progress, StageSummary, Summary,
    Timed, Totals, add, new_histogram,
};
use crate::{
    plan::{Load, Plan},
    profile::Curve,
};

/// Stages whose response times are kept apart; a trace has too many to.
const MAX_TIMED_STAGES: usize = 64;

/// Receives every tick's record, on the collector's thread.
pub trait Observer: Send {
    /// Called once for each tick, in order.
    fn tick(&mut self, tick: &Tick<'_>);
}

/// One tick, added up over all workers.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The run at its end.
    pub progress: &'a Progress,
    /// When it started, since the run's start.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// When the run started.
    pub(crate) started_at: SystemTime,
    pub(crate) part: &'a Part,
    pub(crate) headline: &'a Timed,
    pub(crate) levels: Levels,
}

/// What the collector must know about the run.
pub(crate) struct Setup {
    pub(crate) plan: Arc<Plan>,
    pub(crate) workers: usize,
    pub(crate) started_at: SystemTime,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

/// What a worker said last about itself.
#[derive(Clone, Copy, Default)]
struct Gauges {
    index: u64,
    in_flight: u64,
    backlog: u64,
    connections: u64,
    cpu: Duration,
    at: Duration,
    busy: f64,
}

pub(crate) struct Collector {
    setup: Setup,
    curve: Option<Curve>,
    gauges: Vec<Gauges>,
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
            gauges: vec![Gauges::default(); setup.workers],
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
            self.note(&interval);
            let entry = self.pending.entry(interval.index);
            let (end, part) = entry.or_insert_with(|| (Duration::ZERO, Part::new()));
            *end = interval.at.max(*end);
            part.add_interval(interval);
            let complete = self
                .gauges
                .iter()
                .map(|gauges| gauges.index)
                .min()
                .unwrap_or(0);
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

    fn note(&mut self, interval: &Interval) {
        let gauges = &mut self.gauges[interval.worker];
        let wall = interval.at.saturating_sub(gauges.at);
        // A sliver of a tick says nothing about use.
        if wall >= Duration::from_millis(50) {
            let used = interval.cpu.saturating_sub(gauges.cpu);
            gauges.busy = used.as_secs_f64() / wall.as_secs_f64();
            self.busiest = self.busiest.max(gauges.busy);
        }
        *gauges = Gauges {
            index: if interval.last {
                u64::MAX
            } else {
                interval.index
            },
            in_flight: interval.in_flight,
            backlog: interval.backlog,
            connections: interval.connections,
            cpu: interval.cpu,
            at: interval.at,
            busy: gauges.busy,
        };
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
        let tick = Tick {
            progress: &progress,
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

    fn levels(&self, start: Duration, end: Duration) -> Levels {
        let due = |curve: &Curve| curve.due(end.as_secs_f64()) - curve.due(start.as_secs_f64());
        let sum = |of: fn(&Gauges) -> u64| self.gauges.iter().map(of).sum();
        Levels {
            asked: self.curve.as_ref().map_or(0.0, due),
            in_flight: sum(|gauges| gauges.in_flight),
            backlog: sum(|gauges| gauges.backlog),
            connections: sum(|gauges| gauges.connections),
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
        let answers = part.answers();
        let backends = self
            .totals
            .seen
            .iter()
            .map(|(name, (first_seen, last_seen))| {
                let (answers, response) = answers.get(name).copied().unwrap_or_default();
                BackendProgress {
                    name: Arc::clone(name),
                    answers,
                    response,
                    first_seen: *first_seen,
                    last_seen: *last_seen,
                }
            });
        let counts = &part.counts;
        let total = &self.totals.part.counts;
        Progress {
            tick,
            elapsed: end,
            planned: self.setup.plan.load.duration(),
            tick_length: length,
            asked: levels.asked / seconds,
            started: (counts.accounts.started() + counts.warm_up) as f64 / seconds,
            succeeded: counts.ok as f64 / seconds,
            failed: counts.failed() as f64 / seconds,
            response: Latency::of(&headline.response),
            service: Latency::of(&headline.service),
            send_lag: Latency::of(&part.send_lag),
            failures: counts.failures.clone(),
            in_flight: levels.in_flight,
            backlog: levels.backlog,
            connections: levels.connections,
            busiest_worker: self
                .gauges
                .iter()
                .map(|gauges| gauges.busy)
                .fold(0.0, f64::max),
            backends: backends.collect(),
            accounts: total.accounts,
            ok_total: total.ok,
            failed_total: total.failed(),
            response_total: Latency::of(&self.response_total),
            finished,
        }
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
            // The n-th request is due when the curve reaches n, so a stage has the whole numbers that it passes.
            let whole = |seconds: f64| (curve.due(seconds) - 1e-6).ceil().max(0.0) as u64;
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

    fn finish(self) -> Summary {
        let since_epoch = self.setup.started_at.duration_since(SystemTime::UNIX_EPOCH);
        let settings = self.setup.plan.describe().into_iter();
        let summary = Summary {
            plan: settings
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            started_at: since_epoch.unwrap_or_default().as_secs_f64(),
            planned: self.setup.plan.load.duration().as_secs_f64(),
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
        accounts.abandoned,
    ];
    i128::from(accounts.scheduled) - explained.into_iter().map(i128::from).sum::<i128>()
}
