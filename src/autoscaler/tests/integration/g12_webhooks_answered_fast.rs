//! G12: an alert is answered at once, whatever the cloud does, and whatever other clients do.

use std::time::Duration;

use local_cloud::FaultKind;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::{Instant, timeout},
};

use crate::agent_support::{Agent, Environment, PATIENCE, Settings, long_ago, until};

const ALERTS: usize = 400;
/// Far above what an answer takes, and far below what the cloud takes (for ever).
const MEDIAN: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(1);

/// How long many answers took, shortest first.
struct Times {
    alerts: Vec<Duration>,
    /// Requests between them that nothing but the web server has to do with: how busy the machine
    /// is.
    others: Vec<Duration>,
}

/// Sends many alerts, and after each something else.
async fn answer_times(agent: &Agent) -> Times {
    let body = r#"{"status":"firing","alerts":[{"status":"firing","labels":{"scale":"up"}}]}"#;
    let (mut alerts, mut others) = (Vec::new(), Vec::new());
    for number in 0..ALERTS {
        let began = Instant::now();
        let request = match number % 3 {
            0 => agent.http.post(agent.url("/webhook")).body(body),
            1 => agent.http.get(agent.url("/up")),
            _ => agent.http.get(agent.url("/down")),
        };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap();
        alerts.push(began.elapsed());
        let began = Instant::now();
        let answer = agent.http.get(agent.url("/nowhere")).send().await;
        answer.expect("an answer").bytes().await.unwrap();
        others.push(began.elapsed());
    }
    alerts.sort();
    others.sort();
    Times { alerts, others }
}

#[track_caller]
fn assert_fast(Times { alerts, others }: &Times) {
    for (place, most) in [(ALERTS / 2, MEDIAN), (ALERTS * 99 / 100, SLOWEST)] {
        // Of a machine that is slow itself an alert may ask some patience, too.
        let most = most.max(5 * others[place]);
        assert!(
            alerts[place] < most,
            "number {place} took {:?}, of other requests {:?}",
            alerts[place],
            others[place]
        );
    }
}

#[tokio::test]
async fn while_the_cloud_hangs_on_everything() {
    let environment = Environment::with_pool(2).await;
    environment.fault("*", u32::MAX, FaultKind::Hang);
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "60s"))
        .await;
    let times = answer_times(&agent).await;
    assert_fast(&times);
    assert_eq!(environment.writes(), 0);
    // The dashboard does not wait for the cloud either.
    for path in ["/healthz", "/metrics", "/status", "/decisions", "/"] {
        let page = async { agent.get(path).await.bytes().await.unwrap() };
        timeout(PATIENCE, page).await.expect(path);
    }
    assert_eq!(agent.get("/sd").await.status(), 503, "nothing is known");
}

#[tokio::test]
async fn while_a_change_is_under_way() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "60s"))
        .await;
    environment.until_targets(2).await;
    environment.fault("scale-instance-pool", 1, FaultKind::Hang);
    agent.alert("up").await;
    until("the order hangs", || {
        (environment.writes() == 1).then_some(())
    })
    .await;
    assert_fast(&answer_times(&agent).await);
    assert_eq!(environment.writes(), 1);
}

/// Connections of other clients; more than the agent may have files.
const OTHERS: usize = 400;
const FILES: u32 = 256;

/// An agent that may open few files.
async fn with_few_files(environment: &Environment) -> Agent {
    environment.write_journal(&long_ago());
    let command = environment.command("agent", &Settings::default());
    let command = command.as_std();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -n {FILES} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    Agent::spawn(limited).await
}

/// A new connection on which this was sent.
async fn connection(agent: &Agent, sent: &str) -> TcpStream {
    let connected = timeout(PATIENCE, TcpStream::connect(agent.address)).await;
    let mut stream = connected.expect("a connection").unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream
}

/// The head of the answer, and what of its body came with it.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await;
        assert!(read.expect("an answer").unwrap() > 0, "it was closed");
    }
    String::from_utf8(answer).unwrap()
}

/// Alerts are answered, the pool grows, and the discovery file tells of it.
async fn assert_at_work(environment: &Environment, agent: &Agent) {
    assert_fast(&answer_times(agent).await);
    environment.until_size(3).await;
    environment.until_targets(3).await;
    agent.until_decided("acted", "high_load").await;
}

#[tokio::test]
async fn while_all_places_for_live_streams_are_taken() {
    let environment = Environment::with_pool(2).await;
    let agent = with_few_files(&environment).await;
    environment.until_targets(2).await;
    let mut streams = Vec::new();
    let mut refused = 0;
    for _ in 0..OTHERS {
        let mut stream = connection(&agent, "GET /events HTTP/1.1\r\nhost: agent\r\n\r\n").await;
        let head = answer(&mut stream).await;
        if head.starts_with("HTTP/1.1 200") {
            streams.push(stream);
        } else {
            assert!(head.starts_with("HTTP/1.1 503"), "{head}");
            assert!(head.contains("retry-after: "), "{head}");
            refused += 1;
        }
    }
    assert!(
        (8..=64).contains(&streams.len()),
        "{} streams",
        streams.len()
    );
    assert_at_work(&environment, &agent).await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    let counted = format!(r#"requests_refused_total{{reason="too_many_streams"}} {refused}"#);
    assert!(metrics.contains(&counted), "{metrics}");

    // The streams go on, and a place that is left is given to the next one.
    let closed = streams.pop().expect("a stream");
    drop(closed);
    for stream in &mut streams {
        let read = timeout(PATIENCE, stream.read_u8()).await;
        read.expect("an event").expect("an open stream");
    }
    let freed = async {
        // The agent notices that a reader is gone when it has something to tell.
        while agent.get("/events").await.status() != 200 {
            agent.alert("up").await;
        }
    };
    timeout(PATIENCE, freed).await.expect("a place");
}

#[tokio::test]
async fn while_many_connections_are_silent() {
    let environment = Environment::with_pool(2).await;
    let agent = with_few_files(&environment).await;
    environment.until_targets(2).await;
    let mut silent = Vec::new();
    for number in 0..OTHERS {
        let stream = match number % 8 {
            0 => connection(&agent, "").await,
            1 => connection(&agent, "GET /healthz HT").await,
            2 => {
                connection(
                    &agent,
                    "POST /up HTTP/1.1\r\nhost: agent\r\ncontent-length: 9\r\n\r\n{",
                )
                .await
            }
            // A second request that never ends: no time limit of a first request touches it.
            _ => {
                let request = "GET /healthz HTTP/1.1\r\nhost: agent\r\n\r\n";
                let mut stream = connection(&agent, request).await;
                answer(&mut stream).await;
                stream.write_all(b"GET").await.unwrap();
                stream
            }
        };
        silent.push(stream);
    }
    assert_at_work(&environment, &agent).await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains(r#"requests_refused_total{reason="idle_connection"}"#),
        "{metrics}"
    );
}
