//! What the dashboard counts: decisions, alerts and calls, each shown once and none left out.

use std::{ffi::OsStr, fs};

use serde_json::{Value, json};

use super::{
    dashboards::{dashboard, defaults, list, panels, queries, text},
    promtool::promtool,
};

/// A query that counts what happened since it was last asked.
struct Count {
    /// Of its panel or annotation.
    title: &'static str,
    /// How often it is asked at most, in seconds.
    step: u64,
    metric: &'static str,
    /// Name, value, and whether the query keeps it.
    labels: &'static [(&'static str, &'static str, bool)],
}

const COUNTS: [Count; 5] = [
    Count {
        title: "Decisions",
        step: 60,
        metric: "autoscaler_decisions_total",
        labels: &[("reason", "high_load", true), ("verdict", "acted", true)],
    },
    Count {
        title: "Alerts received",
        step: 60,
        metric: "autoscaler_alerts_total",
        labels: &[
            ("direction", "up", true),
            ("outcome", "accepted", true),
            ("reason", "firing", true),
        ],
    },
    Count {
        title: "Calls of the Exoscale API",
        step: 60,
        metric: "autoscaler_api_calls_total",
        labels: &[
            ("operation", "list-instances", true),
            ("outcome", "ok", false),
        ],
    },
    Count {
        title: "Failed calls",
        step: 60,
        metric: "autoscaler_api_calls_total",
        labels: &[
            ("operation", "list-instances", true),
            ("outcome", "timeout", true),
        ],
    },
    Count {
        title: "Failed action",
        step: 15,
        metric: "autoscaler_actions_total",
        labels: &[("outcome", "failed", true)],
    },
];

/// A counter's life of 15 minutes, at every scrape: the first count makes the series; a scrape
/// fails; the agent starts again, at zero.
fn life() -> String {
    let values = (0..=MINUTES * 60).step_by(15).map(|second| match second {
        ..135 => "_",
        480 => "stale",
        210..615 => "3",
        135.. => "1",
    });
    values.collect::<Vec<_>>().join(" ")
}

/// What happened then: the second, and how often.
const COUNTED: [(u64, u64); 3] = [(135, 1), (210, 2), (615, 1)];

const MINUTES: u64 = 15;

impl Count {
    /// The labels as a query writes them.
    fn labels(&self, all: bool) -> String {
        let chosen = self.labels.iter().filter(|(.., shown)| all || *shown);
        let pairs = chosen.map(|(name, value, _)| format!("{name}=\"{value}\""));
        pairs.collect::<Vec<_>>().join(",")
    }

    /// What the query is to say at a moment.
    fn at(&self, second: u64, expression: &str) -> Value {
        let since = second - self.step + 1..=second;
        let counted = COUNTED.iter().filter(|(when, _)| since.contains(when));
        let count: u64 = counted.map(|(_, count)| count).sum();
        let labels = format!("{{{}}}", self.labels(false));
        let sample = json!({ "labels": labels, "value": count });
        let samples: Vec<Value> = (count > 0).then_some(sample).into_iter().collect();
        json!({ "expr": expression, "eval_time": format!("{second}s"), "exp_samples": samples })
    }

    fn promtool_test(&self, dashboard: &Value) -> Value {
        let expression = counting(dashboard, self.title, self.step);
        let moments = (1..).map(|tick| tick * self.step);
        let expected: Vec<Value> = moments
            .take_while(|second| *second <= MINUTES * 60)
            .map(|second| self.at(second, &expression))
            .collect();
        let labels = self.labels(true);
        let series = format!(r#"{}{{instance="agent:8090",{labels}}}"#, self.metric);
        json!({
            "name": self.title,
            "interval": "15s",
            "input_series": [{ "series": series, "values": life() }],
            "promql_expr_test": expected,
        })
    }
}

#[test]
fn whatever_is_counted_is_shown_once_and_whole() {
    let dashboard = dashboard();
    let tests: Vec<Value> = COUNTS
        .iter()
        .map(|count| count.promtool_test(&dashboard))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = json!({ "tests": tests, "rule_files": [] }).to_string();
    fs::write(folder.path().join("counts.yml"), file).expect("the folder is writable");
    promtool(
        folder.path(),
        &["test", "rules", "counts.yml"].map(OsStr::new),
    );
}

/// The expression of a panel or annotation, which is asked each so many seconds or less often.
fn counting(dashboard: &Value, title: &str, step: u64) -> String {
    let annotations = list(&dashboard["annotations"]["list"]).iter();
    let annotation = annotations
        .filter(|query| query["name"] == title)
        .map(|query| (query, &query["step"]));
    let panel = panels(dashboard)
        .filter(|(name, panel)| *name == title && panel["type"] == "timeseries")
        .map(|(_, panel)| (&panel["targets"][0], &panel["targets"][0]["interval"]));
    let (query, asked) = annotation.chain(panel).next().expect("it is there");
    let in_seconds = format!("{step}s").replace("60s", "1m");
    assert_eq!(text(asked), in_seconds, "{title}: counts once, not twice");
    text(&query["expr"]).to_owned()
}

#[test]
fn every_count_is_tested() {
    let dashboard = dashboard();
    let bars = panels(&dashboard)
        .filter(|(_, panel)| defaults(panel)["custom"]["drawStyle"] == "bars")
        .map(|(title, _)| title);
    let tested = COUNTS.map(|count| count.title);
    for title in bars {
        assert!(tested.contains(&title), "{title}");
    }
    for query in queries(&dashboard) {
        assert!(
            !text(&query["expr"]).contains("increase("),
            "{query}: fractions"
        );
    }
}
