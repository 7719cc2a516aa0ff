//! Adds up what the workers recorded, once a tick, on a thread of its own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hdrhistogram::Histogram;
use tokio::sync::{mpsc, watch};

use super::{
    Accounts, BackendProgress, Class, Counts, Interval, Latency, Point, Progress, StageSummary,
    Summary, Tag, Timed, add, new_histogram, series::Series,
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
#[expect(dead_code, reason = "read by the interval log")]
pub struct Tick<'a> {
    /// The run at its end.
    pub progress: &'a Progress,
    /// When it started, since the run's start.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    pub(crate) counts: &'a Counts,
    pub(crate) timed: &'a BTreeMap<Tag, Timed>,
    pub(crate) send_lag: &'a Histogram<u64>,
    pub(crate) own_lag: &'a Histogram<u64>,
    pub(crate) connect: &'a Histogram<u64>,
}

/// What the collector must know about the run.
pub(crate) struct Setup {
    pub(crate) plan: Arc<Plan>,
    pub(crate) workers: usize,
    pub(crate) started_at: SystemTime,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

/// The workers' intervals of one tick.
struct Merged {
    at: Duration,
    counts: Counts,
    timed: BTreeMap<Tag, Timed>,
    send_lag: Histogram<u64>,
    own_lag: Histogram<u64>,
    connect: Histogram<u64>,
}

impl Merged {
    fn new() -> Self {
        Self {
            at: Duration::ZERO,
            counts: Counts::default(),
            timed: BTreeMap::new(),
            send_lag: new_histogram(),
            own_lag: new_histogram(),
            connect: new_histogram(),
        }
    }

    fn add(&mut self, interval: Interval) {
        self.at = self.at.max(interval.at);
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
    pending: BTreeMap<u64, Merged>,
    total: Merged,
    seen: BTreeMap<Arc<str>, (Duration, Duration)>,
    stage_times: Vec<Histogram<u64>>,
    series: Series,
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
            total: Merged::new(),
            seen: BTreeMap::new(),
            stage_times: (0..timed_stages).map(|_| new_histogram()).collect(),
            series: Series::new(),
            busiest: 0.0,
            setup,
        }
    }

    /// Collects until every worker is done or gone.
    pub(crate) fn run(mut self, mut intervals: mpsc::Receiver<Interval>) -> Summary {
        while let Some(interval) = intervals.blocking_recv() {
            self.note(&interval);
            self.pending
                .entry(interval.index)
                .or_insert_with(Merged::new)
                .add(interval);
            let complete = self
                .gauges
                .iter()
                .map(|gauges| gauges.index)
                .min()
                .unwrap_or(0);
            // The tick with the run's end is published with the last word, below.
            while self.pending.len() > 1
                && let Some(entry) = self.pending.first_entry()
                && *entry.key() <= complete
            {
                let (index, merged) = entry.remove_entry();
                self.publish(index, &merged, false);
            }
        }
        while let Some((index, merged)) = self.pending.pop_first() {
            let finished = self.pending.is_empty();
            self.publish(index, &merged, finished);
        }
        self.finish()
    }

