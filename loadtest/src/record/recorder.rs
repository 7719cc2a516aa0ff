//! A worker's own record of the current tick. Nothing in it is shared.

use std::{collections::HashMap, mem, sync::Arc};

use super::{
    class::{Class, Outcome, Tag},
    counters::Counters,
    failure::Failure,
    histogram::record,
    interval::{Interval, TickEnd},
    part::{Part, Timed},
    target::TargetRecorder,
};

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

pub(crate) struct Recorder {
    worker: usize,
    warm_up: u64,
    late_after: u64,
    /// The tick so far, but for what is kept below for speed.
    part: Part,
    /// The stages' ends; requests sent are counted for each.
    stage_ends: Vec<u64>,
    /// Indexed by status less 100.
    statuses: Box<[u64; 900]>,
    failures: [u64; Failure::ALL.len()],
    backends: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, BackendId>,
    /// Indexed by backend and class; made when first used.
    timed: Vec<Option<Box<Timed>>>,
    targets: TargetRecorder,
    in_flight: u64,
}

impl Recorder {
    pub(crate) fn new(
        worker: usize,
        warm_up: u64,
        late_after: u64,
        stage_ends: Vec<u64>,
        targets: Vec<Arc<str>>,
    ) -> Self {
        Self {
            worker,
            warm_up,
            late_after,
            part: empty(stage_ends.len()),
            stage_ends,
            statuses: Box::new([0; 900]),
            failures: [0; Failure::ALL.len()],
            backends: vec![Arc::from("-")],
            by_name: HashMap::new(),
            timed: (0..CLASSES).map(|_| None).collect(),
            targets: TargetRecorder::new(targets),
            in_flight: 0,
        }
    }

    /// The number of the backend with this name; `last` is tried first, since a connection rarely
    /// changes its backend.
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

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// What is counted whenever it happens, in the warm-up too.
    pub(crate) fn counters(&mut self) -> &mut Counters {
        &mut self.part.counts.counters
    }

    /// A request was taken up. `queued`: it had waited for a connection.
    pub(crate) fn started(&mut self, intended: u64, now: u64, queued: bool) {
        self.in_flight += 1;
        let counts = &mut self.part.counts;
        let stage = self.stage_ends.partition_point(|end| *end <= intended);
        if let Some(started) = counts.stages.get_mut(stage) {
            *started += 1;
        }
        if intended < self.warm_up {
            counts.counters.warm_up += 1;
            return;
        }
        let lag = now.saturating_sub(intended);
        counts.accounts.scheduled += 1;
        if lag > self.late_after {
            counts.accounts.late += 1;
        } else {
            counts.accounts.sent += 1;
        }
        record(&mut self.part.waits.send_lag, lag);
        if queued {
            counts.counters.queued += 1;
        } else {
            record(&mut self.part.waits.generator_lag, lag);
        }
    }

    /// A request was left out by the catch-up policy.
    pub(crate) fn skipped(&mut self, intended: u64) {
        if self.is_counted(intended) {
            self.part.counts.accounts.scheduled += 1;
            self.part.counts.accounts.skipped += 1;
        }
    }

    /// Requests were not sent because the run ended.
    pub(crate) fn unsent(&mut self, requests: u64) {
        self.part.counts.accounts.scheduled += requests;
        self.part.counts.accounts.unsent += requests;
    }

    /// A request failed, and there is more to say than how.
    pub(crate) fn failed_because(&mut self, intended: u64, failure: Failure, reason: &str) {
        if self.is_counted(intended) {
            self.counters().reasons.count(failure, reason, 1);
        }
    }

