//! Grafana's alert rules: those whose label `scale` asks for a size.

use std::{collections::BTreeMap, time::Duration};

use policy::Direction;
use serde::Deserialize;

use super::{MonitoringError, promql, promql::CpuQuery, recording_file::Recorded, time};

const FILE: &str = "the alert rules";
/// The label that says which way.
const DIRECTION: &str = "scale";

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Alerts above the threshold.
    Above,
    /// Alerts below the threshold.
    Below,
}

/// An alert rule that asks for another size.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleRule {
    /// Its name, the label `alertname` of its alerts.
    pub title: String,
    /// Which way it asks the pool to go.
    pub direction: Direction,
    /// All of its labels.
    pub labels: BTreeMap<String, String>,
    /// What is measured.
    pub query: CpuQuery,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what, from 0 to 1.
    pub threshold: f64,
    /// How long it must hold before the rule fires.
    pub pending: Duration,
}

impl ScaleRule {
    /// Divides each of its times.
    pub fn divide_by(&mut self, divisor: u32) {
        let query = &mut self.query;
        for time in [&mut self.pending, &mut query.window, &mut query.young_for] {
            *time /= divisor;
        }
    }

    /// Whether this average alerts.
    pub fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.threshold,
            Comparison::Below => value < self.threshold,
        }
    }
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    interval: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    title: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    condition: String,
    #[serde(rename = "for")]
    pending: String,
    no_data_state: String,
    exec_err_state: String,
    data: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    ref_id: String,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    /// The text of a query.
    expr: Option<String>,
    /// What a threshold looks at.
    expression: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    evaluator: Evaluator,
}

#[derive(Deserialize)]
struct Evaluator {
    #[serde(rename = "type")]
    kind: String,
    params: Vec<f64>,
}

/// How often the rules are evaluated, and those that ask for a size.
pub(super) fn read(
    text: &str,
    recorded: &Recorded,
) -> Result<(Duration, Vec<ScaleRule>), MonitoringError> {
    let file: File = serde_yaml_ng::from_str(text)
        .map_err(|source| MonitoringError::Form { file: FILE, source })?;
    let mut interval = None;
    let mut rules = Vec::new();
    for group in file.groups {
        let of_group = time(FILE, &group.interval)?;
        for rule in group.rules {
            if !rule.labels.contains_key(DIRECTION) {
                continue;
            }
            rules.push(scale_rule(rule, recorded)?);
            if interval
                .replace(of_group)
                .is_some_and(|other| other != of_group)
            {
                return Err(unknown(
                    "rules that scale have several intervals".to_owned(),
                ));
            }
        }
    }
    let interval = interval.ok_or_else(|| unknown("no rule has the label `scale`".to_owned()))?;
    Ok((interval, rules))
}

fn scale_rule(rule: Rule, recorded: &Recorded) -> Result<ScaleRule, MonitoringError> {
    let title = rule.title.clone();
    let wrong = |what: String| unknown(format!("rule `{title}`: {what}"));
    let direction = match rule.labels[DIRECTION].as_str() {
        "up" => Direction::Up,
        "down" => Direction::Down,
        other => {
            return Err(wrong(format!(
                "this program knows no `{DIRECTION}: {other}`, only `up` and `down`"
            )));
        }
    };
    for (key, state) in [
        ("noDataState", &rule.no_data_state),
        ("execErrState", &rule.exec_err_state),
    ] {
        if state != "OK" {
            return Err(wrong(format!(
                "this program knows `{key}: OK` alone, not {state}"
            )));
        }
    }
    let find = |id: &str| rule.data.iter().find(|query| query.ref_id == id);
    let threshold = find(&rule.condition)
        .filter(|query| query.model.kind.as_deref() == Some("threshold"))
        .ok_or_else(|| wrong("its condition is no threshold".to_owned()))?;
    let expression = threshold
        .model
        .expression
        .as_deref()
        .and_then(find)
        .and_then(|query| query.model.expr.as_deref())
        .ok_or_else(|| wrong("its condition looks at no PromQL query".to_owned()))?;
    let query = promql::parse(expression, &recorded.uses)
        .ok_or_else(|| wrong("its expression has a form that is not known".to_owned()))?;
    let [Condition { evaluator }] = threshold.model.conditions.as_slice() else {
        return Err(wrong("its threshold needs one condition".to_owned()));
    };
    let (comparison, [value]) = (
        match evaluator.kind.as_str() {
            "gt" => Comparison::Above,
            "lt" => Comparison::Below,
            other => {
                return Err(wrong(format!("this program knows no comparison `{other}`")));
            }
        },
        evaluator.params.as_slice(),
    ) else {
        return Err(wrong("its threshold needs one number".to_owned()));
    };
    Ok(ScaleRule {
        direction,
        query,
        comparison,
        threshold: *value,
        pending: time(FILE, &rule.pending)?,
        title: rule.title,
        labels: rule.labels,
    })
}

fn unknown(what: String) -> MonitoringError {
    MonitoringError::Unknown { file: FILE, what }
}
