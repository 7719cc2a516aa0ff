//! A worker's own record of the current tick. Nothing in it is shared.

use std::{collections::HashMap, mem, sync::Arc, time::Duration};

use hdrhistogram::Histogram;

use super::{Class, Counts, Failure, Interval, Outcome, Tag, Timed, new_histogram, record};

/// More backends than this in one run are counted together, so that memory stays bounded.
const MAX_BACKENDS: usize = 200;
const CLASSES: usize = Class::ALL.len();

/// A backend's number within one worker. Zero stands for "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackendId(u16);

/// The times of one request, in nanoseconds since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) intended: u64,
    pub(crate) sent: u64,
    pub(crate) done: u64,
}

/// The end of a tick, as its worker sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) index: u64,
    pub(crate) at: Duration,
    pub(crate) last: bool,
    pub(crate) backlog: u64,
    pub(crate) connections: u64,
    pub(crate) cpu: Duration,
}

pub(crate) struct Recorder {
    worker: usize,
    warm_up: u64,
    late_after: u64,
    counts: Counts,
    /// The stages' ends; requests sent are counted for each.
    stage_ends: Vec<u64>,
    stages: Vec<u64>,
    /// Indexed by status less 100.
    statuses: Box<[u64; 900]>,
    failures: [u64; Failure::ALL.len()],
    backends: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, BackendId>,
    /// Indexed by backend and class; made when first used.
    timed: Vec<Option<Box<Timed>>>,
    send_lag: Histogram<u64>,
    own_lag: Histogram<u64>,
    connect: Histogram<u64>,
    pub(crate) in_flight: u64,
}

impl Recorder {
    pub(crate) fn new(worker: usize, warm_up: u64, late_after: u64, stage_ends: Vec<u64>) -> Self {
        Self {
            worker,
            warm_up,
            late_after,
            counts: Counts::default(),
            stages: vec![0; stage_ends.len()],
            stage_ends,
            statuses: Box::new([0; 900]),
            failures: [0; Failure::ALL.len()],
            backends: vec![Arc::from("-")],
            by_name: HashMap::new(),
            timed: (0..CLASSES).map(|_| None).collect(),
            send_lag: new_histogram(),
            own_lag: new_histogram(),
            connect: new_histogram(),
            in_flight: 0,
        }
    }

    /// The number of the backend with this name; `last` is tried first, since a connection rarely changes its backend.
    pub(crate) fn backend(&mut self, name: &[u8], last: BackendId) -> BackendId {
        if self.backends[usize::from(last.0)].as_bytes() == name {
            return last;
        }
        let name = clean(name);
        if let Some(id) = self.by_name.get(name.as_str()) {
            return *id;
        }
        let name: Arc<str> = if self.backends.len() < MAX_BACKENDS {
            name.into()
        } else {
            Arc::from("(others)")
        };
        if let Some(id) = self.by_name.get(&name) {
            return *id;
        }
        let id = BackendId(self.backends.len() as u16);
        self.backends.push(Arc::clone(&name));
        self.by_name.insert(name, id);
        self.timed.extend((0..CLASSES).map(|_| None));
        id
    }

    fn is_counted(&self, intended: u64) -> bool {
        intended >= self.warm_up
    }

    /// A request was taken up. `queued`: it had waited for a connection.
    pub(crate) fn started(&mut self, intended: u64, now: u64, queued: bool) {
        self.in_flight += 1;
        if let Some(stage) = self
            .stages
            .get_mut(self.stage_ends.partition_point(|end| *end <= intended))
        {
            *stage += 1;
        }
        if !self.is_counted(intended) {
            self.counts.warm_up += 1;
            return;
        }
        let lag = now.saturating_sub(intended);
        let accounts = &mut self.counts.accounts;
        accounts.scheduled += 1;
        if lag > self.late_after {
            accounts.late += 1;
        } else {
            accounts.sent += 1;
        }
        record(&mut self.send_lag, lag);
        if queued {
            self.counts.queued += 1;
        } else {
            record(&mut self.own_lag, lag);
        }
    }

    /// A request was left out by the catch-up policy.
    pub(crate) fn skipped(&mut self, intended: u64) {
        if self.is_counted(intended) {
            self.counts.accounts.scheduled += 1;
            self.counts.accounts.skipped += 1;
        }
    }

    /// Requests were not sent because the run ended.
    pub(crate) fn abandoned(&mut self, requests: u64) {
        self.counts.accounts.scheduled += requests;
        self.counts.accounts.abandoned += requests;
    }

    /// A request failed, and there is more to say than how.
    pub(crate) fn failed_because(&mut self, intended: u64, failure: Failure, reason: &str) {
        if self.is_counted(intended) {
            self.counts.reasons.count(failure, reason, 1);
        }
    }