    /// A request ended. `target` says whose turn it was.
    pub(crate) fn ended(
        &mut self,
        times: Times,
        outcome: Outcome,
        backend: BackendId,
        target: usize,
    ) {
        self.in_flight -= 1;
        if !self.is_counted(times.intended) {
            return;
        }
        let (status, failure) = match outcome {
            Outcome::Status(status) => (Some(status), Failure::of_status(status)),
            Outcome::Expected(status) => (Some(status), None),
            Outcome::Unexpected(status) => (Some(status), Some(Failure::Check)),
            Outcome::Failed(failure) => (None, Some(failure)),
        };
        if let Some(status) = status {
            self.statuses[usize::from(status.clamp(100, 999)) - 100] += 1;
        }
        match failure {
            None => self.counters().ok += 1,
            Some(failure) => self.failures[failure as usize] += 1,
        }
        let (class, response) = (
            Class::of(outcome),
            times.done.saturating_sub(times.intended),
        );
        let slot = usize::from(backend.0) * CLASSES + class as usize;
        let histograms = self.timed[slot].get_or_insert_with(|| Box::new(Timed::new()));
        record(&mut histograms.response, response);
        record(
            &mut histograms.service,
            times.done.saturating_sub(times.sent),
        );
        self.targets.ended(target, class, response);
    }

    pub(crate) fn connected(&mut self, took: u64) {
        self.counters().connected += 1;
        record(&mut self.part.waits.connect, took);
    }

    /// Takes out what was recorded since the last time.
    pub(crate) fn flush(&mut self, end: TickEnd) -> Interval {
        let mut part = mem::replace(&mut self.part, empty(self.stage_ends.len()));
        let counters = &mut part.counts.counters;
        for (failure, count) in Failure::ALL.into_iter().zip(&mut self.failures) {
            if *count > 0 {
                counters.failures.insert(failure, mem::take(count));
            }
        }
        for (status, count) in (100..).zip(self.statuses.iter_mut()) {
            if *count > 0 {
                counters.statuses.insert(status, mem::take(count));
            }
        }
        for (slot, entry) in self.timed.iter_mut().enumerate() {
            if let Some(histograms) = entry.take() {
                let tag = Tag {
                    backend: Arc::clone(&self.backends[slot / CLASSES]),
                    class: Class::ALL[slot % CLASSES],
                };
                part.timed.insert(tag, *histograms);
            }
        }
        self.targets.flush(&mut part.targets);
        Interval {
            worker: self.worker,
            end,
            part,
        }
    }
}

/// A tick in which nothing has happened yet.
fn empty(stages: usize) -> Part {
    let mut part = Part::default();
    part.counts.stages = vec![0; stages];
    part
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
    use super::{BackendId, Recorder, TickEnd, Times};
    use crate::record::{Accounts, Class, Failure, Outcome};

    #[test]
    fn every_request_is_in_one_account() {
        let mut recorder = Recorder::new(0, 100, 10, vec![100, 200], Vec::new());
        recorder.started(50, 60, false);
        recorder.started(100, 105, false);
        recorder.started(100, 150, true);
        recorder.skipped(120);
        recorder.unsent(2);
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
            0,
        );
        recorder.ended(times, Outcome::Status(200), backend, 0);
        recorder.ended(
            times,
            Outcome::Failed(Failure::Timeout),
            BackendId::default(),
            0,
        );
        let interval = recorder.flush(TickEnd::default());
        let counts = &interval.part.counts;
        let accounts = Accounts {
            scheduled: 5,
            sent: 1,
            late: 1,
            skipped: 1,
            unsent: 2,
        };
        assert_eq!(
            (
                counts.accounts,
                counts.counters.warm_up,
                recorder.in_flight()
            ),
            (accounts, 1, 0)
        );
        assert_eq!(counts.stages, [1, 2]);
        assert_eq!(
            (
                counts.counters.ok,
                counts.counters.failed(),
                counts.counters.queued
            ),
            (1, 1, 1)
        );
        let tags: Vec<_> = interval
            .part
            .timed
            .iter()
            .map(|(tag, timed)| (&*tag.backend, tag.class, timed.response.len()))
            .collect();
        assert_eq!(tags, [("-", Class::Timeout, 1), ("a__b", Class::Ok, 1)]);
        assert!(recorder.flush(TickEnd::default()).part.timed.is_empty());
    }

    #[test]
    fn backends_are_bounded() {
        let mut recorder = Recorder::new(0, 0, 0, Vec::new(), Vec::new());
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
