//! Everything recorded in a part of a run: by one worker in a tick, by all of them, over all ticks,
//! over merged runs.

use std::{collections::BTreeMap, sync::Arc};

use hdrhistogram::Histogram;

use super::{
    class::{Class, Tag},
    counters::Counts,
    histogram::{add, new_histogram},
    latency::Latency,
    target::Targets,
};

/// The times of the requests of one tag.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    /// From the intended start to the end.
    pub(crate) response: Histogram<u64>,
    /// From the first byte sent to the end.
    pub(crate) service: Histogram<u64>,
}

impl Timed {
    pub(crate) fn new() -> Self {
        Self {
            response: new_histogram(),
            service: new_histogram(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.response, &other.response);
        add(&mut self.service, &other.service);
    }
}

/// What requests waited for before they were sent; in nanoseconds.
#[derive(Clone, Debug)]
pub struct Waits {
    /// Intended to actual start, of all requests that were sent.
    pub send_lag: Histogram<u64>,
    /// The same, of requests that did not have to wait for a connection: the generator's fault.
    pub generator_lag: Histogram<u64>,
    /// Time to open a connection.
    pub connect: Histogram<u64>,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            send_lag: new_histogram(),
            generator_lag: new_histogram(),
            connect: new_histogram(),
        }
    }
}

impl Waits {
    /// Each with its name in logs.
    pub(crate) fn named(&self) -> [(&'static str, &Histogram<u64>); 3] {
        [
            ("send_lag", &self.send_lag),
            ("generator_lag", &self.generator_lag),
            ("connect", &self.connect),
        ]
    }

    /// The one with this name in logs; those of earlier versions say `own_lag`.
    pub(crate) fn by_name(&mut self, name: &str) -> Option<&mut Histogram<u64>> {
        match name {
            "send_lag" => Some(&mut self.send_lag),
            "generator_lag" | "own_lag" => Some(&mut self.generator_lag),
            "connect" => Some(&mut self.connect),
            _ => None,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.send_lag, &other.send_lag);
        add(&mut self.generator_lag, &other.generator_lag);
        add(&mut self.connect, &other.connect);
    }
}

/// Everything recorded in a part of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) counts: Counts,
    pub(crate) timed: BTreeMap<Tag, Timed>,
    pub(crate) waits: Waits,
    /// By name, where several take turns.
    pub(crate) targets: Targets,
}

impl Part {
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (tag, timed) in &other.timed {
            self.timed
                .entry(tag.clone())
                .or_insert_with(Timed::new)
                .add(timed);
        }
        self.waits.add(&other.waits);
        for (name, part) in &other.targets {
            self.targets.entry(Arc::clone(name)).or_default().add(part);
        }
    }

    /// The times that the headline percentiles are about.
    pub(crate) fn headline(&self) -> Timed {
        let mut headline = Timed::new();
        for (_, timed) in self.timed.iter().filter(|(tag, _)| tag.class.is_headline()) {
            headline.add(timed);
        }
        headline
    }

    /// Each backend's responses, and the response times of its successful ones.
    pub(crate) fn responses(&self) -> BTreeMap<Arc<str>, (u64, Latency)> {
        let mut responses: BTreeMap<Arc<str>, (u64, Latency)> = BTreeMap::new();
        for (tag, timed) in self
            .timed
            .iter()
            .filter(|(tag, _)| tag.class.has_response())
        {
            let entry = responses.entry(Arc::clone(&tag.backend)).or_default();
            entry.0 += timed.response.len();
            if tag.class == Class::Ok {
                entry.1 = Latency::of(&timed.response);
            }
        }
        responses
    }
}
