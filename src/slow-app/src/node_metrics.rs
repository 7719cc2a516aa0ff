//! The metrics of the machine that this process imitates, under node-exporter's names (its `cpu`,
//! `stat`, `time` and `loadavg` collectors), so that the same dashboards and alert rules serve real
//! and imitated instances.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use tokio::time::{self, MissedTickBehavior};

use super::{pool::Pool, virtual_cpu::Usage};

/// How often the kernel samples its load averages (`LOAD_FREQ` in its `loadavg.h`).
const LOAD_INTERVAL: Duration = Duration::from_secs(5);

/// A registry that reads the pool at each scrape.
pub(super) fn registry(pool: Arc<Pool>, load: Arc<LoadAverage>, booted: SystemTime) -> Registry {
    let mut registry = Registry::with_prefix("node");
    registry.register_collector(Box::new(Machine { pool, load, booted }));
    registry
}

#[derive(Debug)]
struct Machine {
    pool: Arc<Pool>,
    load: Arc<LoadAverage>,
    booted: SystemTime,
}

impl Collector for Machine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Seconds the CPUs spent in each mode";
        let mut family =
            encoder.encode_descriptor("cpu", help, Some(&Unit::Seconds), MetricType::Counter)?;
        for (index, usage) in self.pool.usage().into_iter().enumerate() {
            for (mode, time) in modes(usage) {
                let labels = [("cpu", index.to_string()), ("mode", mode.to_owned())];
                ConstCounter::new(time.as_secs_f64()).encode(family.encode_family(&labels)?)?;
            }
        }
        let gauges = [
            (
                "boot_time",
                "Unix time of this process's start",
                Some(Unit::Seconds),
                unix_seconds(self.booted),
            ),
            (
                "time",
                "Unix time now",
                Some(Unit::Seconds),
                unix_seconds(SystemTime::now()),
            ),
            (
                "load1",
                "Work being done or waiting, 1-minute average",
                None,
                self.load.one_minute(),
            ),
        ];
        for (name, help, unit, value) in gauges {
            ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                unit.as_ref(),
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

/// All the modes that node-exporter gives, as rules may name any of them.
fn modes(usage: Usage) -> [(&'static str, Duration); 8] {
    [
        ("idle", usage.idle),
        ("iowait", Duration::ZERO),
        ("irq", Duration::ZERO),
        ("nice", Duration::ZERO),
        ("softirq", Duration::ZERO),
        ("steal", usage.steal),
        ("system", Duration::ZERO),
        ("user", usage.user),
    ]
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// The 1-minute load average: an exponentially weighted mean of the runnable jobs, as in
/// `getloadavg(3)`.
#[derive(Debug, Default)]
pub(super) struct LoadAverage(Mutex<f64>);

impl LoadAverage {
    fn one_minute(&self) -> f64 {
        *self.0.lock()
    }

    fn sample(&self, runnable: usize) {
        let keep = (-LOAD_INTERVAL.as_secs_f64() / 60.0).exp();
        let mut average = self.0.lock();
        *average = *average * keep + runnable as f64 * (1.0 - keep);
    }

    /// Samples for as long as it is polled.
    pub(super) async fn follow(&self, pool: &Pool) {
        let mut ticks = time::interval(LOAD_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sample(pool.runnable());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    #[test]
    fn names_and_labels_are_those_of_node_exporter() {
        let pool = Arc::new(Pool::start(1, 1, None).expect("threads start"));
        let registry = registry(pool, Arc::default(), SystemTime::now());
        let text = metrics::encode(&registry).expect("a string takes any text");
        for line in [
            "# TYPE node_cpu_seconds counter\n",
            "\nnode_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} ",
            "\nnode_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 0",
            "\nnode_boot_time_seconds ",
            "\nnode_time_seconds ",
            "\nnode_load1 0",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_load_average_nears_the_load() {
        let load = LoadAverage::default();
        (0..12).for_each(|_| load.sample(2));
        assert!(
            (1.2..1.3).contains(&load.one_minute()),
            "63 % after one minute, not {}",
            load.one_minute()
        );
        (0..240).for_each(|_| load.sample(2));
        assert!((load.one_minute() - 2.0).abs() < 0.001);
    }
}
