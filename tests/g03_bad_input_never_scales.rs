//! G3 on the wire: input that is missing, stale, an error, resolved, malformed or not authenticated
//! never changes the pool; each kind is answered as it should be.

mod agent_support;

use std::time::Duration;

use agent_support::{Agent, Stage, Wishes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const TOKEN: &str = "only-grafana-knows-this";
const PASSWORD: &str = "nor-this";
const SECRET: &str = "signing-key";

fn unified(status: &str, name: &str, direction: &str) -> Value {
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

fn with_reason(mut document: Value, reason: &str) -> Value {
    document["alerts"][0]["annotations"]["grafana_state_reason"] = json!(reason);
    document
}

fn legacy(state: &str, direction: &str) -> Value {
    json!({
        "ruleId": 1, "ruleName": "Pool load", "state": state, "dashboardId": 2, "orgId": 1,
        "evalMatches": [{ "metric": "cpu", "value": 0.1, "tags": null }], "message": "m",
        "tags": { "scale": direction }, "title": "[Alerting] Pool load",
    })
}

fn alertmanager(status: &str, labels: &Value) -> Value {
    json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": status, "receiver": "agent",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://a",
        "alerts": [{
            "status": status, "labels": labels, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p", "fingerprint": "c6eadffa33fcdf37",
        }],
    })
}

