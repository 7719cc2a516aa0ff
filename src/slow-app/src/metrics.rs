//! The application's own metrics, in the `OpenMetrics` text format that Prometheus reads.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{
        MetricType, counter::ConstCounter, family::Family, gauge::ConstGauge, histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use super::{activity::Activity, clock::process_cpu_time, pool::Pool};

/// The media type of what [`encode`] writes, see the `OpenMetrics` specification 1.0, section
/// "Overall Structure".
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: from an answer without work to the longest queue that makes sense.
const BUCKETS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0,
];

/// What is counted as requests pass.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    request_duration: Family<RequestLabels, Histogram, fn() -> Histogram>,
    queue_wait: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    path: String,
    status: u16,
}

impl Metrics {
    pub(super) fn new(pool: Arc<Pool>, activity: Activity) -> Self {
        let request_duration = Family::new_with_constructor(histogram as fn() -> Histogram);
        let queue_wait = histogram();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessTime));
        let own = registry.sub_registry_with_prefix("slow_app");
        own.register_with_unit(
            "http_request_duration",
            "Time from a request's arrival to its answer",
            Unit::Seconds,
            request_duration.clone(),
        );
        own.register_with_unit(
            "queue_wait",
            "Time that work waited for a worker thread",
            Unit::Seconds,
            queue_wait.clone(),
        );
        own.register_collector(Box::new(WorkDone { pool, activity }));
        Self {
            registry,
            request_duration,
            queue_wait,
        }
    }

    /// Counts an answered request. `path` must be one of a bounded number.
    pub(super) fn answered(&self, path: &str, status: u16, duration: Duration) {
        let labels = RequestLabels {
            path: path.to_owned(),
            status,
        };
        self.request_duration
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
    }

    /// Counts work that has come out of the queue.
    pub(super) fn dequeued(&self, waited: Duration) {
        self.queue_wait.observe(waited.as_secs_f64());
    }

    pub(super) fn encode(&self) -> Result<String, fmt::Error> {
        encode(&self.registry)
    }
}

/// Writes a registry's metrics as `OpenMetrics` text.
pub(super) fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    text::encode(&mut text, registry)?;
    Ok(text)
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// What is read from the pool at each scrape.
#[derive(Debug)]
struct WorkDone {
    pool: Arc<Pool>,
    activity: Activity,
}

impl Collector for WorkDone {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Those that are answered would not show a load that is more than can be answered.
        let received = ConstCounter::new(self.activity.arrived());
        received.encode(encoder.encode_descriptor(
            "requests_received",
            "Requests for work that came in, also those that the full queue refuses",
            None,
            MetricType::Counter,
        )?)?;
        let in_flight = ConstGauge::new(self.activity.in_flight() as f64);
        in_flight.encode(encoder.encode_descriptor(
            "requests_in_flight",
            "Requests for work that have no answer yet",
            None,
            MetricType::Gauge,
        )?)?;
        let asked = "CPU time that requests asked for";
        encode_seconds(&mut encoder, "cpu_asked", asked, self.pool.asked())?;
        let burnt = "CPU time burnt for requests, work in progress included";
        encode_seconds(&mut encoder, "cpu_burnt", burnt, self.pool.burnt())
    }
}

/// `process_cpu_seconds_total`, as in Prometheus' client libraries: against the time burnt, it
/// shows the overhead.
#[derive(Debug)]
struct ProcessTime;

impl Collector for ProcessTime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_seconds(
            &mut encoder,
            "process_cpu",
            "CPU time of the whole process",
            process_cpu_time(),
        )
    }
}

fn encode_seconds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    time: Duration,
) -> fmt::Result {
    let encoder =
        encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
    ConstCounter::new(time.as_secs_f64()).encode(encoder)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use doc_page::{
        Page,
        metrics::{lint, table},
    };

    use super::*;
    use crate::node_metrics;

    const PAGE: Page = Page {
        name: "metrics.md",
        test: "-p slow-app metrics_page",
    };

    #[test]
    fn metrics_page_is_made_of_the_answers() {
        let pool = Arc::new(Pool::start(1, 1, None).expect("threads start"));
        let metrics = Metrics::new(pool.clone(), Activity::new());
        metrics.answered("/", 200, Duration::from_millis(1));
        metrics.dequeued(Duration::ZERO);
        let text = metrics.encode().expect("a text");
        lint(&text);
        PAGE.has("the application", &table(&text));
        let machine = node_metrics::registry(pool, Arc::default(), SystemTime::now());
        let text = encode(&machine).expect("a text");
        lint(&text);
        PAGE.has("the imitated machine", &table(&text));
    }
}
