//! A run's last tick as families of metrics. Whoever shows them has their names from here.

use std::sync::Arc;

use crate::record::{Latency, Progress};

/// What the names of all metrics begin with.
pub(super) const PREFIX: &str = "loadtest";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// Quantiles of a time in seconds.
    Seconds,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Count(u64),
    Number(f64),
}

/// Metrics of one name.
pub(super) struct Family {
    /// Its name without prefix, unit and suffix.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) metrics: Vec<Metric>,
}

pub(super) struct Metric {
    pub(super) label: Option<(&'static str, Arc<str>)>,
    pub(super) value: Value,
}

impl Family {
    /// The name in full, as Prometheus stores it.
    pub(super) fn full_name(&self) -> String {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
            Kind::Seconds => "_seconds",
        };
        format!("{PREFIX}_{}{suffix}", self.name)
    }

    fn labelled<'a>(
        (name, help, kind): (&'static str, &'static str, Kind),
        label: &'static str,
        values: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Self {
        let metrics = values.into_iter().map(|(text, value)| Metric {
            label: Some((label, text.into())),
            value,
        });
        Self {
            name,
            help,
            kind,
            metrics: metrics.collect(),
        }
    }
}

pub(super) fn families(progress: &Progress) -> Vec<Family> {
    let mut families = counters(progress);
    families.push(Family::labelled(
        ("rate", "Requests per second in the last tick", Kind::Gauge),
        "kind",
        [
            ("target", Value::Number(progress.asked)),
            ("sent", Value::Number(progress.started)),
            ("ok", Value::Number(progress.succeeded)),
        ],
    ));
    families.extend(latencies(progress));
    families.extend(levels(progress));
    families.push(Family::labelled(
        (
            "backend_answers",
            "Responses of a backend in the last tick",
            Kind::Gauge,
        ),
        "backend",
        progress
            .backends
            .iter()
            .map(|backend| (&*backend.name, Value::Number(backend.answers as f64))),
    ));
    families
}

fn counters(progress: &Progress) -> Vec<Family> {
    let accounts = &progress.accounts;
    vec![
        Family::labelled(
            (
                "requests",
                "Requests by what became of the plan",
                Kind::Counter,
            ),
            "fate",
            [
                ("sent", Value::Count(accounts.sent)),
                ("late", Value::Count(accounts.late)),
                ("skipped", Value::Count(accounts.skipped)),
                ("unsent", Value::Count(accounts.unsent)),
            ],
        ),
        Family::labelled(
            ("results", "Requests by how they ended", Kind::Counter),
            "result",
            [
                ("ok", Value::Count(progress.total.ok)),
                ("failed", Value::Count(progress.failed_total)),
            ],
        ),
        Family::labelled(
            ("failures", "Failed requests by kind", Kind::Counter),
            "kind",
            progress
                .total
                .failures
                .iter()
                .map(|(failure, count)| (failure.name(), Value::Count(*count))),
        ),
    ]
}

fn latencies(progress: &Progress) -> impl Iterator<Item = Family> {
    let kinds = [
        (
            "response",
            "Response time in the last tick, from the intended start",
            &progress.response,
        ),
        (
            "service",
            "Service time in the last tick, from the first byte sent",
            &progress.service,
        ),
        (
            "send_lag",
            "Intended to actual start in the last tick",
            &progress.send_lag,
        ),
    ];
    kinds.into_iter().map(|(name, help, latency)| {
        let seconds = |nanos: u64| Value::Number(nanos as f64 / 1e9);
        Family::labelled(
            (name, help, Kind::Seconds),
            "quantile",
            quantiles(latency).map(|(quantile, nanos)| (quantile, seconds(nanos))),
        )
    })
}

fn quantiles(latency: &Latency) -> [(&'static str, u64); 5] {
    [
        ("0.5", latency.p50),
        ("0.9", latency.p90),
        ("0.99", latency.p99),
        ("0.999", latency.p999),
        ("1", latency.max),
    ]
}

fn levels(progress: &Progress) -> impl Iterator<Item = Family> {
    let levels = [
        (
            "in_flight",
            "Requests that wait for their response",
            progress.in_flight,
        ),
        (
            "overdue",
            "Requests that are due while every connection is busy",
            progress.backlog,
        ),
        ("connections", "Open connections", progress.connections),
    ];
    levels.into_iter().map(|(name, help, value)| Family {
        name,
        help,
        kind: Kind::Gauge,
        metrics: vec![Metric {
            label: None,
            value: Value::Count(value),
        }],
    })
}
