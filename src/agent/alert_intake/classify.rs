//! What an alert asks for, if anything.

use super::payload::{GroupedAlert, LegacyAlert, Payload, PayloadError, parse};
use crate::policy::Direction;

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It asks for a change of size.
    Firing(Direction),
    /// It asks for nothing.
    Ignored(Ignored),
}

/// Why an alert asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The load is back to normal.
    Resolved,
    /// The monitoring had no data: absence of load was not measured (guarantee G3).
    NoData,
    /// The monitoring failed.
    ErrorAlert,
    /// No label says which way.
    NoDirection,
    /// A status other than firing.
    NotFiring,
}

impl Ignored {
    /// The reason's code, for metrics and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::NoData => "no_data",
            Self::ErrorAlert => "error_alert",
            Self::NoDirection => "no_direction",
            Self::NotFiring => "not_firing",
        }
    }
}

/// All alerts of one body.
pub type Intake = Vec<Alert>;

/// Says what a webhook's body asks for. `direction_label` is the label whose value is `up` or
/// `down`.
pub fn classify(body: &[u8], direction_label: &str) -> Result<Intake, PayloadError> {
    Ok(match parse(body)? {
        Payload::Alerts(alerts) => alerts
            .iter()
            .map(|alert| grouped(alert, direction_label))
            .collect(),
        Payload::Legacy(alert) => vec![legacy(&alert, direction_label)],
    })
}

fn grouped(alert: &GroupedAlert, direction_label: &str) -> Alert {
    // Grafana sends its own troubles under these names, with the labels of the rule.
    match alert.labels.get("alertname").map(String::as_str) {
        Some("DatasourceNoData") => return Alert::Ignored(Ignored::NoData),
        Some("DatasourceError") => return Alert::Ignored(Ignored::ErrorAlert),
        _ => {}
    }
    match alert.status.as_str() {
        "firing" => direction(alert.labels.get(direction_label)),
        "resolved" => Alert::Ignored(Ignored::Resolved),
        _ => Alert::Ignored(Ignored::NotFiring),
    }
}

fn legacy(alert: &LegacyAlert, direction_label: &str) -> Alert {
    match alert.state.as_str() {
        "alerting" => direction(alert.tags.get(direction_label)),
        "ok" => Alert::Ignored(Ignored::Resolved),
        "no_data" => Alert::Ignored(Ignored::NoData),
        _ => Alert::Ignored(Ignored::NotFiring),
    }
}

fn direction(label: Option<&String>) -> Alert {
    match label.map(String::as_str) {
        Some("up") => Alert::Firing(Direction::Up),
        Some("down") => Alert::Firing(Direction::Down),
        _ => Alert::Ignored(Ignored::NoDirection),
    }
}
