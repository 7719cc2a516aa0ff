//! G3 on the wire: input that is missing, stale, an error, resolved, malformed or not authenticated
//! never changes the pool; each kind is answered as it should be.

mod documents;
mod strangers;

use agent::webhook_receiver::{Alert, Ask, Conventions, Ignored, MAX_BODY, Pools, classify_body};
use policy::Direction;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::agent_support::{Agent, Environment, PATIENCE, Settings};
use documents::{alertmanager, encoded, legacy, no_alarms, unified, with_reason};

async fn send(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn webhook(agent: &Agent, body: impl Into<reqwest::Body>) -> RequestBuilder {
    agent.http.post(agent.url("/webhook")).body(body)
}

/// The pool must be as it was although there is nothing that keeps a change back.
async fn assert_untouched(environment: &Environment, agent: &Agent) {
    let reads = environment.calls("list-instances");
    crate::agent_support::until("the agent goes on", || {
        (environment.calls("list-instances") > reads + 2).then_some(())
    })
    .await;
    assert_eq!(environment.writes(), 0, "{}", agent.log());
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
    let environment = Environment::with_pool(3).await;
    let agent = environment.start(Settings::default()).await;
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
    assert_untouched(&environment, &agent).await;

    // The same way in does lead to the pool.
    let (status, _) = send(webhook(&agent, legacy("alerting", "down").to_string())).await;
    assert_eq!(status, 200);
    environment.until_size(2).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let environment = Environment::with_pool(3).await;
    let agent = environment
        .start(Settings::default().set("alerts.body_timeout", "300ms"))
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
        assert_eq!(slow_body(&agent, path).await, 408, "{path}");
    }
    assert_untouched(&environment, &agent).await;

    let good = alertmanager("firing", &json!({ "scale": "up" }));
    assert_eq!(send(webhook(&agent, good.to_string())).await.0, 200);
    environment.until_size(4).await;
}

