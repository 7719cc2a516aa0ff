//! What a body is in which something is odd, null, twice, deep, or in another encoding, and what
//! counts on the paths of a direction.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    tests::{DOWN, UP, alerts, classify, grafana},
    *,
};

/// What a body means on `/down`, as codes.
fn on_down(body: impl AsRef<[u8]>) -> Vec<&'static str> {
    match classify(Some(Direction::Down), body.as_ref()) {
        Ok(alerts) => alerts.into_iter().map(code).collect(),
        Err(_) => vec!["unreadable"],
    }
}

fn code(alert: Alert) -> &'static str {
    match alert {
        Alert::Firing(ask) => ask.as_str(),
        Alert::Ignored(why) => why.code(),
    }
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
        r#"{"status":"firing"}"#,
        r#"{"ruleName":"x"}"#,
        r#"{"alerts":7}"#,
        r#"{"alerts":[]} {"alerts":[]}"#,
        "status=firing&alertname=Pool",
    ] {
        let error = classify(None, body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("expected"), "{body}: {error}");
    }
}

#[test]
fn what_nothing_depends_on_may_have_any_type() {
    let good = grafana(
        "firing",
        &json!({ "alertname": "pool-idle", "scale": "down" }),
        &json!({}),
    );
    let odd = [
        json!(null),
        json!(7),
        json!(1.5e300),
        json!(true),
        json!("text"),
        json!([1, [2]]),
        json!({ "a": { "b": [null] } }),
    ];
    for value in &odd {
        for key in ["annotations", "startsAt", "values", "fingerprint", "orgId"] {
            let mut document = good.clone();
            document["alerts"][0][key] = value.clone();
            assert_eq!(alerts(&document), [DOWN], "{key}: {value}");
        }
        for key in [
            "commonAnnotations",
            "commonLabels",
            "groupLabels",
            "title",
            "version",
        ] {
            let mut document = good.clone();
            document[key] = value.clone();
            assert_eq!(alerts(&document), [DOWN], "{key}: {value}");
        }
        let mut document = good.clone();
        document["alerts"][0]["labels"]["rack"] = value.clone();
        document["alerts"][0]["annotations"]["summary"] = value.clone();
        assert_eq!(alerts(&document), [DOWN], "a label: {value}");
    }
}

#[test]
fn what_is_null_is_absent() {
    let group =
        |status: Value, alert: Value| alerts(&json!({ "status": status, "alerts": [alert] }));
    let labels = json!({ "scale": "up" });
    let null_status = json!({ "status": null, "labels": labels, "annotations": null });
    assert_eq!(group(json!("firing"), null_status.clone()), [UP]);
    assert_eq!(
        group(json!(null), null_status),
        [Alert::Ignored(Ignored::NotFiring)]
    );
    let no_labels = json!({ "status": "firing", "labels": null });
    assert_eq!(
        group(json!("firing"), no_labels),
        [Alert::Ignored(Ignored::NoDirection)]
    );
    assert_eq!(alerts(&json!({ "status": "firing", "alerts": null })), []);
    for (state, expected) in [
        (json!("alerting"), Ignored::NoDirection),
        (json!(null), Ignored::NotFiring),
    ] {
        let document =
            json!({ "ruleName": "x", "state": state, "tags": null, "evalMatches": null });
        assert_eq!(alerts(&document), [Alert::Ignored(expected)]);
    }
}

#[test]
fn a_bad_alert_does_not_take_the_others_with_it() {
    let good = json!({ "status": "firing", "labels": { "scale": "up" } });
    let bad = [
        json!(7),
        json!(null),
        json!("x"),
        json!([good]),
        json!({ "status": ["firing"] }),
    ];
    for bad in bad {
        let document = json!({ "status": "firing", "alerts": [bad, good, bad] });
        let malformed = Alert::Ignored(Ignored::Malformed);
        assert_eq!(alerts(&document), [malformed, UP, malformed], "{bad}");
    }
    let number = json!({ "status": "firing", "labels": { "scale": 1 } });
    assert_eq!(
        alerts(&json!({ "alerts": [number, good] })),
        [Alert::Ignored(Ignored::NoDirection), UP]
    );
}

#[test]
fn a_status_is_read_in_any_case() {
    for (status, expected) in [
        ("Firing", "down"),
        (" FIRING\n", "down"),
        ("Alerting", "down"),
        ("Resolved", "resolved"),
        (" resolved ", "resolved"),
        ("OK", "resolved"),
        ("Normal", "resolved"),
        ("No_Data", "no_data"),
        ("Paused", "not_firing"),
        ("unknown", "not_firing"),
        ("", "not_firing"),
    ] {
        for key in ["status", "state", "Status"] {
            let body = json!({ key: status }).to_string();
            assert_eq!(on_down(&body), [expected], "{body}");
        }
    }
}

