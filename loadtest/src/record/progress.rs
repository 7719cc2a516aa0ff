//! What a run is doing: one value per tick, for a screen or a test.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    counters::{Accounts, Counters},
    failure::Failure,
    latency::Latency,
};
use crate::threshold::Verdict;

/// One backend, seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendProgress {
    /// Its name, from [`Plan::backend_header`](crate::Plan::backend_header); `-` where there is
    /// none.
    pub name: Arc<str>,
    /// Responses in the tick.
    pub answers: u64,
    /// Response times of its successful responses in the tick.
    pub response: Latency,
    /// When its first response arrived, since the start, to the tick.
    pub first_seen: Duration,
    /// When its last response arrived, since the start, to the tick.
    pub last_seen: Duration,
}

/// A run at the end of a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The number of the tick, from 1; 0 before the first.
    pub tick: u64,
    pub elapsed: Duration,
    /// How long requests are started for.
    pub planned: Duration,
    pub tick_length: Duration,
    /// Requests per second that the profile asked for in the tick, times the rate factor at its
    /// end; zero in a closed loop.
    pub asked: f64,
    /// Requests per second that were started in the tick.
    pub started: f64,
    /// Requests per second that ended with a status below 400 in the tick.
    pub succeeded: f64,
    /// Requests per second that failed in the tick.
    pub failed: f64,
    /// Response times in the tick: from the intended start.
    pub response: Latency,
    /// Service times in the tick: from the first byte sent.
    pub service: Latency,
    /// Intended to actual start in the tick.
    pub send_lag: Latency,
    /// Failures in the tick, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// Requests that wait for their response.
    pub in_flight: u64,
    /// Requests that are overdue because every connection is busy.
    pub backlog: u64,
    pub connections: u64,
    /// CPU use of the busiest worker thread in the tick, 0 to 1.
    pub busiest_worker: f64,
    /// Backends that have responded since the start, by name.
    pub backends: Vec<BackendProgress>,
    /// The plan so far.
    pub accounts: Accounts,
    /// What was counted so far.
    pub total: Counters,
    /// Requests that failed so far, of all kinds.
    pub failed_total: u64,
    /// Response times so far.
    pub response_total: Latency,
    /// What the plan's conditions make of the run so far.
    pub verdicts: Vec<Verdict>,
    /// Whether this is the last.
    pub finished: bool,
}
