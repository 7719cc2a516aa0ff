//! G14: ten thousand alerts at once are one change of size, cost no memory worth naming, and do not
//! become calls of the API. Nor do large ones take memory without bound, or strangers fill the log.

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::agent_support::{Agent, Environment, Settings};

const SENDERS: usize = 8;
const ALERTS: usize = 10_000;
const GROWTH: u64 = 20 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

async fn flood(agent: &Agent, alerts: usize) {
    let senders = (0..SENDERS).map(|_| async {
        for _ in 0..alerts / SENDERS {
            let answer = agent
                .http
                .get(agent.url("/up"))
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
        }
    });
    join_all(senders).await;
}

#[tokio::test]
async fn ten_thousand_ups_are_one_action() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("discovery.interval", "1h"))
        .await;
    environment.until_targets(1).await;
    // The first page of everything is in memory after this.
    agent.get("/metrics").await;
    let (memory, calls) = (agent.resident_bytes(), total(&environment));
    flood(&agent, ALERTS).await;
    environment.until_size(2).await;
    let decision = agent.until_decided("acted", "high_load").await;
    assert!(decision["signals"].as_u64().unwrap() >= 1);
    assert_eq!(environment.writes(), 1);
    let grown = agent.resident_bytes().saturating_sub(memory);
    assert!(grown < GROWTH, "{grown} bytes more");
    let made = total(&environment) - calls;
    assert!(made < 20, "{made} calls of the API");

    // All of them were counted, and those after the action wait as one wish.
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    let counted = format!(r#"direction="up",outcome="accepted",reason="firing"}} {ALERTS}"#);
    assert!(metrics.contains(&counted), "{metrics}");
    let decisions = agent.json("/decisions").await;
    assert!(decisions.as_array().unwrap().len() < 10, "{decisions:#}");
}

#[tokio::test]
async fn at_the_maximum_a_flood_is_refused_in_one_breath() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("scaling.max_size", "2"))
        .await;
    environment.until_targets(2).await;
    flood(&agent, 1_000).await;
    agent.until_decided("refused", "at_max").await;
    assert_eq!(environment.writes(), 0);
    let reads = environment.calls("get-instance-pool");
    assert!(reads < 10, "{reads} reads of the pool");
    let decisions = agent.json("/decisions").await;
    assert!(decisions.as_array().unwrap().len() < 10, "{decisions:#}");
}

#[tokio::test]
async fn a_message_that_is_sent_again_and_again_is_one_action() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(1).await;
    // As Grafana repeats it, after a restart, too: word for word, with the same start and
    // fingerprint.
    let message = include_str!("data/grafana-12.4/up.json");
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent.push(agent.http.post(agent.url("/webhook")).body(message).send());
    }
    for answer in join_all(sent).await {
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    // It says an average of 100 %, so the step is 400 %.
    environment.until_size(5).await;
    agent.until_decided("acted", "high_load").await;
    for _ in 0..20 {
        let repeated = agent.http.post(agent.url("/webhook")).body(message).send();
        assert_eq!(repeated.await.unwrap().status(), 200);
    }
    assert_eq!(environment.writes(), 1);
    assert_eq!(environment.pool().size, 5);
}

/// A message of nearly the largest size, with as many alerts as fit.
fn large_message() -> Vec<u8> {
    let alert = json!({ "status": "firing", "labels": { "scale": "up" }, "annotations": null });
    let count = 4 * MIB as usize / (alert.to_string().len() + 1) - 10;
    let alerts = vec![alert; count];
    json!({ "status": "firing", "alerts": alerts })
        .to_string()
        .into()
}

