//! What a run was: the totals that every report shows.

use std::{collections::BTreeMap, ops::Deref, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    class::{Class, Tag},
    counters::{Accounts, Counters},
    histogram::{add, new_histogram},
    latency::Latency,
    part::{Timed, Waits},
    series::Point,
    target::TargetSummary,
};

/// A backend over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackendSummary {
    /// Its name; `-` for responses without one.
    pub name: Arc<str>,
    /// Its responses, of any status.
    pub answers: u64,
    /// Its responses with a status below 400.
    pub ok: u64,
    pub response: Latency,
    pub service: Latency,
    /// Seconds from the start to the end of the tick with its first response.
    pub first_seen: f64,
    /// Seconds from the start to the end of the tick with its last response.
    pub last_seen: f64,
}

/// A stage of the profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// The stage, as it is written on the command line.
    pub stage: String,
    /// Its start, in seconds since the run's.
    pub start: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Requests that it asked for by itself, whatever the rate factor was.
    pub asked: u64,
    /// Requests intended in it that were sent.
    pub started: u64,
    /// Response times of requests that ended while it lasted, to the tick.
    pub response: Latency,
}

/// A reason to doubt the numbers, or to change the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A short name that stays the same.
    pub kind: String,
    /// The reason, for a reader.
    pub text: String,
}

/// The distributions behind the percentiles; all in nanoseconds. They add exactly over runs and
/// machines.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// Response times of the headline: successful responses and timeouts.
    pub response: Histogram<u64>,
    /// Service times of the headline.
    pub service: Histogram<u64>,
    /// What requests waited for before they were sent.
    pub waits: Waits,
}

impl Default for Histograms {
    fn default() -> Self {
        Self {
            response: new_histogram(),
            service: new_histogram(),
            waits: Waits::default(),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    pub plan: BTreeMap<String, String>,
    /// When the run started, in seconds since 1970.
    pub started_at: f64,
    /// From the start to the last response, in seconds.
    pub elapsed: f64,
    /// How long requests were to be started for, in seconds.
    pub planned: f64,
    /// What became of the plan.
    #[serde(flatten)]
    pub accounts: Accounts,
    /// What was counted; read as if it were the summary's own fields.
    #[serde(flatten)]
    pub counters: Counters,
    /// Response times, from the intended start, of successful responses and timeouts.
    pub response: Latency,
    /// Service times, from the first byte sent, of the same.
    pub service: Latency,
    /// Intended to actual start, of all requests that were sent.
    pub send_lag: Latency,
    /// The same, of requests that did not have to wait for a connection: the generator's fault.
    #[serde(alias = "own_lag")]
    pub generator_lag: Latency,
    /// Time to open a connection.
    pub connect: Latency,
    /// Response times by the way requests ended.
    pub classes: BTreeMap<Class, Latency>,
    pub backends: Vec<BackendSummary>,
    /// The requests that take turns, where there are several.
    #[serde(default)]
    pub targets: Vec<TargetSummary>,
    pub stages: Vec<StageSummary>,
    pub series: Vec<Point>,
    /// CPU use of the busiest worker thread in its busiest tick, 0 to 1.
    pub busiest_worker: f64,
    /// Reasons to doubt the numbers.
    pub warnings: Vec<Warning>,
    #[serde(skip)]
    pub histograms: Histograms,
}

impl Deref for Summary {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        &self.counters
    }
}

impl Summary {
    /// The part of the requests that failed, 0 to 1.
    pub(crate) fn error_rate(&self) -> f64 {
        let ended = self.ok + self.failed();
        if ended == 0 {
            0.0
        } else {
            self.failed() as f64 / ended as f64
        }
    }

    /// Whether requests were to be sent, and not one of them succeeded.
    pub fn failed_wholly(&self) -> bool {
        self.ok == 0 && self.accounts.scheduled > 0
    }

    /// Requests per second that were started.
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.planned.min(self.elapsed);
        if seconds > 0.0 {
            (self.accounts.started() + self.warm_up) as f64 / seconds
        } else {
            0.0
        }
    }

    /// Fills in everything that follows from the tagged times. `seen` has each backend's first and
    /// last response.
    pub(crate) fn set_timed(
        &mut self,
        timed: &BTreeMap<Tag, Timed>,
        seen: &BTreeMap<Arc<str>, (Duration, Duration)>,
    ) {
        let mut classes: BTreeMap<Class, Histogram<u64>> = BTreeMap::new();
        let mut backends: BTreeMap<Arc<str>, BackendSummary> = BTreeMap::new();
        for (tag, times) in timed {
            add(
                classes.entry(tag.class).or_insert_with(new_histogram),
                &times.response,
            );
            if tag.class.is_headline() {
                add(&mut self.histograms.response, &times.response);
                add(&mut self.histograms.service, &times.service);
            }
            if !tag.class.has_response() {
                continue;
            }
            let (first, last) = seen.get(&tag.backend).copied().unwrap_or_default();
            let backend =
                backends
                    .entry(Arc::clone(&tag.backend))
                    .or_insert_with(|| BackendSummary {
                        name: Arc::clone(&tag.backend),
                        answers: 0,
                        ok: 0,
                        response: Latency::default(),
                        service: Latency::default(),
                        first_seen: first.as_secs_f64(),
                        last_seen: last.as_secs_f64(),
                    });
            backend.answers += times.response.len();
            if tag.class == Class::Ok {
                backend.ok += times.response.len();
                backend.response = Latency::of(&times.response);
                backend.service = Latency::of(&times.service);
            }
        }
        self.classes = classes
            .iter()
            .map(|(class, histogram)| (*class, Latency::of(histogram)))
            .collect();
        self.backends = backends.into_values().collect();
        self.set_latencies();
    }

    fn set_latencies(&mut self) {
        self.response = Latency::of(&self.histograms.response);
        self.service = Latency::of(&self.histograms.service);
        self.send_lag = Latency::of(&self.histograms.waits.send_lag);
        self.generator_lag = Latency::of(&self.histograms.waits.generator_lag);
        self.connect = Latency::of(&self.histograms.waits.connect);
    }
}
