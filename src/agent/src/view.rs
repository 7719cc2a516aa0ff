//! What the outside sees, as data: each page, metric and test reads these.

use std::time::Duration;

use jiff::Timestamp;
use policy::{Direction, Reason, Verdict};
use serde::Serialize;

use super::health::Check;

/// What there is to see, apart from the decisions.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// The mode, as in the settings.
    pub mode: String,
    /// Smallest size allowed.
    pub min_size: u32,
    /// Largest size allowed.
    pub max_size: u32,
    /// The pool as last read.
    pub pool: Option<PoolView>,
    /// The change being made, such as `2 -> 3`.
    pub acting: Option<String>,
    /// The scale-in whose members are being drained, such as `3 -> 2`.
    pub draining: Option<String>,
    /// Seconds until the next action is allowed, as of the last event.
    pub window_opens_in_s: f64,
    /// Targets in the service discovery document.
    pub targets: usize,
    /// When the members were last listed.
    pub discovered_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip)]
    pub discovery_age: Option<Duration>,
    /// Whether each part works.
    pub health: Vec<Check>,
}

/// The pool as last read.
#[derive(Clone, Debug, Serialize)]
pub struct PoolView {
    /// When the read ended.
    pub read_at: Timestamp,
    /// Whether the API's latest answers were these; false while it fails, so that old figures are
    /// not taken for today's.
    pub current: bool,
    /// Members wanted.
    pub size: u32,
    /// What the provider says that the pool is doing.
    pub state: String,
    /// Whether the pool is at rest.
    pub running: bool,
    /// Members whose instance runs.
    pub running_members: u32,
    /// Members that can serve.
    pub ready_members: u32,
    /// The members.
    pub members: Vec<MemberView>,
}

/// One member as last read.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct MemberView {
    pub id: String,
    pub name: String,
    pub address: Option<std::net::Ipv4Addr>,
    pub running: bool,
    pub healthy: Option<bool>,
    pub age_s: Option<u64>,
}

/// A decision as `/decisions` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionRecord {
    /// Counts up from 1 since the start.
    pub number: u64,
    /// When it was made first.
    pub at: Timestamp,
    /// When it was made last, the same decision repeated.
    pub until: Timestamp,
    /// How often it was made in a row.
    pub times: u32,
    /// Seconds from the agent's start to `at`.
    pub at_s: f64,
    /// What became of the wish.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub text: &'static str,
    /// The wish.
    pub direction: Option<Direction>,
    /// Alerts that it stands for.
    pub signals: u32,
    /// The size that was read.
    pub from: Option<u32>,
    /// The size asked for.
    pub to: Option<u32>,
}

impl View {
    /// Whether every check passes.
    pub fn is_healthy(&self) -> bool {
        self.health.iter().all(|check| check.problem.is_none())
    }
}