    fn note(&mut self, interval: &Interval) {
        let gauges = &mut self.gauges[interval.worker];
        let wall = interval.at.saturating_sub(gauges.at);
        // A sliver of a tick says nothing about use.
        if wall >= Duration::from_millis(50) {
            gauges.busy =
                interval.cpu.saturating_sub(gauges.cpu).as_secs_f64() / wall.as_secs_f64();
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

    fn publish(&mut self, index: u64, merged: &Merged, finished: bool) {
        let start = self.total.at;
        let end = merged.at.max(start);
        let length = end.saturating_sub(start);
        self.total.at = end;
        let mut headline = Timed::new();
        let mut answers: BTreeMap<Arc<str>, (u64, Latency)> = BTreeMap::new();
        for (tag, timed) in &merged.timed {
            if tag.class.is_headline() {
                headline.add(timed);
            }
            if !matches!(tag.class, Class::Timeout | Class::Error) {
                let entry = answers.entry(Arc::clone(&tag.backend)).or_default();
                entry.0 += timed.response.len();
                if tag.class == Class::Ok {
                    entry.1 = Latency::of(&timed.response);
                }
                self.seen
                    .entry(Arc::clone(&tag.backend))
                    .or_insert((end, end))
                    .1 = end;
            }
        }
        self.add_stage(start, end, &headline.response);
        self.total.counts.add(&merged.counts);
        for (tag, timed) in &merged.timed {
            self.total
                .timed
                .entry(tag.clone())
                .or_insert_with(Timed::new)
                .add(timed);
        }
        add(&mut self.total.send_lag, &merged.send_lag);
        add(&mut self.total.own_lag, &merged.own_lag);
        add(&mut self.total.connect, &merged.connect);

        let (response, service) = (
            Latency::of(&headline.response),
            Latency::of(&headline.service),
        );
        let progress = self.progress(
            index,
            start,
            merged,
            (response, service),
            &answers,
            finished,
        );
        self.series.push(Point {
            start: start.as_secs_f64(),
            seconds: length.as_secs_f64(),
            asked: self.asked(start, end),
            started: merged.counts.accounts.started() + merged.counts.warm_up,
            ok: merged.counts.ok,
            failures: merged.counts.failures.clone(),
            response,
            service,
            in_flight: progress.in_flight,
            backlog: progress.backlog,
            connections: progress.connections,
            backends: answers
                .iter()
                .map(|(name, (count, _))| (Arc::clone(name), *count))
                .collect(),
        });
        let tick = Tick {
            progress: &progress,
            start,
            length,
            counts: &merged.counts,
            timed: &merged.timed,
            send_lag: &merged.send_lag,
            own_lag: &merged.own_lag,
            connect: &merged.connect,
        };
        for observer in &mut self.setup.observers {
            observer.tick(&tick);
        }
        self.setup.progress.send_replace(progress);
    }

    fn asked(&self, start: Duration, end: Duration) -> f64 {
        self.curve.as_ref().map_or(0.0, |curve| {
            curve.due(end.as_secs_f64()) - curve.due(start.as_secs_f64())
        })
    }

    fn progress(
        &self,
        index: u64,
        start: Duration,
        merged: &Merged,
        (response, service): (Latency, Latency),
        answers: &BTreeMap<Arc<str>, (u64, Latency)>,
        finished: bool,
    ) -> Progress {
        let end = self.total.at;
        let length = end.saturating_sub(start);
        let seconds = length.as_secs_f64().max(1e-9);
        let mut response_total = new_histogram();
        for (_, timed) in self
            .total
            .timed
            .iter()
            .filter(|(tag, _)| tag.class.is_headline())
        {
            add(&mut response_total, &timed.response);
        }
        let backends = self.seen.iter().map(|(name, (first_seen, last_seen))| {
            let (answers, response) = answers.get(name).copied().unwrap_or_default();
            let name = Arc::clone(name);
            BackendProgress {
                name,
                answers,
                response,
                first_seen: *first_seen,
                last_seen: *last_seen,
            }
        });
        Progress {
            tick: index,
            elapsed: end,
            planned: self.setup.plan.load.duration(),
            tick_length: length,
            asked: self.asked(start, end) / seconds,
            started: (merged.counts.accounts.started() + merged.counts.warm_up) as f64 / seconds,
            succeeded: merged.counts.ok as f64 / seconds,
            failed: merged.counts.failed() as f64 / seconds,
            response,
            service,
            send_lag: Latency::of(&merged.send_lag),
            failures: merged.counts.failures.clone(),
            in_flight: self.gauges.iter().map(|gauges| gauges.in_flight).sum(),
            backlog: self.gauges.iter().map(|gauges| gauges.backlog).sum(),
            connections: self.gauges.iter().map(|gauges| gauges.connections).sum(),
            busiest_worker: self
                .gauges
                .iter()
                .map(|gauges| gauges.busy)
                .fold(0.0, f64::max),
            backends: backends.collect(),
            accounts: self.total.counts.accounts,
            ok_total: self.total.counts.ok,
            failed_total: self.total.counts.failed(),
            response_total: Latency::of(&response_total),
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
                started: self.total.counts.stages.get(i).copied().unwrap_or(0),
                response: self.stage_times.get(i).map(Latency::of).unwrap_or_default(),
            });
            start = end;
        }
        stages
    }

    fn finish(self) -> Summary {
        let since_epoch = self
            .setup
            .started_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let plan = self
            .setup
            .plan
            .describe()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let mut summary = Summary {
            plan,
            started_at: since_epoch.as_secs_f64(),
            elapsed: self.total.at.as_secs_f64(),
            planned: self.setup.plan.load.duration().as_secs_f64(),
            stages: self.stages(),
            series: self.series.into_points(),
            busiest_worker: self.busiest,
            ..Summary::default()
        };
        summary.histograms.send_lag = self.total.send_lag;
        summary.histograms.own_lag = self.total.own_lag;
        summary.histograms.connect = self.total.connect;
        summary.set_counts(self.total.counts);
        summary.set_timed(&self.total.timed, &self.seen);
        summary.set_warnings(self.curve.is_some());
        debug_assert_eq!(balance(&summary.accounts), 0);
        summary
    }
}

/// What the accounts do not explain; zero when they are right.
fn balance(accounts: &Accounts) -> i128 {
    i128::from(accounts.scheduled)
        - i128::from(accounts.sent)
        - i128::from(accounts.late)
        - i128::from(accounts.skipped)
        - i128::from(accounts.abandoned)
}
