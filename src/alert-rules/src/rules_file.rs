//! Grafana's alert rules: those whose label `scale` asks for a size, by CPU use or by request rate.

use std::{collections::BTreeMap, time::Duration};

use policy::Direction;
use serde::Deserialize;

use super::{
    MonitoringError,
    promql::{self, CpuQuery, RequestQuery},
    recording_file::Recorded,
    time,
};

const FILE: &str = "the alert rules";
/// The label that says what a rule asks for.
const SCALE: &str = "scale";

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Alerts above the threshold.
    Above,
    /// Alerts below the threshold.
    Below,
}

impl Comparison {
    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::Below => value < threshold,
        }
    }
}

/// An alert rule that asks for a larger or a smaller size, by CPU use.
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
        self.comparison.holds(value, self.threshold)
    }
}

/// An alert rule whose value is a number of members to have at least, by request rate.
#[derive(Clone, Debug, PartialEq)]
pub struct FloorRule {
    /// Its name, the label `alertname` of its alerts.
    pub title: String,
    /// All of its labels.
    pub labels: BTreeMap<String, String>,
    /// What is measured.
    pub query: RequestQuery,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what, a number of members.
    pub threshold: f64,
    /// How long it must hold before the rule fires.
    pub pending: Duration,
}

impl FloorRule {
    /// Divides each of its times; as many requests come in a shorter one.
    pub fn divide_by(&mut self, divisor: u32) {
        for time in [&mut self.pending, &mut self.query.window] {
            *time /= divisor;
        }
        self.query.per_member *= f64::from(divisor);
    }

    /// Whether this number of members alerts.
    pub fn is_breached_by(&self, value: f64) -> bool {
        self.comparison.holds(value, self.threshold)
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

/// The rules that ask for a size.
#[derive(Debug)]
pub(super) struct FoundRules {
    /// Between two evaluations.
    pub(super) interval: Duration,
    pub(super) rules: Vec<ScaleRule>,
    pub(super) floors: Vec<FloorRule>,
}

pub(super) fn read(text: &str, recorded: &Recorded) -> Result<FoundRules, MonitoringError> {
    let file: File = serde_yaml_ng::from_str(text)
        .map_err(|source| MonitoringError::Form { file: FILE, source })?;
    let mut interval = None;
    let (mut rules, mut floors) = (Vec::new(), Vec::new());
    for group in file.groups {
        let of_group = time(FILE, &group.interval)?;
        for rule in group.rules {
            let Some(scale) = rule.labels.get(SCALE) else {
                continue;
            };
            match scale.as_str() {
                "up" => rules.push(scale_rule(rule, Direction::Up, recorded)?),
                "down" => rules.push(scale_rule(rule, Direction::Down, recorded)?),
                "at-least" => floors.push(floor_rule(rule)?),
                other => {
                    return Err(rule.wrong(&format!(
                        "this program knows no `{SCALE}: {other}`, only `up`, `down` and `at-least`"
                    )));
                }
            }
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
    let interval = interval.ok_or_else(|| unknown(format!("no rule has the label `{SCALE}`")))?;
    Ok(FoundRules {
        interval,
        rules,
        floors,
    })
}

fn scale_rule(
    rule: Rule,
    direction: Direction,
    recorded: &Recorded,
) -> Result<ScaleRule, MonitoringError> {
    let alerts = rule.alerts()?;
    let query = promql::parse(alerts.expression, &recorded.uses).ok_or_else(|| {
        rule.wrong("its expression has a form that is not known: it is no average of CPU use")
    })?;
    Ok(ScaleRule {
        direction,
        query,
        comparison: alerts.comparison,
        threshold: alerts.threshold,
        pending: time(FILE, &rule.pending)?,
        title: rule.title,
        labels: rule.labels,
    })
}

fn floor_rule(rule: Rule) -> Result<FloorRule, MonitoringError> {
    let alerts = rule.alerts()?;
    let query = promql::requests(alerts.expression).ok_or_else(|| {
        rule.wrong("its expression has a form that is not known: it is no request rate over what one member serves")
    })?;
    Ok(FloorRule {
        query,
        comparison: alerts.comparison,
        threshold: alerts.threshold,
        pending: time(FILE, &rule.pending)?,
        title: rule.title,
        labels: rule.labels,
    })
}

/// When a rule alerts.
struct AlertsWhen<'a> {
    expression: &'a str,
    comparison: Comparison,
    threshold: f64,
}

impl Rule {
    fn wrong(&self, what: &str) -> MonitoringError {
        unknown(format!("rule `{}`: {what}", self.title))
    }

    fn alerts(&self) -> Result<AlertsWhen<'_>, MonitoringError> {
        for (key, state) in [
            ("noDataState", &self.no_data_state),
            ("execErrState", &self.exec_err_state),
        ] {
            if state != "OK" {
                let what = format!("this program knows `{key}: OK` alone, not {state}");
                return Err(self.wrong(&what));
            }
        }
        let find = |id: &str| self.data.iter().find(|query| query.ref_id == id);
        let threshold = find(&self.condition)
            .filter(|query| query.model.kind.as_deref() == Some("threshold"))
            .ok_or_else(|| self.wrong("its condition is no threshold"))?;
        let expression = threshold
            .model
            .expression
            .as_deref()
            .and_then(find)
            .and_then(|query| query.model.expr.as_deref())
            .ok_or_else(|| self.wrong("its condition looks at no PromQL query"))?;
        let [Condition { evaluator }] = threshold.model.conditions.as_slice() else {
            return Err(self.wrong("its threshold needs one condition"));
        };
        let comparison = match evaluator.kind.as_str() {
            "gt" => Comparison::Above,
            "lt" => Comparison::Below,
            other => {
                return Err(self.wrong(&format!("this program knows no comparison `{other}`")));
            }
        };
        let [threshold] = evaluator.params.as_slice() else {
            return Err(self.wrong("its threshold needs one number"));
        };
        Ok(AlertsWhen {
            expression,
            comparison,
            threshold: *threshold,
        })
    }
}

fn unknown(what: String) -> MonitoringError {
    MonitoringError::Unknown { file: FILE, what }
}