#[test]
fn on_a_path_with_a_direction_only_an_alarm_or_no_body_counts() {
    assert_eq!(on_down(""), ["down"]);
    for (body, expected) in [
        (json!({ "status": "firing" }), "down"),
        (json!({ "status": "firing", "alerts": [] }), "down"),
        (
            json!({ "status": "firing", "alerts": 7, "labels": 7 }),
            "down",
        ),
        (
            json!({ "state": "alerting", "ruleName": "x", "tags": null }),
            "down",
        ),
        (json!({ "alerts": [{ "status": "firing" }] }), "down"),
        (json!({}), "not_firing"),
        (json!({ "message": "CPU is low" }), "not_firing"),
        (json!({ "alerts": [] }), "not_firing"),
        (json!({ "status": null }), "not_firing"),
        (json!({ "status": "resolved" }), "resolved"),
        (json!({ "status": "resolved", "alerts": [] }), "resolved"),
        (json!({ "status": ["resolved"] }), "malformed"),
        (json!({ "status": { "is": "firing" } }), "malformed"),
        (json!({ "status": true }), "malformed"),
        (
            json!({ "status": "resolved", "alerts": [{ "status": "firing" }] }),
            "resolved",
        ),
        (json!({ "status": "firing", "state": "ok" }), "resolved"),
        (
            json!({ "alerts": [{ "status": "firing", "labels": { "scale": "up" } }] }),
            "other_direction",
        ),
        (
            json!({ "alerts": [{ "status": "firing", "labels": { "scale": "aside" } }] }),
            "down",
        ),
        (
            json!({ "status": "firing", "commonLabels": { "alertname": "DatasourceError" } }),
            "error_alert",
        ),
        (
            json!({ "status": "firing", "alertname": "DatasourceNoData" }),
            "no_data",
        ),
        (
            json!({ "status": "firing", "title": "[FIRING:1] DatasourceNoData (pool)" }),
            "no_data",
        ),
        (
            json!({ "state": "alerting", "ruleName": "Test notification" }),
            "test",
        ),
    ] {
        assert_eq!(on_down(body.to_string()), [expected], "{body}");
    }
    for unreadable in [
        "status=resolved",
        "payload=%7B%22status%22%3A%22firing%22%7D",
        "firing",
        "\"firing\"",
        " ",
        "\n",
        "\0",
        "[]",
        r#"[{"status":"firing"}]"#,
        "null",
        "7",
        r#"{"status":"firing""#,
        r#"{"status":"firing"} and more"#,
        r#"{"status":"firing"}{"status":"resolved"}"#,
        "{'status':'firing'}",
        "<status>firing</status>",
    ] {
        assert_eq!(on_down(unreadable), ["unreadable"], "{unreadable:?}");
    }
}