async fn send(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn webhook(agent: &Agent, body: impl Into<reqwest::Body>) -> RequestBuilder {
    agent.http.post(agent.url("/webhook")).body(body)
}

/// The pool must be as it was although there is nothing that keeps a change back.
async fn assert_untouched(stage: &Stage, agent: &Agent) {
    let reads = stage.calls("list-instances");
    agent_support::until("the agent goes on", || {
        (stage.calls("list-instances") > reads + 2).then_some(())
    })
    .await;
    assert_eq!(stage.writes(), 0, "{}", agent.log());
    let decisions = agent.json("/decisions").await;
    let acted = decisions
        .as_array()
        .unwrap()
        .iter()
        .any(|d| d["verdict"] == "acted");
    assert!(!acted, "{decisions:#}");
}

#[tokio::test]
async fn what_is_no_alarm_is_answered_and_ignored() {
    let stage = Stage::with_pool(3).await;
    let agent = stage.start(Wishes::default()).await;
    let bad = unified("firing", "DatasourceError", "down");
    let ignored = [
        ("resolved", unified("resolved", "Pool idles", "down")),
        ("resolved", legacy("ok", "down")),
        (
            "resolved",
            alertmanager("resolved", &json!({ "scale": "down" })),
        ),
        ("no_data", unified("firing", "DatasourceNoData", "down")),
        ("no_data", legacy("no_data", "down")),
        (
            "no_data",
            alertmanager(
                "firing",
                &json!({ "alertname": "DatasourceNoData", "scale": "down" }),
            ),
        ),
        ("error_alert", bad.clone()),
        (
            "no_data",
            with_reason(unified("firing", "Pool idles", "down"), "NoData"),
        ),
        (
            "error_alert",
            with_reason(unified("firing", "Pool idles", "down"), "Error, KeepLast"),
        ),
        ("not_firing", legacy("pending", "down")),
        ("not_firing", legacy("paused", "down")),
        ("not_firing", unified("suppressed", "Pool idles", "down")),
        (
            "no_direction",
            alertmanager("firing", &json!({ "alertname": "Pool idles" })),
        ),
        ("no_direction", unified("firing", "Pool idles", "sideways")),
        ("no_direction", legacy("alerting", "")),
    ];
    for (reason, document) in ignored {
        let (status, answer) = send(webhook(&agent, document.to_string())).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(status, 200, "{document:#}");
        assert_eq!(
            answer,
            json!({ "accepted": [], "ignored": [reason] }),
            "{document:#}"
        );
    }
    // The bare paths are for Grafana, too: a body that says it is no alarm is believed.
    for document in [
        bad,
        unified("resolved", "Pool idles", "down"),
        legacy("no_data", "down"),
    ] {
        let (status, _) = send(
            agent
                .http
                .post(agent.url("/down"))
                .body(document.to_string()),
        )
        .await;
        assert_eq!(status, 200);
    }
    assert_untouched(&stage, &agent).await;

    // The same way in does lead to the pool.
    let (status, _) = send(webhook(&agent, legacy("alerting", "down").to_string())).await;
    assert_eq!(status, 200);
    stage.until_size(2).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let stage = Stage::with_pool(3).await;
    let agent = stage
        .start(Wishes::default().set("alerts.body_timeout", "300ms"))
        .await;
    let cut = &unified("firing", "Pool idles", "down").to_string()[..200];
    let unreadable = [
        "",
        "hello",
        "{",
        cut,
        "{}",
        "[]",
        "42",
        "null",
        r#"{"alerts":7}"#,
        r#"{"alerts":[{"status":1}]}"#,
        r#"{"ruleName":"x"}"#,
        r#"{"status":"firing"}"#,
    ];
    for body in unreadable {
        let (status, answer) = send(webhook(&agent, body.to_owned())).await;
        assert_eq!(status, 400, "{body}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(
            answer["message"].as_str().unwrap().contains("alert"),
            "{answer}"
        );
    }
    for path in ["/webhook", "/up", "/down"] {
        for size in [65 * 1024, 10_000_000] {
            let (status, _) = send(agent.http.post(agent.url(path)).body(vec![b'x'; size])).await;
            assert_eq!(status, 413, "{path} with {size} bytes");
        }
    }
    for path in ["/webhook", "/up", "/down"] {
        assert_eq!(slow_body(&agent, path).await, 408, "{path}");
    }
    assert_untouched(&stage, &agent).await;

    let good = alertmanager("firing", &json!({ "scale": "up" }));
    assert_eq!(send(webhook(&agent, good.to_string())).await.0, 200);
    stage.until_size(4).await;
}

/// Announces a body, sends a part of it, and waits for the status.
async fn slow_body(agent: &Agent, path: &str) -> u16 {
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: agent\r\ncontent-length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("an answer and the end of the connection")
        .unwrap();
    let text = String::from_utf8(answer).unwrap();
    text.split(' ')
        .nth(1)
        .expect("a status line")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_bare_paths_take_any_method_and_body() {
    let stage = Stage::with_pool(1).await;
    let agent = stage.start(Wishes::default()).await;
    let bodies = ["", "{", "hello", "{}", r#"{"alerts":[]}"#, "\u{0}\u{1}"];
    for path in ["/down", "/up"] {
        for method in [Method::GET, Method::POST, Method::PUT] {
            for body in bodies {
                let request = agent
                    .http
                    .request(method.clone(), agent.url(path))
                    .body(body);
                assert_eq!(send(request).await.0, 200, "{method} {path} {body:?}");
            }
        }
    }
    stage.until_size(2).await;
}

fn signature(body: &str, time: Option<i64>) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    if let Some(time) = time {
        mac.update(format!("{time}:").as_bytes());
    }
    mac.update(body.as_bytes());
    let bytes = mac.finalize().into_bytes();
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    bytes.iter().fold(String::new(), hex)
}

fn protected() -> Wishes {
    Wishes::default()
        .set("alerts.token", TOKEN)
        .set("alerts.user", "grafana")
        .set("alerts.password", PASSWORD)
        .set("alerts.hmac_secret", SECRET)
}

#[tokio::test]
async fn strangers_are_refused_and_change_nothing() {
    let stage = Stage::with_pool(3).await;
    let timed = protected().set("alerts.hmac_timestamp_header", "X-Time");
    let agent = stage.start(timed).await;
    let body = unified("firing", "Pool loaded", "up").to_string();
    let now = Timestamp::now().as_second();
    let header = "X-Grafana-Alerting-Signature";
    let strangers: [(&str, Vec<(&str, String)>); 11] = [
        ("nothing", vec![]),
        (
            "wrong token",
            vec![("authorization", "Bearer wrong".to_owned())],
        ),
        (
            "a token's start",
            vec![("authorization", format!("Bearer {}", &TOKEN[..8]))],
        ),
        (
            "an empty token",
            vec![("authorization", "Bearer ".to_owned())],
        ),
        (
            "token without a scheme",
            vec![("authorization", TOKEN.to_owned())],
        ),
        (
            "wrong password",
            vec![("authorization", "Basic Z3JhZmFuYTp3cm9uZw==".to_owned())],
        ),
        (
            "signature of another body",
            vec![
                (header, signature("{}", Some(now))),
                ("X-Time", now.to_string()),
            ],
        ),
        (
            "signature without its time",
            vec![(header, signature(&body, Some(now)))],
        ),
        (
            "signature that leaves out the time",
            vec![
                (header, signature(&body, None)),
                ("X-Time", now.to_string()),
            ],
        ),
        (
            "an old signature",
            vec![
                (header, signature(&body, Some(now - 3600))),
                ("X-Time", (now - 3600).to_string()),
            ],
        ),
        (
            "no signature",
            vec![(header, "zz".to_owned()), ("X-Time", now.to_string())],
        ),
    ];
    for path in ["/webhook", "/up", "/down"] {
        for (who, headers) in &strangers {
            let mut request = agent.http.post(agent.url(path)).body(body.clone());
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let (status, answer) = send(request).await;
            assert_eq!(status, 401, "{path} with {who}: {answer}");
        }
    }
    assert_untouched(&stage, &agent).await;

    let signed = webhook(&agent, body.clone())
        .header(header, signature(&body, Some(now)))
        .header("X-Time", now.to_string());
    assert_eq!(send(signed).await.0, 200);
    stage.until_size(4).await;
}

#[tokio::test]
async fn each_way_to_show_oneself_is_enough() {
    let stage = Stage::with_pool(1).await;
    let agent = stage.start(protected()).await;
    let body = unified("firing", "Pool loaded", "up").to_string();
    let post = || webhook(&agent, body.clone());
    let header = "X-Grafana-Alerting-Signature";
    let known = [
        ("token", post().bearer_auth(TOKEN)),
        (
            "token, scheme in small letters",
            post().header("authorization", format!("bearer {TOKEN}")),
        ),
        ("password", post().basic_auth("grafana", Some(PASSWORD))),
        ("signature", post().header(header, signature(&body, None))),
        (
            "signature in capitals",
            post().header(header, signature(&body, None).to_uppercase()),
        ),
    ];
    for (who, request) in known {
        let (status, answer) = send(request).await;
        assert_eq!(status, 200, "{who}: {answer}");
        assert!(answer.contains(r#""accepted":["up"]"#), "{who}: {answer}");
    }
    stage.until_size(2).await;
}
