//! The agent's metrics, in the text format that Prometheus reads.
//!
//! Counters are kept here as things happen; gauges are read from the [`ReadModel`] at each scrape,
//! so they cannot differ from what `/healthz` and the page show.

use std::{fmt, sync::Arc, time::Duration};

use program::memory::resident_bytes;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use super::{
    member_address::Unfit,
    read_model::ReadModel,
    target::Target,
    view::{PoolView, View},
};

/// The media type of [`Metrics::encode`]'s text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds; an alert is to be answered within 0.05 s.
const WEBHOOK_BUCKETS: [f64; 9] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25,
];

/// How an alert was answered.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct AlertLabels {
    /// `up`, `down` or `none`.
    pub(crate) direction: &'static str,
    /// `accepted`, `ignored` or `refused`.
    pub(crate) outcome: &'static str,
    /// Why it was not accepted; `firing` if it was.
    pub(crate) reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DecisionLabels {
    verdict: &'static str,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabels {
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AddressLabels {
    purpose: &'static str,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Counters {
    alerts: Family<AlertLabels, Counter>,
    refused: Family<RefusalLabels, Counter>,
    addresses_refused: Family<AddressLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    actions: Family<ActionLabels, Counter>,
    settings_reloads: Family<ReloadLabels, Counter>,
    webhook_duration: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            alerts: Family::default(),
            refused: Family::default(),
            addresses_refused: Family::default(),
            decisions: Family::default(),
            actions: Family::default(),
            settings_reloads: Family::default(),
            webhook_duration: Histogram::new(WEBHOOK_BUCKETS),
        }
    }
}

impl Counters {
    /// Counts alerts of one kind.
    pub(crate) fn alerts(&self, labels: &AlertLabels, count: u64) {
        self.alerts.get_or_create(labels).inc_by(count);
    }

    /// Counts a request, or a connection, that the web server did not serve. `reason` must be one
    /// of a bounded number.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// Counts an address that the provider named and that nothing is sent to. `purpose` is `drain`
    /// or `discovery`.
    pub(crate) fn address_refused(&self, purpose: &'static str, unfit: Unfit) {
        let reason = unfit.code();
        self.addresses_refused
            .get_or_create(&AddressLabels { purpose, reason })
            .inc();
    }

    /// Counts an answered webhook.
    pub(crate) fn webhook_answered(&self, took: Duration) {
        self.webhook_duration.observe(took.as_secs_f64());
    }

    pub(super) fn decision(&self, verdict: &'static str, reason: &'static str) {
        self.decisions
            .get_or_create(&DecisionLabels { verdict, reason })
            .inc();
    }

    /// Counts that the settings were read again; `result` is `ok` or `failed`.
    pub(super) fn settings_reload(&self, result: &'static str) {
        self.settings_reloads
            .get_or_create(&ReloadLabels { result })
            .inc();
    }

