//! What an alert asks for, if anything.

use serde_json::Value;

use super::payload::{GroupedAlert, LegacyAlert, Payload, PayloadError, parse};
use crate::policy::Direction;

/// Grafana's annotation for the reason of a state that no value led to
/// (<https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/nodata-and-error-states/>).
const STATE_REASON: &str = "grafana_state_reason";

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
    // A rule may be set to fire as itself on missing data, on an error, or to keep its last state;
    // only this annotation then tells that nothing was measured.
    let reason = alert.annotations.get(STATE_REASON).and_then(Value::as_str);
    if let Some(reason) = reason
        && alert.status == "firing"
    {
        if reason.contains("NoData") {
            return Alert::Ignored(Ignored::NoData);
        } else if reason.contains("Error") {
            return Alert::Ignored(Ignored::ErrorAlert);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alerts(document: &Value) -> Intake {
        classify(document.to_string().as_bytes(), "scale").expect("a known document")
    }

    const UP: Alert = Alert::Firing(Direction::Up);
    const DOWN: Alert = Alert::Firing(Direction::Down);

    /// As Grafana 12 sends it; the labels and annotations are the alert's.
    fn grafana(status: &str, labels: &Value, annotations: &Value) -> Value {
        json!({
            "receiver": "autoscaler",
            "status": status,
            "orgId": 1,
            "alerts": [{
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2026-03-01T10:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://grafana:3000/alerting/grafana/up/view",
                "fingerprint": "8a9f3e2b7c1d0456",
                "values": { "B": 0.91, "C": 1 },
                "valueString": "[ var='B' labels={} value=0.91 ]",
            }],
            "groupLabels": { "alertname": "pool-loaded" },
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": "http://grafana:3000/",
            "version": "1",
            "groupKey": "{}/{scale=\"up\"}:{alertname=\"pool-loaded\"}",
            "truncatedAlerts": 0,
            "title": "[FIRING:1] pool-loaded",
            "state": "alerting",
            "message": "**Firing**",
        })
    }

    #[test]
    fn grafana_unified() {
        let loaded = json!({ "alertname": "pool-loaded", "scale": "up" });
        assert_eq!(alerts(&grafana("firing", &loaded, &json!({}))), [UP]);
        assert_eq!(
            alerts(&grafana("resolved", &loaded, &json!({}))),
            [Alert::Ignored(Ignored::Resolved)]
        );
        let odd = json!({ "alertname": "pool-loaded", "scale": "UP" });
        assert_eq!(
            alerts(&grafana("firing", &odd, &json!({}))),
            [Alert::Ignored(Ignored::NoDirection)]
        );
    }

    #[test]
    fn grafana_that_measured_nothing() {
        let labels = |name: &str| json!({ "alertname": name, "scale": "down", "rulename": "idle" });
        for (name, why) in [
            ("DatasourceNoData", Ignored::NoData),
            ("DatasourceError", Ignored::ErrorAlert),
        ] {
            let document = grafana("firing", &labels(name), &json!({}));
            assert_eq!(alerts(&document), [Alert::Ignored(why)]);
        }
        for (reason, expected) in [
            ("NoData", Alert::Ignored(Ignored::NoData)),
            ("NoData, KeepLast", Alert::Ignored(Ignored::NoData)),
            ("Error", Alert::Ignored(Ignored::ErrorAlert)),
            ("Updated", DOWN),
        ] {
            let annotations = json!({ "grafana_state_reason": reason, "summary": "idle" });
            let document = grafana("firing", &labels("pool-idle"), &annotations);
            assert_eq!(alerts(&document), [expected], "{reason}");
        }
    }

    #[test]
    fn grafana_legacy() {
        let document = |state: &str| {
            json!({
                "dashboardId": 1,
                "evalMatches": [{ "value": 0.95, "metric": "pool", "tags": {} }],
                "message": "CPU is high",
                "orgId": 1,
                "panelId": 2,
                "ruleId": 1,
                "ruleName": "pool-loaded",
                "ruleUrl": "http://grafana:3000/d/pool?tab=alert",
                "state": state,
                "tags": { "scale": "up" },
                "title": "[Alerting] pool-loaded",
            })
        };
        assert_eq!(alerts(&document("alerting")), [UP]);
        for (state, why) in [
            ("ok", Ignored::Resolved),
            ("no_data", Ignored::NoData),
            ("paused", Ignored::NotFiring),
            ("pending", Ignored::NotFiring),
        ] {
            assert_eq!(alerts(&document(state)), [Alert::Ignored(why)], "{state}");
        }
    }

    #[test]
    fn alertmanager_takes_each_alert_by_itself() {
        let alert = |status: &str, scale: &str| {
            json!({
                "status": status,
                "labels": { "alertname": "Pool", "scale": scale, "severity": "none" },
                "annotations": { "description": "average CPU" },
                "startsAt": "2026-03-01T10:00:00.123Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus:9090/graph",
                "fingerprint": "11aa22bb33cc44dd",
            })
        };
        let document = json!({
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "agent",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            "alerts": [alert("resolved", "up"), alert("firing", "down")],
        });
        assert_eq!(alerts(&document), [Alert::Ignored(Ignored::Resolved), DOWN]);
    }

    #[test]
    fn an_alert_without_a_status_has_its_groups() {
        let document =
            |status| json!({ "status": status, "alerts": [{ "labels": { "scale": "up" } }] });
        assert_eq!(alerts(&document("firing")), [UP]);
        assert_eq!(
            alerts(&document("resolved")),
            [Alert::Ignored(Ignored::Resolved)]
        );
    }

    #[test]
    fn the_direction_label_can_be_chosen() {
        let document = grafana(
            "firing",
            &json!({ "go": "down", "scale": "up" }),
            &json!({}),
        );
        let found = classify(document.to_string().as_bytes(), "go").unwrap();
        assert_eq!(found, [DOWN]);
    }

    #[test]
    fn anything_else_is_said_to_be_no_alert() {
        for body in [
            "",
            "no",
            "{",
            "[]",
            "{}",
            "null",
            "7",
            r#"{"state":"alerting"}"#,
        ] {
            let error = classify(body.as_bytes(), "scale").unwrap_err();
            assert!(error.to_string().contains("expected"), "{body}: {error}");
        }
        for body in [
            r#"{"alerts":1}"#,
            r#"{"alerts":[{"labels":{"a":1}}]}"#,
            r#"{"ruleName":"x"}"#,
        ] {
            let error = classify(body.as_bytes(), "scale").unwrap_err();
            assert!(
                matches!(error, PayloadError::Broken { .. }),
                "{body}: {error}"
            );
        }
    }
}
