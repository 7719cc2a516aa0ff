//! Messages of monitoring systems: as they are sent, and every way in which one is no alarm.

use std::io::Write as _;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};

pub(crate) fn unified(status: &str, name: &str, direction: &str) -> Value {
    json!({
        "receiver": "autoscaler", "status": status, "orgId": 1, "version": "1",
        "groupKey": "{}:{alertname=\"x\"}", "truncatedAlerts": 0, "title": "t", "state": "alerting",
        "alerts": [{
            "status": status, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "labels": { "alertname": name, "scale": direction }, "annotations": {},
            "values": { "A": 0.93 }, "fingerprint": "c6eadffa33fcdf37",
        }],
    })
}

pub(crate) fn with_reason(mut document: Value, reason: &str) -> Value {
    document["alerts"][0]["annotations"]["grafana_state_reason"] = json!(reason);
    document
}

pub(crate) fn legacy(state: &str, direction: &str) -> Value {
    json!({
        "ruleId": 1, "ruleName": "Pool load", "state": state, "dashboardId": 2, "orgId": 1,
        "evalMatches": [{ "metric": "cpu", "value": 0.1, "tags": null }], "message": "m",
        "tags": { "scale": direction }, "title": "[Alerting] Pool load",
    })
}

pub(crate) fn alertmanager(status: &str, labels: &Value) -> Value {
    json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": status, "receiver": "agent",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://a",
        "alerts": [{
            "status": status, "labels": labels, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p", "fingerprint": "c6eadffa33fcdf37",
        }],
    })
}

/// Bodies that are no alarm on `/up` and `/down`, with the reason. Whatever is odd about them, they
/// never scale.
pub(crate) fn no_alarms(path: &str) -> Vec<(&'static str, Vec<u8>)> {
    let resolved = unified("resolved", "Pool idles", "down");
    let mut bodies = Vec::new();
    let mut add = |reason, body: Vec<u8>| bodies.push((reason, body));
    for odd in [
        json!(null),
        json!(7),
        json!("x"),
        json!([[]]),
        json!({ "a": 1 }),
    ] {
        for key in ["annotations", "labels", "values", "startsAt"] {
            let mut document = resolved.clone();
            document["alerts"][0][key] = odd.clone();
            add("resolved", document.to_string().into());
        }
        let mut document = resolved.clone();
        document["alerts"] = odd.clone();
        let reason = if odd.is_array() {
            "malformed"
        } else {
            "resolved"
        };
        add(reason, document.to_string().into());
        for (state, reason) in [
            ("ok", "resolved"),
            ("no_data", "no_data"),
            ("paused", "not_firing"),
        ] {
            let mut document = legacy(state, "down");
            document["tags"] = odd.clone();
            document["evalMatches"] = odd.clone();
            add(reason, document.to_string().into());
        }
        let mut document = unified("firing", "DatasourceNoData", "down");
        document["alerts"][0]["annotations"] = odd.clone();
        add("no_data", document.to_string().into());
        let mut document = alertmanager(
            "firing",
            &json!({ "alertname": "DatasourceError", "x": odd }),
        );
        document["alerts"][0]["annotations"] = json!({ "x": odd });
        add("error_alert", document.to_string().into());
    }
    add(
        "test",
        unified("firing", "TestAlert", "down").to_string().into(),
    );
    // Templates of the sender's.
    for status in ["resolved", "Resolved", " RESOLVED\n"] {
        add("resolved", json!({ "status": status }).to_string().into());
    }
    add(
        "resolved",
        br#"{"status":"firing","status":"resolved"}"#.into(),
    );
    add(
        "not_firing",
        json!({ "text": "CPU is low" }).to_string().into(),
    );
    add("not_firing", b"{}".into());
    let other = if path == "/up" { "down" } else { "up" };
    let document = unified("firing", "Pool load", other);
    add("other_direction", document.to_string().into());
    for (_, bytes) in encoded(&resolved.to_string()) {
        add("resolved", bytes);
    }
    for text in [
        "{",
        "hello",
        " ",
        "status=resolved",
        "[]",
        "null",
        "\0\u{1}",
        r#"[{"status":"firing"}]"#,
    ] {
        add("unreadable", text.into());
    }
    add("unreadable", "[".repeat(200_000).into());
    add("unreadable", vec![0x1f, 0x8b, 8, 0]);
    add("too_large", gzip(&vec![b' '; 5 * 1024 * 1024]));
    bodies
}

/// A text in every form in which a library may send it.
pub(crate) fn encoded(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text.as_bytes()).unwrap();
    let latin1 = text.replacen("\"t\"", "\"K\u{fc}hl\"", 1);
    vec![
        (
            "UTF-8 with a mark",
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        ),
        (
            "Latin-1",
            latin1.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        ),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        (
            "UTF-16 BE with a mark",
            [&[0xfe, 0xff], &utf16(u16::to_be_bytes)[..]].concat(),
        ),
        ("gzip", gzip(text.as_bytes())),
        ("zlib", zlib.finish().unwrap()),
    ]
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
