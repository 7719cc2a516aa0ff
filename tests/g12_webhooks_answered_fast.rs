//! G12: an alert is answered at once, whatever the cloud does.

mod agent_support;

use std::time::Duration;

use agent_support::{Agent, Stage, Wishes, until};
use autoscaler::local_cloud::FaultKind;
use tokio::time::Instant;

const ALERTS: usize = 400;
/// Far above what an answer takes, and far below what the cloud takes (for ever).
const MEDIAN: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(1);

/// How long each of many alerts takes, in order.
async fn answer_times(agent: &Agent) -> Vec<Duration> {
    let body = r#"{"status":"firing","alerts":[{"status":"firing","labels":{"scale":"up"}}]}"#;
    let mut times = Vec::new();
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
        times.push(began.elapsed());
    }
    times.sort();
    times
}

#[track_caller]
fn assert_fast(times: &[Duration]) {
    let (median, p99) = (times[ALERTS / 2], times[ALERTS * 99 / 100]);
    assert!(
        median < MEDIAN && p99 < SLOWEST,
        "median {median:?}, p99 {p99:?}"
    );
}

#[tokio::test]
async fn while_the_cloud_hangs_on_everything() {
    let stage = Stage::with_pool(2).await;
    stage.fault("*", u32::MAX, FaultKind::Hang);
    let agent = stage
        .start(Wishes::default().set("exoscale.request_timeout", "20s"))
        .await;
    let times = answer_times(&agent).await;
    assert_fast(&times);
    assert_eq!(stage.writes(), 0);
    // The dashboard does not wait for the cloud either.
    for path in ["/healthz", "/metrics", "/status", "/decisions", "/"] {
        let began = Instant::now();
        agent.get(path).await.bytes().await.unwrap();
        assert!(began.elapsed() < SLOWEST, "{path}");
    }
    assert_eq!(agent.get("/sd").await.status(), 503, "nothing is known");
}

#[tokio::test]
async fn while_a_change_is_under_way() {
    let stage = Stage::with_pool(2).await;
    let agent = stage
        .start(Wishes::default().set("exoscale.request_timeout", "20s"))
        .await;
    stage.until_targets(2).await;
    stage.fault("scale-instance-pool", 1, FaultKind::Hang);
    agent.alert("up").await;
    until("the order hangs", || (stage.writes() == 1).then_some(())).await;
    assert_fast(&answer_times(&agent).await);
    assert_eq!(stage.writes(), 1);
}