#[test]
fn of_a_member_that_occurs_twice_the_careful_reading_counts() {
    for (body, expected) in [
        (r#"{"status":"firing","status":"resolved"}"#, "resolved"),
        (r#"{"status":"resolved","status":"firing"}"#, "resolved"),
        (
            r#"{"status":"firing","alerts":[{"status":"firing","status":"resolved"}]}"#,
            "resolved",
        ),
        (
            r#"{"status":"firing","alerts":[{"labels":{"alertname":"x"},"labels":{"alertname":"DatasourceNoData"}}]}"#,
            "no_data",
        ),
        (
            r#"{"status":"firing","alerts":[{"labels":{"alertname":"DatasourceError","alertname":"x"}}]}"#,
            "error_alert",
        ),
        (
            r#"{"status":"firing","alerts":[],"alerts":[{"status":"resolved"}]}"#,
            "resolved",
        ),
        (
            r#"{"status":"firing","alerts":[{"status":"resolved"}],"alerts":[]}"#,
            "resolved",
        ),
        (
            r#"{"st\u0061tus":"firing","status":"resolved"}"#,
            "resolved",
        ),
    ] {
        assert_eq!(on_down(body), [expected], "{body}");
    }
    let both = r#"{"alerts":[{"status":"firing","labels":{"scale":"up","scale":"down"}}]}"#;
    let found = classify(None, both.as_bytes()).unwrap();
    assert_eq!(found, [Alert::Ignored(Ignored::NoDirection)]);
}

#[test]
fn a_name_is_found_beside_anything_odd() {
    let odd = [
        json!(null),
        json!(7),
        json!("x"),
        json!([{ "name": "x" }]),
        json!({ "a": [[]] }),
    ];
    for (name, expected) in [
        ("DatasourceNoData", "no_data"),
        ("DatasourceError", "error_alert"),
        ("datasourceerror ", "error_alert"),
        ("TestAlert", "test"),
    ] {
        for value in &odd {
            let labels = json!({ "alertname": name, "scale": "down", "rulename": value });
            let alert = json!({ "status": "firing", "labels": labels, "annotations": value, "values": value });
            let group = json!({ "status": "firing", "alerts": [alert], "commonAnnotations": value, "groupLabels": value });
            assert_eq!(on_down(group.to_string()), [expected], "{group}");
        }
        for labels in [
            json!([{ "name": "alertname", "value": name }]),
            json!({ "alertname": [name] }),
            json!(name),
        ] {
            let group = json!({ "status": "firing", "alerts": [{ "labels": labels }] });
            assert_eq!(on_down(group.to_string()), [expected], "{group}");
        }
    }
    for annotations in [
        json!({ "grafana_state_reason": ["NoData"] }),
        json!({ "grafana_state_reason": { "is": "nodata" } }),
        json!([{ "name": "grafana_state_reason", "value": "NoData" }]),
        json!("grafana_state_reason=NoData"),
    ] {
        let group = json!({ "status": "firing", "alerts": [{ "annotations": annotations }] });
        assert_eq!(on_down(group.to_string()), ["no_data"], "{group}");
        let group = json!({ "status": "firing", "commonAnnotations": annotations });
        assert_eq!(on_down(group.to_string()), ["no_data"], "{group}");
    }
}

#[test]
fn depth_and_size_cost_no_stack() {
    let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
    let deep = format!(r#"{{"a":{open}{close},"status":"firing","b":{{"c":{open}{close}}}}}"#);
    assert_eq!(on_down(&deep), ["down"]);
    let deep =
        format!(r#"{{"annotations":{open}{close},"labels":{open}{close},"status":"resolved"}}"#);
    assert_eq!(on_down(&deep), ["resolved"]);
    let deep = format!(r#"{{"status":{open}{close}}}"#);
    assert_eq!(on_down(&deep), ["malformed"]);
    assert_eq!(on_down(&open), ["unreadable"]);
    let numbers = format!(
        r#"{{"a":1e999999,"b":{},"status":"firing"}}"#,
        "9".repeat(100_000)
    );
    assert_eq!(on_down(&numbers), ["down"]);
    let many = format!(
        r#"{{"status":"firing","alerts":[{}{{}}]}}"#,
        "{},".repeat(300_000)
    );
    assert_eq!(on_down(&many).len(), 300_001);
}

#[test]
fn letters_of_other_encodings_hide_nothing() {
    let utf16: Vec<u8> = "\u{feff}{\"status\":\"resolved\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(on_down(&utf16), ["resolved"]);
    assert_eq!(
        on_down(b"\xef\xbb\xbf{\"status\":\"resolved\"}"),
        ["resolved"]
    );
    assert_eq!(
        on_down(b"{\"status\":\"firing\",\"title\":\"K\xfchl\"}"),
        ["down"]
    );
    assert_eq!(
        on_down(b"{\"title\":\"K\xfchl\",\"status\":\"resolved\"}"),
        ["resolved"]
    );
    assert_eq!(on_down(b"\xff\xfe"), ["unreadable"]);
    assert_eq!(on_down(b"\x1f\x8b\x08"), ["unreadable"]);
}

proptest! {
    /// Whatever stands around a "no", it is no alarm.
    #[test]
    fn a_resolved_document_never_scales(
        before in "[ -~]{0,30}",
        value in prop_oneof![Just("null"), Just("7"), Just("[]"), Just("{}"), Just("\"x\""), Just("[{\"status\":\"firing\"}]")],
        key in prop_oneof![Just("alerts"), Just("labels"), Just("annotations"), Just("commonLabels"), Just("status"), Just("state"), Just("tags")],
        no in prop_oneof![Just("resolved"), Just("Resolved"), Just("ok"), Just("no_data"), Just("paused"), Just("?")],
        first in any::<bool>(),
    ) {
        let before = json!(before);
        let (no, odd) = (format!("\"status\":\"{no}\""), format!("\"{key}\":{value}"));
        let (one, two) = if first { (no, odd) } else { (odd, no) };
        let body = format!("{{\"x\":{before},{one},{two}}}");
        for path in [Direction::Up, Direction::Down] {
            let found = classify(Some(path), body.as_bytes()).unwrap();
            prop_assert!(found.iter().all(|alert| matches!(alert, Alert::Ignored(_))), "{body}: {found:?}");
        }
    }

    /// Any bytes are read without a panic, and no bytes but an alarm's are one.
    #[test]
    fn bytes_at_random_never_scale(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        for path in [None, Some(Direction::Up), Some(Direction::Down)] {
            let found = classify(path, &bytes).unwrap_or_default();
            prop_assert!(found.iter().all(|alert| matches!(alert, Alert::Ignored(_))), "{found:?}");
        }
    }
}