    /// A request ended.
    pub(crate) fn ended(&mut self, times: Times, outcome: Outcome, backend: BackendId) {
        self.in_flight -= 1;
        if !self.is_counted(times.intended) {
            return;
        }
        let failure = match outcome {
            Outcome::Status(status) => {
                self.statuses[usize::from(status.clamp(100, 999)) - 100] += 1;
                Failure::of_status(status)
            }
            Outcome::Failed(failure) => Some(failure),
        };
        match failure {
            None => self.counts.ok += 1,
            Some(failure) => self.failures[failure as usize] += 1,
        }
        let slot = usize::from(backend.0) * CLASSES + Class::of(outcome) as usize;
        let histograms = self.timed[slot].get_or_insert_with(|| Box::new(Timed::new()));
        record(
            &mut histograms.response,
            times.done.saturating_sub(times.intended),
        );
        record(
            &mut histograms.service,
            times.done.saturating_sub(times.sent),
        );
    }

    pub(crate) fn retried(&mut self) {
        self.counts.retried += 1;
    }

    pub(crate) fn connected(&mut self, took: u64) {
        self.counts.connected += 1;
        record(&mut self.connect, took);
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.counts.bytes_received += bytes as u64;
    }

    /// Takes out what was recorded since the last time.
    pub(crate) fn flush(&mut self, moment: Moment) -> Interval {
        let mut counts = mem::take(&mut self.counts);
        counts.stages = self.stages.iter_mut().map(mem::take).collect();
        for (failure, count) in Failure::ALL.into_iter().zip(&mut self.failures) {
            if *count > 0 {
                counts.failures.insert(failure, mem::take(count));
            }
        }
        for (status, count) in (100..).zip(self.statuses.iter_mut()) {
            if *count > 0 {
                counts.statuses.insert(status, mem::take(count));
            }
        }
        let mut timed = Vec::new();
        for (slot, entry) in self.timed.iter_mut().enumerate() {
            if let Some(histograms) = entry.take() {
                let tag = Tag {
                    backend: Arc::clone(&self.backends[slot / CLASSES]),
                    class: Class::ALL[slot % CLASSES],
                };
                timed.push((tag, *histograms));
            }
        }
        Interval {
            worker: self.worker,
            index: moment.index,
            at: moment.at,
            last: moment.last,
            counts,
            timed,
            send_lag: mem::replace(&mut self.send_lag, new_histogram()),
            own_lag: mem::replace(&mut self.own_lag, new_histogram()),
            connect: mem::replace(&mut self.connect, new_histogram()),
            in_flight: self.in_flight,
            backlog: moment.backlog,
            connections: moment.connections,
            cpu: moment.cpu,
        }
    }
}

/// A name that can stand in a log's tag, a metric's label and a terminal.
fn clean(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let safe = |c: char| {
        if c.is_alphanumeric() || "-._:@/[]()".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = text.trim().chars().take(64).map(safe).collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{BackendId, Moment, Recorder, Times};
    use crate::record::{Accounts, Class, Failure, Outcome};

    #[test]
    fn every_request_is_in_one_account() {
        let mut recorder = Recorder::new(0, 100, 10, vec![100, 200]);
        recorder.started(50, 60, false);
        recorder.started(100, 105, false);
        recorder.started(100, 150, true);
        recorder.skipped(120);
        recorder.abandoned(2);
        let times = Times {
            intended: 100,
            sent: 105,
            done: 2_000_105,
        };
        let backend = recorder.backend(b"a, b", BackendId::default());
        recorder.ended(
            Times {
                intended: 50,
                ..times
            },
            Outcome::Status(200),
            backend,
        );
        recorder.ended(times, Outcome::Status(200), backend);
        recorder.ended(
            times,
            Outcome::Failed(Failure::Timeout),
            BackendId::default(),
        );
        let interval = recorder.flush(Moment::default());
        let accounts = Accounts {
            scheduled: 5,
            sent: 1,
            late: 1,
            skipped: 1,
            abandoned: 2,
        };
        assert_eq!(
            (
                interval.counts.accounts,
                interval.counts.warm_up,
                interval.in_flight
            ),
            (accounts, 1, 0)
        );
        assert_eq!(interval.counts.stages, [1, 2]);
        assert_eq!(
            (
                interval.counts.ok,
                interval.counts.failed(),
                interval.counts.queued
            ),
            (1, 1, 1)
        );
        let tags: Vec<_> = interval
            .timed
            .iter()
            .map(|(tag, timed)| (&*tag.backend, tag.class, timed.response.len()))
            .collect();
        assert_eq!(tags, [("-", Class::Timeout, 1), ("a__b", Class::Ok, 1)]);
        assert!(recorder.flush(Moment::default()).timed.is_empty());
    }

    #[test]
    fn backends_are_bounded() {
        let mut recorder = Recorder::new(0, 0, 0, Vec::new());
        let ids: std::collections::HashSet<u16> = (0..1000)
            .map(|n| {
                recorder
                    .backend(format!("b{n}").as_bytes(), BackendId::default())
                    .0
            })
            .collect();
        assert_eq!(ids.len(), super::MAX_BACKENDS);
    }
}
