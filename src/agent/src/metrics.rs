//! The agent's metrics, in the text format that Prometheus reads.

mod counters;
mod gauges;
#[cfg(test)]
mod page;

use std::{fmt, sync::Arc};

use program::memory::resident_bytes;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use self::{counters::PoolLabel, gauges::Gauges};
use super::{config::PoolName, read_model::ReadModel, target::Target};

pub(crate) use self::counters::{AlertLabels, Counters};

/// The media type of [`Metrics::encode`]'s text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
}

/// What the metrics of one pool are read from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: Option<PoolName>,
    pub(crate) read_model: Arc<ReadModel>,
    pub(crate) target: Target,
}

impl Metrics {
    /// Metrics over these counters, and the pools' sources.
    pub(crate) fn new(counters: &Counters, pools: &[Source]) -> Self {
        let mut registry = Registry::default();
        let agent = registry.sub_registry_with_prefix("autoscaler");
        counters.register(agent);
        let label = |pool: &Source| PoolLabel(pool.name.clone());
        let models = pools
            .iter()
            .map(|pool| (label(pool), pool.read_model.clone()));
        let targets = pools.iter().map(|pool| (label(pool), pool.target.clone()));
        agent.register_collector(Box::new(Gauges {
            pools: models.collect(),
        }));
        agent.register_collector(Box::new(ApiCalls {
            pools: targets.collect(),
        }));
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
struct ApiCalls {
    pools: Vec<(PoolLabel, Target)>,
}

struct CallLabels<'a> {
    pool: &'a PoolLabel,
    operation: &'static str,
    outcome: &'static str,
}

impl EncodeLabelSet for CallLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.pool.encode(encoder)?;
        [("operation", self.operation), ("outcome", self.outcome)].encode(encoder)
    }
}

impl Collector for ApiCalls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Calls of the Exoscale API, by operation and outcome";
        let mut family = encoder.encode_descriptor("api_calls", help, None, MetricType::Counter)?;
        for (pool, target) in &self.pools {
            for entry in target.calls() {
                let labels = CallLabels {
                    pool,
                    operation: entry.operation,
                    outcome: entry.outcome,
                };
                ConstCounter::new(entry.count).encode(family.encode_family(&labels)?)?;
            }
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
