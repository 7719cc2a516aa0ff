//! What is counted as it happens.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{config::PoolName, member_address::Unfit};

/// Upper bounds in seconds; an alert is to be answered within 0.05 s.
const WEBHOOK_BUCKETS: [f64; 9] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25,
];

/// The label that tells pools apart; none where the settings know one pool only, and for what
/// concerns no pool alone.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub(crate) struct PoolLabel(pub(crate) Option<PoolName>);

impl EncodeLabelSet for PoolLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let label = self.0.as_ref().map(|name| ("pool", name.as_str()));
        label.map_or(Ok(()), |label| [label].encode(encoder))
    }
}

/// How an alert was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlertLabels {
    /// `up`, `down` or `none`.
    pub(crate) direction: &'static str,
    /// `accepted`, `ignored` or `refused`.
    pub(crate) outcome: &'static str,
    /// Why it was not accepted; `firing` if it was.
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AlertSeries {
    #[prometheus(flatten)]
    pool: PoolLabel,
    direction: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DecisionSeries {
    #[prometheus(flatten)]
    pool: PoolLabel,
    verdict: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionSeries {
    #[prometheus(flatten)]
    pool: PoolLabel,
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalSeries {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AddressSeries {
    #[prometheus(flatten)]
    pool: PoolLabel,
    purpose: &'static str,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadSeries {
    result: &'static str,
}

/// The counters. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    pool: PoolLabel,
    alerts: Family<AlertSeries, Counter>,
    refused: Family<RefusalSeries, Counter>,
    addresses_refused: Family<AddressSeries, Counter>,
    decisions: Family<DecisionSeries, Counter>,
    actions: Family<ActionSeries, Counter>,
    foreign_size_changes: Family<PoolLabel, Counter>,
    settings_reloads: Family<ReloadSeries, Counter>,
    webhook_duration: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            pool: PoolLabel::default(),
            alerts: Family::default(),
            refused: Family::default(),
            addresses_refused: Family::default(),
            decisions: Family::default(),
            actions: Family::default(),
            foreign_size_changes: Family::default(),
            settings_reloads: Family::default(),
            webhook_duration: Histogram::new(WEBHOOK_BUCKETS),
        }
    }
}

impl Counters {
    /// The same counters for what concerns this pool.
    pub(crate) fn of_pool(&self, name: Option<PoolName>) -> Self {
        Self {
            pool: PoolLabel(name),
            ..self.clone()
        }
    }

    /// Counts alerts of one kind.
    pub(crate) fn alerts(&self, labels: &AlertLabels, count: u64) {
        let series = AlertSeries {
            pool: self.pool.clone(),
            direction: labels.direction,
            outcome: labels.outcome,
            reason: labels.reason,
        };
        self.alerts.get_or_create(&series).inc_by(count);
    }

    /// Counts a request, or a connection, that the web server did not serve. `reason` must be one
    /// of a bounded number.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusalSeries { reason }).inc();
    }

    /// Counts an address that the provider named and that nothing is sent to. `purpose` is `drain`
    /// or `discovery`.
    pub(crate) fn address_refused(&self, purpose: &'static str, unfit: Unfit) {
        let series = AddressSeries {
            pool: self.pool.clone(),
            purpose,
            reason: unfit.code(),
        };
        self.addresses_refused.get_or_create(&series).inc();
    }

    /// Counts an answered webhook.
    pub(crate) fn webhook_answered(&self, took: Duration) {
        self.webhook_duration.observe(took.as_secs_f64());
    }

    pub(crate) fn decision(&self, verdict: &'static str, reason: &'static str) {
        let series = DecisionSeries {
            pool: self.pool.clone(),
            verdict,
            reason,
        };
        self.decisions.get_or_create(&series).inc();
    }

    /// Counts that the settings were read again; `result` is `ok` or `failed`.
    pub(crate) fn settings_reload(&self, result: &'static str) {
        self.settings_reloads
            .get_or_create(&ReloadSeries { result })
            .inc();
    }

    /// Counts a change of the pool's size that somebody else made.
    pub(crate) fn foreign_size_change(&self) {
        self.foreign_size_changes.get_or_create(&self.pool).inc();
    }

    pub(crate) fn action(&self, outcome: &'static str) {
        let series = ActionSeries {
            pool: self.pool.clone(),
            outcome,
        };
        self.actions.get_or_create(&series).inc();
    }

    /// Gives every family a series, without which it is not shown. A new one must be named here.
    #[cfg(test)]
    pub(super) fn touch(&self) {
        let Self {
            pool,
            alerts: _,
            refused: _,
            addresses_refused: _,
            decisions: _,
            actions: _,
            foreign_size_changes: _,
            settings_reloads: _,
            webhook_duration: _,
        } = self;
        assert!(pool.0.is_some(), "the label `pool` is shown, too");
        let labels = AlertLabels {
            direction: "up",
            outcome: "accepted",
            reason: "firing",
        };
        self.alerts(&labels, 1);
        self.refused("unknown_path");
        self.address_refused("drain", Unfit::Loopback);
        self.decision("acted", "high_load");
        self.action("applied");
        self.foreign_size_change();
        self.settings_reload("ok");
        self.webhook_answered(Duration::from_millis(1));
    }

    pub(super) fn register(&self, agent: &mut Registry) {
        agent.register(
            "alerts",
            "Alerts received, by what became of them",
            self.alerts.clone(),
        );
        agent.register(
            "requests_refused",
            "Requests and connections that were not served, by reason",
            self.refused.clone(),
        );
        agent.register(
            "member_addresses_refused",
            "Addresses of members to which nothing is sent, by purpose and reason",
            self.addresses_refused.clone(),
        );
        agent.register(
            "decisions",
            "Decisions, by verdict and reason",
            self.decisions.clone(),
        );
        agent.register(
            "actions",
            "Ended scaling actions, by outcome",
            self.actions.clone(),
        );
        agent.register(
            "foreign_size_changes",
            "Changes of the pool's size that this agent did not make, where no lease is set",
            self.foreign_size_changes.clone(),
        );
        agent.register(
            "settings_reloads",
            "Times that the settings were read again, by result",
            self.settings_reloads.clone(),
        );
        agent.register_with_unit(
            "webhook_duration",
            "Time to answer an alert",
            Unit::Seconds,
            self.webhook_duration.clone(),
        );
    }
}
