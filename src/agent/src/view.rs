//! What the outside sees, as data: each page, metric and test reads these.

use std::time::Duration;

use jiff::Timestamp;
use policy::{Direction, Reason, Verdict};
use serde::Serialize;

use super::{control::ControlView, health::Check, lease_keeper::LeaseView};

/// What there is to see, apart from the decisions.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    /// The agent's time, against which the other times are ages.
    pub(crate) now: Timestamp,
    /// What does not change while the agent runs.
    pub(crate) about: About,
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
    /// Why the pool cannot be read, where the last try failed.
    pub(crate) pool_failure: Option<String>,
    /// The change being made, such as `2 -> 3`.
    pub(crate) acting: Option<String>,
    /// The scale-in whose members are being drained, such as `3 -> 2`.
    pub(crate) draining: Option<String>,
    /// Seconds until the next action is allowed.
    #[serde(rename = "window_opens_in_s")]
    pub(crate) cooldown_ends_in_s: f64,
    /// The lease, where one is set.
    pub(crate) lease: Option<LeaseView>,
    /// What operators have ordered.
    pub(crate) control: ControlView,
    /// How the settings were last read.
    pub(crate) settings: SettingsView,
    /// What alerts say.
    pub(crate) alerts: AlertsView,
    /// What stands in the way of a change.
    pub(crate) next: NextView,
    /// Targets in the service discovery document.
    pub(crate) targets: usize,
    /// When the members were last listed.
    pub(crate) discovered_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip)]
    pub(crate) discovery_age: Option<Duration>,
    /// Whether all parts work, or nobody knows yet.
    pub(crate) health_state: HealthState,
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

/// Whether all parts work.
///
/// The worse is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthState {
    Healthy,
    /// The members were not listed yet, and nothing else is known to be wrong.
    #[default]
    Unknown,
    Unhealthy,
}

/// What does not change while the agent runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(crate) version: &'static str,
    pub(crate) started_at: Timestamp,
    /// The pool's name in the settings, where they know several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<String>,
    /// The pool's id; empty where it is not known.
    pub(crate) pool_id: String,
    pub(crate) zone: String,
    /// The CPU use that alerts, as a share.
    pub(crate) threshold_up: Option<f64>,
    pub(crate) threshold_down: Option<f64>,
    /// Where to look further.
    pub(crate) grafana: Option<String>,
    pub(crate) prometheus: Option<String>,
}

impl Default for About {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: Timestamp::now(),
            pool: None,
            pool_id: String::new(),
            zone: String::new(),
            threshold_up: None,
            threshold_down: None,
            grafana: None,
            prometheus: None,
        }
    }
}

/// What alerts say.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AlertsView {
    pub(crate) up: AlertView,
    pub(crate) down: AlertView,
    /// When an alert last asked for at least so many members.
    pub(crate) at_least_heard_at: Option<Timestamp>,
    /// When an alert last said that it is over.
    pub(crate) resolved_at: Option<Timestamp>,
    /// When an alert last asked for nothing for another reason, and the reason.
    pub(crate) ignored_at: Option<Timestamp>,
    pub(crate) ignored: Option<&'static str>,
    /// The average CPU use that an alert told of last, as a share, and when.
    pub(crate) cpu: Option<f64>,
    pub(crate) cpu_at: Option<Timestamp>,
}

/// What alerts of one direction say.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AlertView {
    /// Whether a request waits for its action.
    pub(crate) pending: bool,
    /// Alerts that it stands for.
    pub(crate) count: u32,
    /// When one was last heard.
    pub(crate) heard_at: Option<Timestamp>,
}

/// What stands in the way of a change, for each direction.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct NextView {
    pub(crate) up: OutlookView,
    pub(crate) down: OutlookView,
}

/// What stands in the way of a change in one direction.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OutlookView {
    /// What it is; absent when nothing is in the way.
    pub(crate) reason: Option<Reason>,
    /// The same in words.
    pub(crate) text: Option<&'static str>,
    /// When it ends by itself, where that is known,
    pub(crate) ends_at: Option<Timestamp>,
    /// and in how many seconds.
    pub(crate) ends_in_s: Option<f64>,
}

/// The pool as last read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PoolView {
    pub(crate) name: String,
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
    /// The whole decision in words, as the log has it.
    pub(crate) words: String,
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
    /// What became of a change that was ordered: `applied`, `postponed` or `failed`.
    pub(crate) outcome: Option<&'static str>,
}

/// What changes by mere passing of time, told while nothing happens: so that a reader knows that
/// the agent lives, and what it knows is how old.
#[derive(Debug, Serialize)]
pub(crate) struct Beat<'a> {
    now: Timestamp,
    health_state: HealthState,
    health: &'a [Check],
    /// Whether the pool shown is the API's latest word.
    current: Option<bool>,
    pool_failure: Option<&'a str>,
    #[serde(rename = "window_opens_in_s")]
    cooldown_ends_in_s: f64,
    alerts: &'a AlertsView,
    next: &'a NextView,
    discovered_at: Option<Timestamp>,
}

/// A pool among others, in short.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Its name in the settings.
    pool: Option<String>,
    /// Its name at the provider, once it was read.
    name: Option<String>,
    pool_id: String,
    mode: String,
    paused: bool,
    min_size: u32,
    max_size: u32,
    /// Whether the figures are the API's latest word; absent before the first.
    current: Option<bool>,
    size: Option<u32>,
    running_members: Option<u32>,
    ready_members: Option<u32>,
    state: Option<String>,
    acting: Option<String>,
    draining: Option<String>,
    health_state: HealthState,
    problems: usize,
}

impl View {
    pub(crate) fn summary(self) -> Summary {
        let wrong = self.health.iter().filter(|check| check.problem.is_some());
        let problems = wrong.count();
        let pool = self.pool.as_ref();
        Summary {
            pool: self.about.pool,
            name: pool.map(|pool| pool.name.clone()),
            pool_id: self.about.pool_id,
            mode: self.mode,
            paused: self.control.paused,
            min_size: self.min_size,
            max_size: self.max_size,
            current: pool.map(|pool| pool.current),
            size: pool.map(|pool| pool.size),
            running_members: pool.map(|pool| pool.running_members),
            ready_members: pool.map(|pool| pool.ready_members),
            state: pool.map(|pool| pool.state.clone()),
            acting: self.acting,
            draining: self.draining,
            health_state: self.health_state,
            problems,
        }
    }

    /// The smallest and the largest size that an alert may lead to now.
    pub(crate) fn limits(&self) -> (u32, u32) {
        let max = self
            .scheduled_max
            .unwrap_or(self.max_size)
            .min(self.max_size);
        let floor = self.scheduled_min.max(self.at_least).unwrap_or(0);
        (self.min_size.max(floor.min(self.max_size)), max)
    }

    /// Whether every check passes.
    pub(crate) fn is_healthy(&self) -> bool {
        self.health_state == HealthState::Healthy
    }

    pub(crate) fn beat(&self) -> Beat<'_> {
        Beat {
            now: self.now,
            health_state: self.health_state,
            health: &self.health,
            current: self.pool.as_ref().map(|pool| pool.current),
            pool_failure: self.pool_failure.as_deref(),
            cooldown_ends_in_s: self.cooldown_ends_in_s,
            alerts: &self.alerts,
            next: &self.next,
            discovered_at: self.discovered_at,
        }
    }
}
