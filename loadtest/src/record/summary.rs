//! What a run was: the totals that every report shows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    Accounts, Class, Counts, Failure, Latency, Point, Reasons, Tag, Timed, add, new_histogram,
};
use crate::text::show_nanos;

/// A backend over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackendSummary {
    /// Its name; `-` for answers without one.
    pub name: Arc<str>,
    /// Its answers, of any status.
    pub answers: u64,
    /// Its answers with a status below 400.
    pub ok: u64,
    /// Response times of those.
    pub response: Latency,
    /// Service times of those.
    pub service: Latency,
    /// Seconds from the start to the end of the tick with its first answer.
    pub first_seen: f64,
    /// Seconds from the start to the end of the tick with its last answer.
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
    /// Requests that it asked for.
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

/// The distributions behind the percentiles; all in nanoseconds. They add exactly over runs and machines.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// Response times of the headline: successful answers and timeouts.
    pub response: Histogram<u64>,
    /// Service times of the headline.
    pub service: Histogram<u64>,
    /// Intended to actual start.
    pub send_lag: Histogram<u64>,
    /// The same, of requests that did not have to wait for a connection.
    pub own_lag: Histogram<u64>,
    /// Time to open a connection.
    pub connect: Histogram<u64>,
}

impl Default for Histograms {
    fn default() -> Self {
        let [response, service, send_lag, own_lag, connect] =
            std::array::from_fn(|_| new_histogram());
        Self {
            response,
            service,
            send_lag,
            own_lag,
            connect,
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The plan's settings.
    pub plan: BTreeMap<String, String>,
    /// When the run started, in seconds since 1970.
    pub started_at: f64,
    /// From the start to the last answer, in seconds.
    pub elapsed: f64,
    /// How long requests were to be started for, in seconds.
    pub planned: f64,
    /// What became of the plan.
    #[serde(flatten)]
    pub accounts: Accounts,
    /// Requests sent during the warm-up, which nothing else counts.
    pub warm_up: u64,
    /// Requests that ended with a status below 400.
    pub ok: u64,
    /// Requests that failed, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// The failures' reasons, as far as there is more to say than their kind.
    #[serde(default)]
    pub reasons: Reasons,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that waited because every connection was busy.
    pub queued: u64,
    /// Requests sent again because the server had closed an idle connection.
    pub retried: u64,
    /// Connections opened.
    pub connected: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Response times, from the intended start, of successful answers and timeouts.
    pub response: Latency,
    /// Service times, from the first byte sent, of the same.
    pub service: Latency,
    /// Intended to actual start, of all requests that were sent.
    pub send_lag: Latency,
    /// The same, of requests that did not have to wait for a connection: the generator's own lag.
    pub own_lag: Latency,
    /// Time to open a connection.
    pub connect: Latency,
    /// Response times by the way requests ended.
    pub classes: BTreeMap<Class, Latency>,
    /// The backends that answered.
    pub backends: Vec<BackendSummary>,
    /// The profile's stages.
    pub stages: Vec<StageSummary>,
    /// The run over time.
    pub series: Vec<Point>,
    /// CPU use of the busiest worker thread in its busiest tick, 0 to 1.
    pub busiest_worker: f64,
    /// Reasons to doubt the numbers.
    pub warnings: Vec<Warning>,
    /// The distributions.
    #[serde(skip)]
    pub histograms: Histograms,
}

impl Summary {
    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// The part of the requests that failed, 0 to 1.
    pub fn error_rate(&self) -> f64 {
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
    pub fn rate(&self) -> f64 {
        let seconds = self.planned.min(self.elapsed);
        if seconds > 0.0 {
            (self.accounts.started() + self.warm_up) as f64 / seconds
        } else {
            0.0
        }
    }

    pub(crate) fn set_counts(&mut self, counts: Counts) {
        self.accounts = counts.accounts;
        self.warm_up = counts.warm_up;
        self.ok = counts.ok;
        self.failures = counts.failures;
        self.reasons = counts.reasons;
        self.statuses = counts.statuses;
        self.queued = counts.queued;
        self.retried = counts.retried;
        self.connected = counts.connected;
        self.bytes_received = counts.bytes_received;
    }

    /// Fills in everything that follows from the tagged times. `seen` has each backend's first and last answer.
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
            if !tag.class.is_answer() {
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
        self.send_lag = Latency::of(&self.histograms.send_lag);
        self.own_lag = Latency::of(&self.histograms.own_lag);
        self.connect = Latency::of(&self.histograms.connect);
    }

    /// Finds the reasons to doubt the numbers.
    pub(crate) fn set_warnings(&mut self, open_loop: bool) {
        let generator = open_loop.then(|| self.generator_warnings());
        let found = generator.into_iter().flatten().chain(self.load_warnings());
        self.warnings = found
            .map(|(kind, text)| Warning {
                kind: kind.to_owned(),
                text,
            })
            .collect();
    }

    fn generator_warnings(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.own_lag.p99 > 2_000_000 {
            let lag = show_nanos(self.own_lag.p99);
            let text = format!(
                "the generator itself started 1 % of the requests more than {lag} late though a connection was free: this machine is too busy for this rate"
            );
            found.push(("generator_late", text));
        }
        if self.busiest_worker > 0.9 {
            let text = format!(
                "a worker thread used {:.0} % of its core: the generator may have been the bottleneck; use more --threads or more machines",
                self.busiest_worker * 100.0
            );
            found.push(("generator_busy", text));
        }
        let started = self.accounts.started().max(1);
        if self.queued * 1000 > started {
            let text = format!(
                "{:.1} % of the requests waited because every connection was busy (their waiting counts); raise --connections if users would not share them",
                self.queued as f64 * 100.0 / started as f64
            );
            found.push(("connections_exhausted", text));
        }
        found
    }

    fn load_warnings(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let lost = self.accounts.skipped + self.accounts.abandoned;
        if lost > 0 {
            let text = format!(
                "{lost} of {} requests were never sent ({} skipped, {} not sent before the end)",
                self.accounts.scheduled, self.accounts.skipped, self.accounts.abandoned
            );
            found.push(("not_delivered", text));
        }
        // 304 sends nobody elsewhere: it says that nothing changed.
        let redirects = self.statuses.range(300..400);
        let redirects: u64 = redirects
            .filter_map(|(status, count)| (*status != 304).then_some(*count))
            .sum();
        if redirects > 0 {
            let text = format!(
                "{redirects} answers were redirects (3xx), which are not followed: give the address that they lead to"
            );
            found.push(("redirected", text));
        }
        for failure in [Failure::LocalPorts, Failure::OpenFiles] {
            if let Some(count) = self.failures.get(&failure) {
                let text = format!(
                    "{count} requests failed on this machine: {}",
                    failure.explain()
                );
                found.push(("client_limit", text));
            }
        }
        found
    }
}
