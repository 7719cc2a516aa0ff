//! What the outside sees, as data: each page, metric and test reads these.

use std::time::Duration;

use jiff::Timestamp;
use policy::{Direction, Reason, Verdict};
use serde::Serialize;

use super::{control::ControlView, health::Check};

/// What there is to see, apart from the decisions.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    /// The mode, as in the settings.
    pub(crate) mode: String,
    /// Smallest size allowed.
    pub(crate) min_size: u32,
    /// Largest size allowed.
    pub(crate) max_size: u32,
    /// The rows of the schedule, in words.
    pub(crate) schedule: Vec<String>,
    /// What the schedule says now: the smallest size,
    pub(crate) scheduled_min: Option<u32>,
    /// and the largest.
    pub(crate) scheduled_max: Option<u32>,
    /// Members that an alert asks for at least.
    pub(crate) at_least: Option<u32>,
    /// The pool as last read.
    pub(crate) pool: Option<PoolView>,
    /// The change being made, such as `2 -> 3`.
    pub(crate) acting: Option<String>,
    /// The scale-in whose members are being drained, such as `3 -> 2`.
    pub(crate) draining: Option<String>,
    /// Seconds until the next action is allowed, as of the last event.
    #[serde(rename = "window_opens_in_s")]
    pub(crate) cooldown_ends_in_s: f64,
    /// What operators have ordered.
    pub(crate) control: ControlView,
    /// How the settings were last read.
    pub(crate) settings: SettingsView,
    /// Targets in the service discovery document.
    pub(crate) targets: usize,
    /// When the members were last listed.
    pub(crate) discovered_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip)]
    pub(crate) discovery_age: Option<Duration>,
    /// Whether each part works.
    pub(crate) health: Vec<Check>,
}

/// How the settings were last read while the agent ran.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SettingsView {
    /// When, if ever.
    pub(crate) read_at: Option<Timestamp>,
    /// Why they were not taken over, if the last time failed.
    pub(crate) problem: Option<String>,
    /// The keys whose new values count from the next start.
    pub(crate) needs_restart: Vec<String>,
}

/// The pool as last read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PoolView {
    /// When the read ended.
    pub(crate) read_at: Timestamp,
    /// Whether the API's latest answers were these; false while it fails, so that old figures are
    /// not taken for today's.
    pub(crate) current: bool,
    /// Members wanted.
    pub(crate) size: u32,
    /// What the provider says that the pool is doing.
    pub(crate) state: String,
    /// Whether the pool is at rest.
    pub(crate) running: bool,
    /// Members whose instance runs.
    pub(crate) running_members: u32,
    /// Members that can serve.
    pub(crate) ready_members: u32,
    pub(crate) members: Vec<MemberView>,
}

/// One member as last read.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub(crate) struct MemberView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) running: bool,
    pub(crate) healthy: Option<bool>,
    pub(crate) age_s: Option<u64>,
}

/// A decision as `/decisions` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DecisionRecord {
    /// Counts up from 1 since the start.
    pub(crate) number: u64,
    /// When it was made first.
    pub(crate) at: Timestamp,
    /// When it was made last, the same decision repeated.
    pub(crate) until: Timestamp,
    /// How often it was made in a row.
    pub(crate) times: u32,
    /// Seconds from the agent's start to `at`.
    pub(crate) at_s: f64,
    /// What became of the request.
    pub(crate) verdict: Verdict,
    pub(crate) reason: Reason,
    /// Why, in words.
    pub(crate) text: &'static str,
    pub(crate) direction: Option<Direction>,
    /// Alerts that it stands for.
    pub(crate) signals: u32,
    /// The size that was read.
    pub(crate) from: Option<u32>,
    /// The size asked for.
    pub(crate) to: Option<u32>,
    /// The step of the change, such as `150%`.
    pub(crate) step: Option<String>,
    /// Why the step is that.
    pub(crate) step_reason: Option<String>,
    /// What an operator ordered, where that is the decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    /// who did,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<String>,
    /// and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl View {
    /// Whether every check passes.
    pub(crate) fn is_healthy(&self) -> bool {
        self.health.iter().all(|check| check.problem.is_none())
    }
}