/// The answer to a body whose size is not announced.
async fn in_chunks(agent: &Agent, path: &str, size: usize) -> String {
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("c350\r\n{}\r\n", " ".repeat(50_000));
    for _ in 0..size.div_ceil(50_000) {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    answer
}

/// Announces a body, sends a part of it, and waits for the status.
async fn slow_body(agent: &Agent, path: &str) -> u16 {
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: agent\r\ncontent-length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
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
async fn no_body_but_an_alarm_scales_by_the_paths_of_a_direction() {
    let environment = Environment::with_pool(3).await;
    let agent = environment.start(Settings::default()).await;
    for path in ["/down", "/up"] {
        let mut bodies = no_alarms(path);
        bodies.push(("too_large", vec![b' '; MAX_BODY + 1]));
        bodies.push(("too_large", vec![b'x'; 10_000_000]));
        for (reason, body) in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            let (status, answer) = send(agent.http.post(agent.url(path)).body(body)).await;
            assert_eq!(status, 200, "{path} {shown}");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let expected = json!({ "accepted": [], "ignored": [reason] });
            assert_eq!(answer, expected, "{path} {shown}");
        }
        let answer = in_chunks(&agent, path, 9_000_000).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("too_large"), "{answer}");
        // Who only looks asks for nothing.
        let (status, answer) = send(agent.http.head(agent.url(path))).await;
        assert_eq!((status, answer.as_str()), (200, ""), "HEAD {path}");
    }
    for size in [MAX_BODY + 1, 10_000_000] {
        let (status, _) = send(webhook(&agent, vec![b'x'; size])).await;
        assert_eq!(status, 413, "{size} bytes");
        let answer = in_chunks(&agent, "/webhook", size).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    assert_untouched(&environment, &agent).await;
    let text = unified("firing", "Pool idles", "down").to_string();
    let alarms = [
        ("empty", Vec::new()),
        ("a status", br#"{"status":"Firing"}"#.into()),
    ];
    for (form, body) in encoded(&text).into_iter().chain(alarms) {
        let (status, answer) = send(agent.http.post(agent.url("/down")).body(body)).await;
        assert_eq!(status, 200);
        assert!(
            answer.contains(r#""accepted":["down"]"#),
            "{form}: {answer}"
        );
    }
    environment.until_size(2).await;
}

#[tokio::test]
async fn what_is_null_or_odd_beside_an_alarm_does_not_hide_it() {
    let environment = Environment::with_pool(3).await;
    let agent = environment.start(Settings::default()).await;
    let good = alertmanager("firing", &json!({ "scale": "down", "rack": 7 }));
    for odd in [
        json!(null),
        json!(1e300),
        json!("x"),
        json!([1, [2]]),
        json!({ "a": null }),
    ] {
        for key in ["annotations", "generatorURL", "startsAt"] {
            let mut document = good.clone();
            document["alerts"][0][key] = odd.clone();
            document["commonLabels"] = odd.clone();
            let (status, answer) = send(webhook(&agent, document.to_string())).await;
            assert_eq!(status, 200, "{document:#}");
            assert!(
                answer.contains(r#""accepted":["down"]"#),
                "{document:#}: {answer}"
            );
        }
    }
    for nothing in [
        json!({ "status": "firing", "alerts": null }),
        json!({ "status": null, "alerts": [] }),
    ] {
        let (status, answer) = send(webhook(&agent, nothing.to_string())).await;
        assert_eq!(
            (status, answer.as_str()),
            (200, r#"{"accepted":[],"ignored":[]}"#)
        );
    }
    let mut mixed = good.clone();
    let alerts = json!([null, good["alerts"][0], { "status": 1 }, good["alerts"][0], "x"]);
    mixed["alerts"] = alerts;
    let (_, answer) = send(webhook(&agent, mixed.to_string())).await;
    let expected =
        json!({ "accepted": ["down", "down"], "ignored": ["malformed", "malformed", "malformed"] });
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
    // A group of some thousand alerts is one message.
    let mut large = good.clone();
    large["alerts"] = json!(vec![good["alerts"][0].clone(); 5_000]);
    let (status, answer) = send(webhook(&agent, large.to_string())).await;
    assert!(
        status == 200 && answer.contains(r#""more":4936"#),
        "{answer}"
    );
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    let counted = r#"direction="none",outcome="ignored",reason="malformed"} 3"#;
    assert!(metrics.contains(counted), "{metrics}");
    environment.until_size(2).await;
}

#[test]
fn what_grafana_12_sent_is_understood() {
    let [up, down] =
        [Direction::Up, Direction::Down].map(|direction| Alert::Firing(Ask::Change(direction)));
    let [no_direction, no_data, error, other] = [
        Ignored::NoDirection,
        Ignored::NoData,
        Ignored::ErrorAlert,
        Ignored::OtherDirection,
    ]
    .map(Alert::Ignored);
    let conventions = Conventions {
        direction_label: "scale".to_owned(),
        value_name: "A".to_owned(),
        pools: Pools::only("none".parse().expect("a table")),
    };
    // On /webhook, /up and /down.
    for (name, expected) in [
        ("up", [up, up, other]),
        ("down", [down, other, down]),
        ("unknown", [no_direction, up, down]),
        ("unknown-error", [error; 3]),
        ("unknown-nodata", [no_data; 3]),
    ] {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/integration/data/grafana-12.4"
        );
        let body = std::fs::read(format!("{folder}/{name}.json")).unwrap();
        let paths = [None, Some(Direction::Up), Some(Direction::Down)];
        for (path, expected) in paths.into_iter().zip(expected) {
            let found = classify_body(path, &body, &conventions).unwrap();
            let alerts = found.iter().flat_map(|found| &found.alerts);
            assert!(alerts.eq([&expected]), "{name} by {path:?}: {found:?}");
        }
    }
}

#[tokio::test]
async fn the_bare_paths_take_any_method_and_body() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
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
    environment.until_size(2).await;
}
