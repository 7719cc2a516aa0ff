//! The dashboard: what Grafana would only complain about when somebody looks at it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{files, promtool::check_rules};

pub(crate) fn dashboard() -> Value {
    files::json(&files::path("grafana/dashboards/autoscaling.json"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Everything of it that asks Prometheus: the targets of panels, and annotations.
fn queries(dashboard: &Value) -> Vec<&Value> {
    let targets = list(&dashboard["panels"])
        .iter()
        .flat_map(|panel| list(&panel["targets"]));
    targets
        .chain(list(&dashboard["annotations"]["list"]))
        .collect()
}

/// All expressions of the dashboard.
pub(crate) fn expressions() -> Vec<String> {
    let expression = |query: &Value| query["expr"].as_str().map(str::to_owned);
    let dashboard = dashboard();
    let expressions = queries(&dashboard).into_iter().map(expression);
    expressions
        .collect::<Option<_>>()
        .expect("every query has an expression")
}

#[test]
fn every_panel_shows_something_from_the_datasource() {
    let dashboard = dashboard();
    let panels = list(&dashboard["panels"]);
    assert!(panels.len() > 10, "{} panels", panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().expect("a panel has a title");
        assert!(!title.is_empty());
        assert!(
            panel["description"].as_str().is_some_and(|t| !t.is_empty()),
            "{title}: says what it shows"
        );
        assert!(!list(&panel["targets"]).is_empty(), "{title}: no query");
        assert_eq!(panel["datasource"]["uid"], files::DATASOURCE, "{title}");
        let names: Vec<&Value> = list(&panel["targets"])
            .iter()
            .map(|t| &t["refId"])
            .collect();
        let unique: BTreeSet<&str> = names.iter().filter_map(|name| name.as_str()).collect();
        assert_eq!(unique.len(), names.len(), "{title}: a refId twice");
    }
    for query in queries(&dashboard) {
        assert_eq!(query["datasource"]["uid"], files::DATASOURCE, "{query}");
    }
}

#[test]
fn ids_are_unique_and_panels_do_not_overlap() {
    let dashboard = dashboard();
    let panels = list(&dashboard["panels"]);
    let ids: BTreeSet<u64> = panels
        .iter()
        .filter_map(|panel| panel["id"].as_u64())
        .collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |side: &str| {
            panel["gridPos"][side]
                .as_u64()
                .expect("a place in the grid")
        };
        assert!(
            at("x") + at("w") <= 24,
            "{}: beyond the edge",
            panel["title"]
        );
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{}: overlaps another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_expression_parses() {
    let expressions = expressions();
    assert!(
        expressions.iter().all(|text| !text.contains('$')),
        "promtool knows no Grafana variables"
    );
    let rules: Vec<Value> = expressions
        .iter()
        .enumerate()
        .map(|(place, text)| json!({ "record": format!("panel:{place}"), "expr": text }))
        .collect();
    check_rules(&rules);
}

#[test]
fn the_dashboard_and_the_rules_mean_the_same_by_cpu_use() {
    let high = files::rule("pool-cpu-high");
    let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
    let rule = without_spaces(high.promql());
    let average = expressions()
        .iter()
        .map(|text| without_spaces(text))
        .find(|text| text.starts_with("avg("))
        .expect("there is a panel of the average");
    // The rule goes on with the age of members, which the panel leaves out.
    let shared = average.trim_end_matches(')');
    assert!(rule.starts_with(shared), "{shared}\n{rule}");
}
