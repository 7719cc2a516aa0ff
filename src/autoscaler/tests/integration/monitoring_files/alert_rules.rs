//! The alert rules: their expressions by `promtool test rules`, and what of them only Grafana
//! knows.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::{
    files::{self, OPERATOR_RULES, Rule, RuleFile, SCALING_RULES},
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

fn copy_recording_rules(folder: &Path) {
    let recording = files::path("prometheus-rules.yml");
    fs::copy(recording, folder.join("recording.yml")).expect("the rules are there");
}

#[test]
fn the_expressions_pass_their_unit_tests() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut rules = files::rules();
    rules.push(files::request_rule("10"));
    let rules: Vec<Value> = rules.iter().map(as_prometheus_rule).collect();
    write_rules(folder.path(), &rules);
    copy_recording_rules(folder.path());
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
fn cpu_use_means_the_same_everywhere() {
    let busy = |window: &str| {
        format!(
            r#"( sum by (instance) (rate(node_cpu_seconds_total{{job="exoscale",mode!="idle"}}[{window}])) / sum by (instance) (rate(node_cpu_seconds_total{{job="exoscale"}}[{window}])) >= 0 ) and on (instance) up{{job="exoscale"}} == 1"#
        )
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let recorded: Vec<(String, String)> = files::recording_rules()
        .iter()
        .map(|rule| {
            let text = |key: &str| rule[key].as_str().expect("a text").to_owned();
            (text("record"), words(&text("expr")))
        })
        .collect();
    let name = |window: &str| format!("instance:node_cpu_utilisation:rate{window}");
    assert_eq!(
        recorded,
        ["1m", "20s"].map(|window| (name(window), busy(window)))
    );
    let times = [
        ("pool-cpu-high", "1m", 1),
        ("pool-cpu-jump", "20s", 1),
        ("pool-cpu-low", "1m", 3),
        ("pool-cpu-unknown", "1m", 1),
        ("pool-at-maximum", "1m", 1),
    ];
    for rule in files::rules() {
        let uid = rule.uid.as_str();
        for window in ["1m", "20s"] {
            let expected = times
                .iter()
                .find(|(name, of, _)| *name == uid && *of == window);
            let found = rule.promql().matches(&name(window)).count();
            assert_eq!(found, expected.map_or(0, |(_, _, times)| *times), "{uid}");
        }
        assert!(!rule.promql().contains("rate("), "{uid} has its own");
    }
}

#[test]
fn the_figures_are_those_of_the_service() {
    use policy::thresholds::{DOWN, UP};
    let [high, jump, low] = ["pool-cpu-high", "pool-cpu-jump", "pool-cpu-low"].map(files::rule);
    assert_eq!(high.threshold(), (">", UP));
    assert_eq!(jump.threshold(), high.threshold());
    assert_eq!(low.threshold(), ("<", DOWN));
    let quorum = "0.8 * count";
    assert!(low.promql().contains(quorum));
    assert!(files::rule("pool-cpu-unknown").promql().contains(quorum));
    let full = files::rule("pool-at-maximum");
    assert_eq!(full.threshold(), high.threshold());
    // The same, but of a pool that cannot grow.
    assert!(full.promql().starts_with(high.promql()));
    // Recorded values are as fresh as the scrapes.
    let image = alert_rules::Monitoring::image();
    assert_eq!(image.recording_interval, image.scrape_interval);
}

#[test]
fn only_a_measured_breach_asks_for_another_size() {
    let scaling = files::rules_of(&files::path("grafana"), SCALING_RULES);
    let directions: Vec<_> = scaling
        .iter()
        .map(|rule| (rule.uid.as_str(), rule.labels["scale"].as_str()))
        .collect();
    assert_eq!(
        directions,
        [
            ("pool-cpu-high", "up"),
            ("pool-cpu-jump", "up"),
            ("pool-cpu-low", "down")
        ]
    );
    for rule in &scaling {
        let states = (rule.no_data_state.as_str(), rule.exec_err_state.as_str());
        assert_eq!(states, ("OK", "OK"), "{}", rule.uid);
        assert!(!rule.labels.contains_key("audience"), "{}", rule.uid);
    }
}

#[test]
fn the_rule_by_request_rate_is_evaluated_as_the_others_and_tells_its_value() {
    let rule = files::request_rule("10");
    assert_eq!(rule.labels["scale"], "at-least");
    assert_eq!(rule.labels.len(), 1, "{:?}", rule.labels);
    assert_eq!(rule.threshold(), (">", 1.0));
    let states = (rule.no_data_state.as_str(), rule.exec_err_state.as_str());
    assert_eq!((states, rule.pending.as_str()), (("OK", "OK"), "0s"));
    let optional: RuleFile = files::yaml(&files::path("grafana/optional/request-rate.yml"));
    let scaling: RuleFile = files::yaml(&alerting(SCALING_RULES));
    assert_eq!(optional.groups.len(), 1);
    let (group, other) = (&optional.groups[0], &scaling.groups[0]);
    assert_eq!(
        (&group.interval, &group.folder),
        (&other.interval, &other.folder)
    );
    let others = files::rules();
    let is_taken = |other: &Rule| other.uid == rule.uid || other.title == rule.title;
    assert!(!others.iter().any(is_taken), "{} is not unique", rule.uid);
}

#[test]
fn the_operators_rules_ask_for_a_person_and_for_no_size() {
    let operators = files::rules_of(&files::path("grafana"), OPERATOR_RULES);
    for rule in &operators {
        assert_eq!(rule.labels["audience"], "operator", "{}", rule.uid);
        assert!(!rule.labels.contains_key("scale"), "{}", rule.uid);
        assert!(rule.annotations.contains_key("summary"), "{}", rule.uid);
        assert!(rule.annotations.contains_key("description"), "{}", rule.uid);
    }
    // When Prometheus does not answer, these say so; the others would only say it again.
    for rule in &operators {
        let on_silence = match rule.uid.as_str() {
            "autoscaler-gone" | "pool-cpu-unknown" => "Alerting",
            _ => "OK",
        };
        assert_eq!(rule.no_data_state, on_silence, "{}", rule.uid);
        assert_eq!(rule.exec_err_state, on_silence, "{}", rule.uid);
    }
}

#[test]
fn prometheus_has_the_same_operators_rules() {
    let without_spaces = |mut rule: Value| {
        let words = rule["expr"].as_str().expect("an expression");
        rule["expr"] = words.split_whitespace().collect::<String>().into();
        rule
    };
    let file: Value = files::yaml(&files::path("prometheus-alerts.yml"));
    let groups = file["groups"].as_array().expect("a list of groups");
    assert_eq!(groups.len(), 1);
    let theirs = groups[0]["rules"].as_array().expect("a list of rules");
    let ours = files::rules_of(&files::path("grafana"), OPERATOR_RULES);
    for (ours, theirs) in ours.iter().zip(theirs) {
        let mut expected = as_prometheus_rule(ours);
        let annotations = ours
            .annotations
            .iter()
            .map(|(name, text)| (name.clone(), Value::from(with_prometheus_value(text))));
        expected["annotations"] = annotations.collect::<Map<_, _>>().into();
        let (expected, found) = (without_spaces(expected), without_spaces(theirs.clone()));
        assert_eq!(found, expected, "nixos/prometheus-alerts.yml differs");
    }
    assert_eq!(theirs.len(), ours.len());
    let grafanas: RuleFile = files::yaml(&alerting(OPERATOR_RULES));
    assert_eq!(groups[0]["interval"], grafanas.groups[0].interval.as_str());
}

/// In Prometheus a rule that fires has a value; in Grafana it may fire for want of one.
fn with_prometheus_value(text: &str) -> String {
    let Some((before, rest)) = text.split_once("{{ with $values.A }}") else {
        return text.to_owned();
    };
    let (value, rest) = rest.split_once("{{ else }}").expect("without a value");
    let (_, after) = rest.split_once("{{ end }}").expect("an end");
    format!("{before}{}{after}", value.replace(".Value", "$value"))
}

#[test]
fn the_operators_rules_pass_their_unit_tests() {
    let rules = files::path("prometheus-alerts.yml");
    let check = ["check", "rules", "--lint-fatal"].map(OsStr::new);
    promtool(Path::new("."), &[&check[..], &[rules.as_os_str()]].concat());
    promtool(
        &files::path("tests"),
        &["test", "rules", "operator_alerts_test.yml"].map(OsStr::new),
    );
}

fn alerting(name: &str) -> PathBuf {
    files::path("grafana/provisioning/alerting").join(name)
}

#[test]
fn groups_are_evaluated_as_often_as_grafana_can() {
    let tick = alert_rules::Monitoring::image().evaluation_interval;
    for (name, ticks) in [(SCALING_RULES, 1), (OPERATOR_RULES, 3)] {
        let file: RuleFile = files::yaml(&alerting(name));
        for group in &file.groups {
            // Grafana's scheduler ticks every 10 s, and refuses intervals that are no multiple of
            // it.
            assert_eq!(humantime(&group.interval), tick * ticks, "{name}");
            assert_eq!(group.folder, "autoscaling");
        }
    }
    let rules = files::rules();
    let uids: BTreeSet<&str> = rules.iter().map(|rule| rule.uid.as_str()).collect();
    let titles: BTreeSet<&str> = rules.iter().map(|rule| rule.title.as_str()).collect();
    assert_eq!((uids.len(), titles.len()), (rules.len(), rules.len()));
}

fn humantime(text: &str) -> Duration {
    ::humantime::parse_duration(text).expect("a length of time")
}
