//! Requests that take turns, each kind by itself.

use std::{collections::BTreeMap, sync::Arc};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    class::Class,
    histogram::{add, new_histogram, record},
    latency::Latency,
};

/// More targets than this are counted together.
const MAX_TARGETS: usize = 50;
const OTHERS: &str = "(others)";

/// How often the requests of a target succeeded and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetCounts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
}

/// What became of the requests of a target.
#[derive(Clone, Debug)]
pub(crate) struct TargetPart {
    pub(crate) counts: TargetCounts,
    /// Response times, of the headline's classes.
    pub(crate) response: Histogram<u64>,
}

impl Default for TargetPart {
    fn default() -> Self {
        Self {
            counts: TargetCounts::default(),
            response: new_histogram(),
        }
    }
}

impl TargetPart {
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.ok += other.counts.ok;
        self.counts.failed += other.counts.failed;
        add(&mut self.response, &other.response);
    }
}

pub(crate) type Targets = BTreeMap<Arc<str>, TargetPart>;

/// A worker's record of its targets.
pub(crate) struct TargetRecorder {
    /// Empty where there is only one.
    names: Vec<Arc<str>>,
    parts: Vec<Option<Box<TargetPart>>>,
}

impl TargetRecorder {
    /// For targets of these names, in the order of their turns.
    pub(crate) fn new(names: Vec<Arc<str>>) -> Self {
        let mut names = if names.len() > 1 { names } else { Vec::new() };
        if names.len() > MAX_TARGETS {
            names.truncate(MAX_TARGETS);
            names.push(Arc::from(OTHERS));
        }
        let parts = names.iter().map(|_| None).collect();
        Self { names, parts }
    }

    pub(crate) fn ended(&mut self, target: usize, class: Class, response: u64) {
        let Some(last) = self.parts.len().checked_sub(1) else {
            return;
        };
        let part = self.parts[target.min(last)].get_or_insert_default();
        match class {
            Class::Ok => part.counts.ok += 1,
            _ => part.counts.failed += 1,
        }
        if class.is_headline() {
            record(&mut part.response, response);
        }
    }

    /// Takes out what was recorded since the last time.
    pub(crate) fn flush(&mut self, into: &mut Targets) {
        for (name, part) in self.names.iter().zip(&mut self.parts) {
            if let Some(part) = part.take() {
                // Requests that are the same share a row.
                into.entry(Arc::clone(name)).or_default().add(&part);
            }
        }
    }
}

/// One of the requests that take turns, over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSummary {
    /// Its method and address.
    pub target: Arc<str>,
    pub ok: u64,
    pub failed: u64,
    /// Response times of successful responses and timeouts.
    pub response: Latency,
}

pub(crate) fn summarize(targets: &Targets) -> Vec<TargetSummary> {
    let summary = |(name, part): (&Arc<str>, &TargetPart)| TargetSummary {
        target: Arc::clone(name),
        ok: part.counts.ok,
        failed: part.counts.failed,
        response: Latency::of(&part.response),
    };
    targets.iter().map(summary).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Class, MAX_TARGETS, TargetRecorder, Targets, summarize};

    #[test]
    fn targets_are_counted_apart_and_their_number_is_bounded() {
        let names = (0..100).map(|n| Arc::from(format!("GET http://h/{n}")));
        let mut recorder = TargetRecorder::new(names.collect());
        for target in 0..100 {
            recorder.ended(target, Class::Ok, 1_000_000);
            recorder.ended(target, Class::Timeout, 2_000_000);
            recorder.ended(target, Class::Check, 3_000_000);
        }
        let mut targets = Targets::new();
        recorder.flush(&mut targets);
        let rows = summarize(&targets);
        assert_eq!(rows.len(), MAX_TARGETS + 1);
        let row = |name: &str| rows.iter().find(|row| &*row.target == name).expect(name);
        let one = row("GET http://h/7");
        assert_eq!((one.ok, one.failed, one.response.count), (1, 2, 2));
        assert_eq!((row("(others)").ok, row("(others)").failed), (50, 100));
        recorder.flush(&mut targets);
        assert_eq!(summarize(&targets), rows, "taken out once");
    }

    #[test]
    fn a_single_target_costs_nothing() {
        let mut recorder = TargetRecorder::new(vec![Arc::from("GET http://h/")]);
        recorder.ended(0, Class::Ok, 1);
        let mut targets = Targets::new();
        recorder.flush(&mut targets);
        assert!(targets.is_empty());
    }
}
