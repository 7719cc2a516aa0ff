//! What one worker did during one tick.

use std::{collections::BTreeMap, ops::AddAssign, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Failure, Reasons, add, new_histogram};

/// How a request ended, as far as its times are kept apart: answers of one kind say nothing about another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A status of 2xx or 3xx.
    Ok,
    /// A status of 4xx.
    Client,
    /// A status of 5xx.
    Server,
    /// Given up after the timeout, or the connect timeout; the time is what it waited.
    Timeout,
    /// No answer for another reason.
    Error,
}

impl Class {
    pub(crate) const ALL: [Self; 5] = [
        Self::Ok,
        Self::Client,
        Self::Server,
        Self::Timeout,
        Self::Error,
    ];

    /// The name in tags and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Client => "client",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    /// Whether the headline percentiles count it. Timeouts do, with the time they waited: giving up must not make a
    /// percentile better. Other failures do not: failing fast must not either.
    pub fn is_headline(self) -> bool {
        matches!(self, Self::Ok | Self::Timeout)
    }

    /// Whether such a request had an answer.
    pub(crate) fn is_answer(self) -> bool {
        !matches!(self, Self::Timeout | Self::Error)
    }

    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Status(status) => match Failure::of_status(status) {
                None => Self::Ok,
                Some(Failure::Status4xx) => Self::Client,
                Some(_) => Self::Server,
            },
            Outcome::Failed(Failure::Timeout | Failure::ConnectTimeout) => Self::Timeout,
            Outcome::Failed(_) => Self::Error,
        }
    }
}

/// An answer, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    Failed(Failure),
}

/// Which requests a histogram is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// The backend that answered; `-` where none is known.
    pub backend: Arc<str>,
    /// How the requests ended.
    pub class: Class,
}

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

/// What became of the plan: `scheduled = sent + late + skipped + abandoned`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Intended starts that have passed.
    pub scheduled: u64,
    /// Sent on time.
    pub sent: u64,
    /// Sent, but later than [`Plan::late_after`](crate::Plan::late_after).
    pub late: u64,
    /// Left out by the catch-up policy.
    pub skipped: u64,
    /// Never sent, because the run ended first.
    pub abandoned: u64,
}

impl Accounts {
    /// Requests that were sent, on time or late.
    pub fn started(&self) -> u64 {
        self.sent + self.late
    }

    /// The part of the plan that was sent, 0 to 1.
    pub fn delivered(&self) -> f64 {
        if self.scheduled == 0 {
            1.0
        } else {
            self.started() as f64 / self.scheduled as f64
        }
    }
}

impl AddAssign for Accounts {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.late += other.late;
        self.skipped += other.skipped;
        self.abandoned += other.abandoned;
    }
}

/// Everything that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) accounts: Accounts,
    /// Requests sent during the warm-up, which nothing else counts.
    pub(crate) warm_up: u64,
    /// Requests that ended with a status below 400.
    pub(crate) ok: u64,
    pub(crate) failures: BTreeMap<Failure, u64>,
    /// The failures' reasons, as far as there is more to say than their kind.
    #[serde(default)]
    pub(crate) reasons: Reasons,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests that waited because every connection was busy.
    pub(crate) queued: u64,
    /// Requests sent again because the server had closed an idle connection.
    pub(crate) retried: u64,
    pub(crate) connected: u64,
    pub(crate) bytes_received: u64,
    /// Requests sent, by the stage they were intended in; the warm-up's too.
    pub(crate) stages: Vec<u64>,
}

impl Counts {
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.accounts += other.accounts;
        self.warm_up += other.warm_up;
        self.ok += other.ok;
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.reasons.add(&other.reasons);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.queued += other.queued;
        self.retried += other.retried;
        self.connected += other.connected;
        self.bytes_received += other.bytes_received;
        if self.stages.len() < other.stages.len() {
            self.stages.resize(other.stages.len(), 0);
        }
        for (total, part) in self.stages.iter_mut().zip(&other.stages) {
            *total += part;
        }
    }
}

/// What one worker did from one tick to the next.
#[derive(Debug)]
pub(crate) struct Interval {
    pub(crate) worker: usize,
    /// The tick that ended it, from 1.
    pub(crate) index: u64,
    /// When it ended, since the run's start.
    pub(crate) at: Duration,
    /// Whether the worker is done.
    pub(crate) last: bool,
    pub(crate) counts: Counts,
    pub(crate) timed: Vec<(Tag, Timed)>,
    /// Intended start to actual start, of all requests.
    pub(crate) send_lag: Histogram<u64>,
    /// The same, of requests that had a connection free: the generator's own fault.
    pub(crate) own_lag: Histogram<u64>,
    /// How long connections took to open.
    pub(crate) connect: Histogram<u64>,
    pub(crate) in_flight: u64,
    pub(crate) backlog: u64,
    pub(crate) connections: u64,
    /// CPU time of the worker's thread since its start.
    pub(crate) cpu: Duration,
}
