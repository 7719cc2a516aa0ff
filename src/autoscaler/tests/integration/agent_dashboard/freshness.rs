//! The page shows what is: after an action, after somebody else's change, and while nothing is
//! known.

use super::*;
use crate::agent_among_others::operator;

/// So long that no review of the pool comes by itself.
pub(super) const NEVER: &str = "1day";

/// Waits for `/status` to show a size, with as many members, as the API's latest word.
pub(super) async fn until_shown(agent: &Agent, size: u32) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = agent.json("/status").await;
        let pool = &status["pool"];
        let members = pool["members"].as_array().map_or(0, Vec::len);
        if pool["size"] == size && members == size as usize && pool["current"] == true {
            return status;
        }
        assert!(Instant::now() < deadline, "never {size}: {status:#}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_action_is_in_the_status_when_it_has_ended() {
    let environment = Environment::with_pool(2).await;
    let settings = Settings::default().set("scaling.cooldown", NEVER);
    let agent = environment.start(settings).await;
    until_shown(&agent, 2).await;
    agent.alert("up").await;
    environment.until_size(3).await;
    until_shown(&agent, 3).await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains("autoscaler_pool_size_wanted 3"),
        "{metrics}"
    );
    agent.alert("up").await;
    let waiting = agent.until_decided("held", "window").await;
    assert_eq!(waiting["from"], 3, "the record knows it, too: {waiting}");
}

#[tokio::test]
async fn a_size_that_somebody_else_set_is_in_the_status_after_a_round() {
    let environment = Environment::with_pool(2).await;
    let settings = Settings::default().set("scaling.cooldown", NEVER);
    let agent = environment.start(settings).await;
    until_shown(&agent, 2).await;
    let pool = environment.stack.pool;
    operator(&environment)
        .scale_instance_pool(pool, 4)
        .await
        .unwrap();
    until_shown(&agent, 4).await;
}

#[tokio::test]
async fn the_status_counts_the_cooldown_down() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    agent.alert("up").await;
    agent.until_decided("acted", "high_load").await;
    until_shown(&agent, 2).await;
    let left = async || {
        let status = agent.json("/status").await;
        status["window_opens_in_s"].as_f64().unwrap()
    };
    let first = left().await;
    assert!(first > 0.0, "a cooldown runs");
    let deadline = Instant::now() + PATIENCE;
    while left().await > first - 0.5 {
        assert!(Instant::now() < deadline, "it stands still at {first}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn health_is_unknown_until_the_members_were_listed() {
    let environment = Environment::with_pool(1).await;
    environment.fault("list-instances", 1_000_000, FaultKind::Hang);
    let agent = environment.start(Settings::default()).await;
    let answer = agent.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    let health: Value = answer.json().await.unwrap();
    assert_eq!(health["state"], "unknown", "{health}");
    assert_eq!(agent.json("/status").await["health_state"], "unknown");
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("autoscaler_healthy 0"), "{metrics}");
    environment.cloud.faults().clear();
    let health = until_health(&agent, 200).await;
    assert_eq!(health["state"], "healthy");
}

#[tokio::test]
async fn a_stream_without_news_says_that_the_agent_lives_and_what_only_time_changes() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .set("scaling.cooldown", NEVER)
        .set("discovery.interval", "1h");
    let agent = environment.start(settings).await;
    until_shown(&agent, 1).await;
    let mut answer = agent.get("/events").await;
    let beat = async {
        let mut text = String::new();
        loop {
            let chunk = answer.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            let beat = text.split_once("event: beat\ndata: ");
            if let Some((beat, _)) = beat.and_then(|(_, rest)| rest.split_once("\n\n")) {
                return serde_json::from_str::<Value>(beat).unwrap();
            }
        }
    };
    let beat = timeout(PATIENCE, beat).await.expect("a beat");
    assert_eq!(
        (&beat["current"], &beat["health_state"]),
        (&true.into(), &"healthy".into())
    );
    for key in [
        "now",
        "health",
        "alerts",
        "next",
        "discovered_at",
        "window_opens_in_s",
    ] {
        assert!(!beat[key].is_null(), "{key}: {beat}");
    }
}

#[tokio::test]
async fn what_alerts_say_and_what_stands_in_their_way_is_in_the_status() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .set("scaling.cooldown", NEVER)
        .set("scaling.max_size", 3);
    let agent = environment.start(settings).await;
    let status = until_shown(&agent, 1).await;
    assert_eq!(status["alerts"]["up"]["heard_at"], Value::Null);
    assert_eq!(status["next"]["up"]["reason"], Value::Null);
    assert_eq!(status["next"]["down"]["reason"], "at_min");
    // Grafana's own document tells of an average of 100 %, so the step is the largest.
    let message = include_str!("../data/grafana-12.4/up.json");
    let sent = agent.http.post(agent.url("/webhook")).body(message).send();
    assert_eq!(sent.await.unwrap().status(), 200);
    until("the action ends", || agent.line("Pool resized: ")).await;
    agent.alert("down").await;
    agent.until_decided("held", "window").await;
    let status = until_shown(&agent, 3).await;
    assert_eq!(status["alerts"]["cpu"], 1.0);
    assert_eq!(status["next"]["up"]["reason"], "at_max");
    assert_eq!(status["next"]["down"]["reason"], "window");
    assert!(status["next"]["down"]["ends_at"].is_string());
    let down = &status["alerts"]["down"];
    assert_eq!(
        (&down["pending"], &down["count"]),
        (&true.into(), &1.into())
    );
    assert!(down["heard_at"].is_string() && status["alerts"]["up"]["heard_at"].is_string());
    let decisions = agent.json("/decisions").await;
    let acted = decisions.as_array().unwrap().iter();
    let acted = acted.clone().find(|d| d["verdict"] == "acted").unwrap();
    assert_eq!(acted["outcome"], "applied");
    assert!(
        acted["words"]
            .as_str()
            .unwrap()
            .starts_with("Scale-out 1 -> 3"),
        "{acted}"
    );
    let history = agent.json("/history").await;
    assert_eq!(history["marks"][0]["to"], 3, "{history}");
    assert_eq!(
        (&history["hour"]["step_s"], &history["day"]["step_s"]),
        (&10.into(), &300.into())
    );
}