#[tokio::test]
async fn large_messages_at_once_take_bounded_memory_and_hinder_no_small_one() {
    const LARGE: usize = 32;
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("discovery.interval", "1h"))
        .await;
    environment.until_targets(1).await;
    agent.get("/metrics").await;
    let memory = agent.resident_bytes();
    let bodies = [large_message(), vec![b'['; 4 * MIB as usize]].map(bytes::Bytes::from);
    let large = |number: usize| {
        let path = ["/webhook", "/up", "/down"][number % 3];
        let body = bodies[number % 2].clone();
        let request = agent.http.post(agent.url(path)).body(body);
        async move { (path, request.send().await.expect("an answer").status()) }
    };
    let mut largest = 0;
    let watched = async {
        // Small ones are answered all the while.
        for _ in 0..100 {
            agent.alert("up").await;
            largest = largest.max(agent.resident_bytes());
        }
    };
    let (answers, ()) = tokio::join!(join_all((0..LARGE).map(large)), watched);
    let mut read = 0;
    for (path, status) in answers {
        // On a busy machine a body may take too long.
        let expected: &[u16] = match path {
            "/webhook" => &[200, 400, 408, 503],
            _ => &[200, 408],
        };
        assert!(expected.contains(&status.as_u16()), "{path}: {status}");
        read += usize::from(path == "/webhook" && status == 200);
    }
    assert!(read > 0, "no large message was accepted");
    let grown = largest.max(agent.resident_bytes()).saturating_sub(memory);
    assert!(grown < 80 * MIB, "{} MiB more", grown / MIB);
}

/// How often a request of this kind is sent, and the lines that may come of it.
const STRANGERS: usize = 600;
const LINES: usize = 20;

#[tokio::test]
async fn strangers_are_counted_and_do_not_fill_the_log() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("alerts.token", "hush"))
        .await;
    environment.until_targets(1).await;
    let post = |path: &str| agent.http.post(agent.url(path)).bearer_auth("hush");
    let kinds: [(&str, &str, &dyn Fn() -> RequestBuilder); 6] = [
        ("401", r#"reason="unauthorised"}"#, &|| {
            agent.http.get(agent.url("/up"))
        }),
        ("400", r#"outcome="refused",reason="malformed"}"#, &|| {
            post("/webhook").body("{")
        }),
        ("200", r#"reason="unreadable"}"#, &|| {
            post("/down").body("{")
        }),
        ("200", r#"reason="resolved"}"#, &|| {
            post("/webhook").body(r#"{"status":"resolved","alerts":[{}]}"#)
        }),
        ("404", r#"reason="unknown_path"}"#, &|| {
            post("/scale?token=hush")
        }),
        ("405", r#"reason="method_not_allowed"}"#, &|| {
            post("/status")
        }),
    ];
    for (status, counted, request) in kinds {
        let before = agent.log().len();
        for _ in 0..STRANGERS {
            let answer = request().send().await.expect("an answer");
            assert_eq!(answer.status().as_str(), status);
        }
        let metrics = agent.get("/metrics").await.text().await.unwrap();
        let counted = format!("{counted} {STRANGERS}");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
        let log = agent.log();
        let lines = log[before..].lines().count();
        assert!(lines < LINES, "{lines} lines for {status}:\n{log}");
    }
    let log = agent.log();
    assert!(!log.contains("hush"), "{log}");
    for message in [
        "Alert is refused.",
        "Alerts are ignored.",
        "Request is refused.",
    ] {
        let line = agent.line(message).expect(message);
        let peer: std::net::SocketAddr = line["fields"]["peer"].as_str().unwrap().parse().unwrap();
        assert!(peer.ip().is_loopback(), "{line}");
    }
    // What is no HTTP at all is no line either.
    let before = agent.log().len();
    for _ in 0..STRANGERS {
        broken_request(&agent).await;
    }
    let log = agent.log();
    assert!(log[before..].lines().count() < LINES, "{log}");
}

/// Sends what is no HTTP, and waits for the end of the connection.
async fn broken_request(agent: &Agent) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(agent.address).await.unwrap();
    stream
        .write_all(b"\x16\x03\x01 no HTTP\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

fn total(environment: &Environment) -> u64 {
    environment.cloud.status().calls.values().sum()
}
