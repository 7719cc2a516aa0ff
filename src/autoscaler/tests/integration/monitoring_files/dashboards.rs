//! The dashboard: what Grafana would only complain about when somebody looks at it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{files, promtool::check_rules};

pub(crate) fn dashboard() -> Value {
    files::json(&files::path("grafana/dashboards/autoscaling.json"))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Everything of it that asks Prometheus: the targets of panels, and annotations.
pub(super) fn queries(dashboard: &Value) -> Vec<&Value> {
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

/// The panels, without the rows that only group them.
pub(super) fn panels(dashboard: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let panels = list(&dashboard["panels"]).iter();
    panels
        .filter(|panel| panel["type"] != "row")
        .map(|panel| (panel["title"].as_str().expect("a title"), panel))
}

/// A text of a panel or target; empty where there is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn defaults(panel: &Value) -> &Value {
    &panel["fieldConfig"]["defaults"]
}

#[test]
fn every_number_has_a_unit_and_every_axis_fitting_ends() {
    let dashboard = dashboard();
    for (title, panel) in panels(&dashboard) {
        let field = defaults(panel);
        let unit = text(&field["unit"]);
        assert!(
            ["short", "percentunit", "reqps", "s"].contains(&unit),
            "{title}: unit `{unit}`"
        );
        let is_share = unit == "percentunit";
        let of_cpu = list(&panel["targets"])
            .iter()
            .any(|target| text(&target["expr"]).contains("node_cpu_utilisation"));
        assert_eq!(is_share, of_cpu, "{title}: CPU use is a share");
        // Nothing here is negative, and what fills the whole height must not look like all.
        if panel["type"] == "timeseries" || is_share {
            assert_eq!(field["min"].as_f64(), Some(0.0), "{title}: min");
        }
        let max = field["max"].as_f64();
        assert_eq!(max, is_share.then_some(1.0), "{title}: max");
        // There is no third of an instance, a decision or a call.
        if unit == "short" {
            assert_eq!(field["decimals"], 0, "{title}: decimals");
        }
    }
}

/// What stands between brackets after the first `by` of an expression.
fn grouped_by(expression: &str) -> BTreeSet<&str> {
    let labels = expression
        .split_once("by (")
        .and_then(|(_, rest)| rest.split_once(')'));
    let labels = labels.map_or("", |(labels, _)| labels);
    let labels = labels.split(',').map(str::trim);
    labels
        .filter(|label| *label != "le" && !label.is_empty())
        .collect()
}

/// The labels that a legend fills in.
fn filled_in(legend: &str) -> BTreeSet<&str> {
    let parts = legend.split("{{").skip(1);
    parts
        .map(|part| part.split_once("}}").expect("a label ends").0.trim())
        .collect()
}

#[test]
fn every_series_has_a_name_of_its_own() {
    let dashboard = dashboard();
    let graphs = panels(&dashboard).filter(|(_, panel)| panel["type"] == "timeseries");
    for (title, panel) in graphs {
        assert_eq!(panel["options"]["legend"]["showLegend"], true, "{title}");
        let mut names = BTreeSet::new();
        for target in list(&panel["targets"]) {
            let legend = text(&target["legendFormat"]);
            assert!(!legend.is_empty(), "{title}: a series without a name");
            assert!(names.insert(legend), "{title}: `{legend}` twice");
            let expression = text(&target["expr"]);
            // The average is of what it groups by, and one series.
            // Of a recorded series, its name begins with the labels that it has.
            let recorded = expression.strip_prefix("instance:").map(|_| "instance");
            let labels = if expression.starts_with("avg(") {
                BTreeSet::new()
            } else {
                recorded.map_or_else(|| grouped_by(expression), |label| [label].into())
            };
            assert_eq!(filled_in(legend), labels, "{title}: `{legend}`");
        }
        for change in list(&panel["fieldConfig"]["overrides"]) {
            let name = text(&change["matcher"]["options"]);
            let is_there = change["matcher"]["id"] != "byName"
                || names.contains(name)
                || names.iter().any(|legend| !filled_in(legend).is_empty());
            assert!(is_there, "{title}: no series `{name}` to change");
        }
    }
}

#[test]
fn thresholds_rise_and_those_of_cpu_are_the_rules() {
    let dashboard = dashboard();
    let (_, high) = files::rule("pool-cpu-high").threshold();
    let (_, low) = files::rule("pool-cpu-low").threshold();
    let mut of_cpu = 0;
    for (title, panel) in panels(&dashboard) {
        let field = defaults(panel);
        let steps = list(&field["thresholds"]["steps"]);
        let values: Vec<Option<f64>> = steps.iter().map(|step| step["value"].as_f64()).collect();
        assert!(values.is_sorted(), "{title}: {values:?}");
        let lowest = values.first();
        assert!(
            lowest.is_none_or(Option::is_none),
            "{title}: no color below"
        );
        if panel["type"] == "stat" {
            assert!(lowest.is_some(), "{title}: no color");
        }
        if field["unit"] != "percentunit" {
            continue;
        }
        of_cpu += 1;
        assert_eq!(values, [None, Some(low), Some(high)], "{title}");
        let style = &field["custom"]["thresholdsStyle"]["mode"];
        let is_drawn = style.as_str().is_some_and(|style| style != "off");
        assert!(is_drawn || panel["type"] == "stat", "{title}: not drawn");
    }
    assert_eq!(of_cpu, 3, "the average twice, and that of each member");
}

#[test]
fn a_panel_that_may_be_empty_says_what_that_means() {
    let dashboard = dashboard();
    for (title, panel) in panels(&dashboard) {
        let mut targets = list(&panel["targets"]).iter();
        if targets.all(|target| text(&target["expr"]).trim_end().ends_with("> 0")) {
            assert!(!text(&defaults(panel)["noValue"]).is_empty(), "{title}");
        }
    }
}