    pub(super) fn action(&self, outcome: &'static str) {
        self.actions.get_or_create(&ActionLabels { outcome }).inc();
    }
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Metrics over these sources.
    pub(crate) fn new(read_model: Arc<ReadModel>, target: Target) -> Self {
        let mut registry = Registry::default();
        let counters = read_model.counters();
        let agent = registry.sub_registry_with_prefix("autoscaler");
        agent.register(
            "alerts",
            "Alerts received, by what became of them",
            counters.alerts.clone(),
        );
        agent.register(
            "requests_refused",
            "Requests and connections that were not served, by reason",
            counters.refused.clone(),
        );
        agent.register(
            "member_addresses_refused",
            "Addresses of members to which nothing is sent, by purpose and reason",
            counters.addresses_refused.clone(),
        );
        agent.register(
            "decisions",
            "Decisions, by verdict and reason",
            counters.decisions.clone(),
        );
        agent.register(
            "actions",
            "Ended scaling actions, by outcome",
            counters.actions.clone(),
        );
        agent.register(
            "settings_reloads",
            "Times that the settings were read again, by result",
            counters.settings_reloads.clone(),
        );
        agent.register_with_unit(
            "webhook_duration",
            "Time to answer an alert",
            Unit::Seconds,
            counters.webhook_duration.clone(),
        );
        agent.register_collector(Box::new(Gauges { read_model }));
        agent.register_collector(Box::new(ApiCalls { target }));
        registry.register_collector(Box::new(Process));
        Self { registry }
    }

    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

#[derive(Debug)]
struct Gauges {
    read_model: Arc<ReadModel>,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = self.read_model.view();
        let mut gauge = |name: &str, help: &str, value: Option<f64>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            let metric = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, metric)?)
        };
        // Figures of a pool that cannot be read any more are old, and absent is what they are.
        let pool = view.pool.as_ref().filter(|pool| pool.current);
        gauge(
            "pool_size_wanted",
            "Members the pool is to have",
            pool.map(|p| p.size.into()),
        )?;
        gauge(
            "pool_members_running",
            "Members that run",
            pool.map(|p| p.running_members.into()),
        )?;
        gauge(
            "pool_members_ready",
            "Members that serve",
            pool.map(|p| p.ready_members.into()),
        )?;
        gauge(
            "pool_size_min",
            "Smallest size allowed",
            Some(view.min_size.into()),
        )?;
        gauge(
            "pool_size_max",
            "Largest size allowed",
            Some(view.max_size.into()),
        )?;
        gauge(
            "paused",
            "1 while an operator keeps the agent from changing anything",
            Some(f64::from(u8::from(view.control.paused))),
        )?;
        gauge(
            "mode_ordered",
            "1 while an ordered mode holds instead of the settings'",
            Some(f64::from(u8::from(view.control.mode.is_some()))),
        )?;
        gauge(
            "limits_ordered",
            "1 while ordered limits hold instead of the settings'",
            Some(f64::from(u8::from(view.control.limits.is_some()))),
        )?;
        gauge(
            "scheduled_size_min",
            "Smallest size by the schedule, while a row of it is in force",
            view.scheduled_min.map(f64::from),
        )?;
        gauge(
            "at_least_members",
            "Members that an alert asks for at least, while it holds",
            view.at_least.map(f64::from),
        )?;
        gauge(
            "discovery_targets",
            "Targets in the service discovery file",
            Some(view.targets as f64),
        )?;
        gauge(
            "discovery_last_success_timestamp_seconds",
            "When the members were last listed",
            view.discovered_at
                .map(|at| at.as_millisecond() as f64 / 1000.0),
        )?;
        gauge(
            "discovery_age_seconds",
            "Time since the members were last listed",
            view.discovery_age.map(|age| age.as_secs_f64()),
        )?;
        gauge(
            "healthy",
            "1 when every check of /healthz passes",
            Some(f64::from(u8::from(view.is_healthy()))),
        )?;
        encode_checks(&view, &mut encoder)?;
        encode_pool_state(pool, &mut encoder)
    }
}

fn encode_checks(view: &View, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 for each check of /healthz that passes";
    let mut family = encoder.encode_descriptor("health_check", help, None, MetricType::Gauge)?;
    for check in &view.health {
        let value = f64::from(u8::from(check.problem.is_none()));
        let labels = [("check", check.name)];
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// One series for each state, so that a rule can ask for one without knowing the others.
fn encode_pool_state(pool: Option<&PoolView>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 for the state in which the pool is";
    let mut family = encoder.encode_descriptor("pool_state", help, None, MetricType::Gauge)?;
    let state = match pool {
        None => "unknown",
        Some(pool) if pool.running => "running",
        Some(pool) if pool.state == "degraded" => "degraded",
        Some(_) => "busy",
    };
    for name in ["running", "busy", "degraded", "unknown"] {
        let value = f64::from(u8::from(name == state));
        ConstGauge::new(value).encode(family.encode_family(&[("state", name)])?)?;
    }
    Ok(())
}

#[derive(Debug)]
struct ApiCalls {
    target: Target,
}

impl Collector for ApiCalls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Calls of the Exoscale API, by operation and outcome";
        let mut family = encoder.encode_descriptor("api_calls", help, None, MetricType::Counter)?;
        for entry in self.target.calls() {
            let labels = [("operation", entry.operation), ("outcome", entry.outcome)];
            ConstCounter::new(entry.count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The process metrics that Prometheus's own client libraries give.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        use rustix::time::{ClockId, clock_gettime};
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let counter = ConstCounter::new(seconds);
        let kind = counter.metric_type();
        let help = "CPU time used";
        counter.encode(encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            kind,
        )?)?;
        if let Some(bytes) = resident_bytes("self").and_then(|bytes| i64::try_from(bytes).ok()) {
            let gauge = ConstGauge::new(bytes);
            let kind = gauge.metric_type();
            let help = "Resident memory";
            let name = "process_resident_memory";
            gauge.encode(encoder.encode_descriptor(name, help, Some(&Unit::Bytes), kind)?)?;
        }
        Ok(())
    }
}
