//! What is read from the read models at each scrape, so that it cannot differ from what `/healthz`
//! and the page show.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::counters::PoolLabel;
use crate::{
    read_model::ReadModel,
    view::{PoolView, View},
};

/// A gauge that a pool has one of: its name, its help, and its value where that is known.
pub(super) type Gauge = (&'static str, &'static str, fn(&View) -> Option<f64>);

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Figures of a pool that cannot be read any more are old, and absent is what they are.
fn current(view: &View) -> Option<&PoolView> {
    view.pool.as_ref().filter(|pool| pool.current)
}

pub(super) const GAUGES: [Gauge; 16] = [
    ("pool_size_wanted", "Members the pool is to have", |view| {
        Some(current(view)?.size.into())
    }),
    ("pool_members_running", "Members that run", |view| {
        Some(current(view)?.running_members.into())
    }),
    ("pool_members_ready", "Members that serve", |view| {
        Some(current(view)?.ready_members.into())
    }),
    ("pool_size_min", "Smallest size allowed", |view| {
        Some(view.min_size.into())
    }),
    ("pool_size_max", "Largest size allowed", |view| {
        Some(view.max_size.into())
    }),
    (
        "paused",
        "1 while an operator keeps the agent from changing anything",
        |view| Some(flag(view.control.paused)),
    ),
    (
        "mode_ordered",
        "1 while an ordered mode holds instead of the settings'",
        |view| Some(flag(view.control.mode.is_some())),
    ),
    (
        "limits_ordered",
        "1 while ordered limits hold instead of the settings'",
        |view| Some(flag(view.control.limits.is_some())),
    ),
    (
        "lease_held",
        "1 while this agent holds the lease and acts, where a lease is set",
        |view| Some(flag(view.lease.as_ref()?.held)),
    ),
    (
        "lease_number",
        "Largest number of the lease seen; it grows at every change of holder",
        |view| Some(view.lease.as_ref()?.number as f64),
    ),
    (
        "scheduled_size_min",
        "Smallest size by the schedule, while a row of it is in force",
        |view| view.scheduled_min.map(f64::from),
    ),
    (
        "at_least_members",
        "Members that an alert asks for at least, while it holds",
        |view| view.at_least.map(f64::from),
    ),
    (
        "discovery_targets",
        "Targets in the service discovery file",
        |view| Some(view.targets as f64),
    ),
    (
        "discovery_last_success_timestamp_seconds",
        "When the members were last listed",
        |view| Some(view.discovered_at?.as_millisecond() as f64 / 1000.0),
    ),
    (
        "discovery_age_seconds",
        "Time since the members were last listed",
        |view| Some(view.discovery_age?.as_secs_f64()),
    ),
    ("healthy", "1 when every check of /healthz passes", |view| {
        Some(flag(view.is_healthy()))
    }),
];

/// A pool's label and one more.
struct And<'a>(&'a PoolLabel, (&'static str, &'static str));

impl EncodeLabelSet for And<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)?;
        [self.1].encode(encoder)
    }
}

#[derive(Debug)]
pub(super) struct Gauges {
    pub(super) pools: Vec<(PoolLabel, Arc<ReadModel>)>,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let views = self.pools.iter();
        let views: Vec<_> = views.map(|(pool, model)| (pool, model.view())).collect();
        for (name, help, value) in GAUGES {
            let values = views.iter();
            let mut values = values
                .filter_map(|(pool, view)| Some((*pool, value(view)?)))
                .peekable();
            if values.peek().is_none() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (pool, value) in values {
                ConstGauge::new(value).encode(family.encode_family(pool)?)?;
            }
        }
        encode_checks(&views, &mut encoder)?;
        encode_pool_state(&views, &mut encoder)
    }
}

type Views<'a> = [(&'a PoolLabel, View)];

fn encode_checks(views: &Views<'_>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 for each check of /healthz that passes";
    let mut family = encoder.encode_descriptor("health_check", help, None, MetricType::Gauge)?;
    for (pool, view) in views {
        for check in &view.health {
            let value = flag(check.problem.is_none());
            let labels = And(pool, ("check", check.name));
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// One series for each state, so that a rule can ask for one without knowing the others.
fn encode_pool_state(views: &Views<'_>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 for the state in which the pool is";
    let mut family = encoder.encode_descriptor("pool_state", help, None, MetricType::Gauge)?;
    for (label, view) in views {
        let state = match current(view) {
            None => "unknown",
            Some(pool) if pool.running => "running",
            Some(pool) if pool.state == "degraded" => "degraded",
            Some(_) => "busy",
        };
        for name in ["running", "busy", "degraded", "unknown"] {
            let value = flag(name == state);
            let labels = And(label, ("state", name));
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
