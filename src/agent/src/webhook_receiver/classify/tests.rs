//! What the documents of Grafana and Alertmanager ask for.

use serde_json::{Value, json};

use super::*;

/// As the settings have them by default.
pub(super) fn conventions(direction_label: &str) -> Conventions {
    Conventions {
        direction_label: direction_label.to_owned(),
        value_name: "A".to_owned(),
        pools: Pools::only("0.95: 150%".parse().expect("a table")),
    }
}

pub(super) fn classify(path: Option<Direction>, body: &[u8]) -> Result<Vec<Alert>, PayloadError> {
    classify_body(path, body, &conventions("scale")).map(|found| together(found).alerts)
}

/// What the only pool is told.
pub(super) fn together(mut found: Vec<Classified>) -> Classified {
    assert!(found.len() <= 1, "{found:?}");
    assert!(found.iter().all(|found| found.pool == Some(0)), "{found:?}");
    found.pop().unwrap_or_default()
}

pub(super) fn alerts(document: &Value) -> Vec<Alert> {
    classify(None, document.to_string().as_bytes()).expect("a known document")
}

pub(super) const UP: Alert = Alert::Firing(Ask::Change(Direction::Up));
pub(super) const DOWN: Alert = Alert::Firing(Ask::Change(Direction::Down));

/// As Grafana 12 sends it; the labels and annotations are the alert's.
pub(super) fn grafana(status: &str, labels: &Value, annotations: &Value) -> Value {
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
    let found =
        together(classify_body(None, document.to_string().as_bytes(), &conventions("go")).unwrap());
    assert_eq!(found.alerts, [DOWN]);
}
