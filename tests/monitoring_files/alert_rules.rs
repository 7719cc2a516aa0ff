//! The alert rules: their expressions by `promtool test rules`, and what of them only Grafana knows.

use std::{ffi::OsStr, fs, time::Duration};

use autoscaler::demo::watcher::RuleSettings;
use serde_json::{Value, json};

use super::{
    files::{self, Rule, RuleFile},
    promtool::{promtool, write_rules},
};

/// The same rule for Prometheus.
fn as_prometheus_rule(rule: &Rule) -> Value {
    let (operator, threshold) = rule.threshold();
    json!({
        "alert": rule.title,
        "expr": format!("({}) {operator} {threshold}", rule.promql()),
        "for": rule.pending,
        "labels": rule.labels,
    })
}

#[test]
fn the_expressions_pass_their_unit_tests() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules: Vec<Value> = files::rules().iter().map(as_prometheus_rule).collect();
    write_rules(folder.path(), &rules);
    fs::copy(
        files::path("tests/alerts_test.yml"),
        folder.path().join("alerts_test.yml"),
    )
    .expect("the tests are there");
    promtool(
        folder.path(),
        &["test", "rules", "alerts_test.yml"].map(OsStr::new),
    );
}

#[test]
fn every_expression_means_the_same_by_cpu_use() {
    // PromQL has no way to name a part of an expression, so it is written out; without its line breaks it is the same.
    let busy = r#"( sum by (instance) (rate(node_cpu_seconds_total{job="exoscale",mode!="idle"}[1m])) / sum by (instance) (rate(node_cpu_seconds_total{job="exoscale"}[1m])) >= 0 ) and on (instance) up{job="exoscale"} == 1"#;
    for (uid, times) in [
        ("pool-cpu-high", 1),
        ("pool-cpu-low", 3),
        ("pool-cpu-unknown", 1),
    ] {
        let rule = files::rule(uid);
        let words: Vec<&str> = rule.promql().split_whitespace().collect();
        assert_eq!(words.join(" ").matches(busy).count(), times, "{uid}");
        let rates = rule.promql().matches("rate(").count();
        assert_eq!(rates, 2 * times, "{uid} has a rate of another kind");
    }
}

#[test]
fn the_figures_are_those_of_the_demos_watcher() {
    let service = RuleSettings::service();
    let high = files::rule("pool-cpu-high");
    let low = files::rule("pool-cpu-low");
    assert_eq!(high.threshold(), (">", service.upper_threshold));
    assert_eq!(low.threshold(), ("<", service.lower_threshold));
    for rule in [&high, &low] {
        assert_eq!(humantime(&rule.pending), service.pending_for);
        let young = format!(">= {}", service.young_for.as_secs());
        assert!(rule.promql().contains(&young), "{}", rule.uid);
        let windows = rule.promql().matches("[1m]").count();
        assert_eq!(windows, rule.promql().matches('[').count());
    }
    assert_eq!(service.rate_window, Duration::from_secs(60));
    let quorum = format!("{} * count", service.quorum);
    assert!(low.promql().contains(&quorum));
    assert!(
        files::rule("pool-cpu-unknown")
            .promql()
            .starts_with(&quorum)
    );
}

#[test]
fn only_a_measured_breach_asks_for_another_size() {
    for (uid, direction) in [("pool-cpu-high", "up"), ("pool-cpu-low", "down")] {
        let rule = files::rule(uid);
        assert_eq!(
            rule.labels.get("scale").map(String::as_str),
            Some(direction)
        );
        assert_eq!(
            (rule.no_data_state.as_str(), rule.exec_err_state.as_str()),
            ("OK", "OK"),
            "{uid}"
        );
    }
    let unknown = files::rule("pool-cpu-unknown");
    assert!(
        !unknown.labels.contains_key("scale"),
        "it asks for no direction"
    );
    assert_eq!(unknown.no_data_state, "Alerting");
    assert_eq!(unknown.exec_err_state, "Alerting");
}

#[test]
fn groups_are_evaluated_as_often_as_grafana_can() {
    let file: RuleFile = files::yaml(&files::path("grafana/provisioning/alerting/rules.yml"));
    for group in &file.groups {
        // Grafana's scheduler ticks every 10 s, and refuses intervals that are no multiple of it.
        assert_eq!(
            humantime(&group.interval),
            RuleSettings::service().evaluation_interval
        );
        assert_eq!(group.folder, "autoscaling");
    }
    let mut uids: Vec<String> = files::rules().into_iter().map(|rule| rule.uid).collect();
    uids.dedup();
    assert_eq!(
        uids,
        ["pool-cpu-high", "pool-cpu-low", "pool-cpu-unknown"],
        "unique, and no other"
    );
}

fn humantime(text: &str) -> Duration {
    ::humantime::parse_duration(text).expect("a length of time")
}
