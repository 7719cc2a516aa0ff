//! What the agent shows over HTTP: its page and live stream, `/sd`, `/healthz`, `/metrics`.

mod browser;
mod freshness;
mod paths;

use std::time::Duration;

use local_cloud::{Edit, Fault, FaultKind};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::agent_support::{Agent, Environment, PATIENCE, Settings, until};

/// Waits until `/healthz` answers this, and returns its checks.
async fn until_health(agent: &Agent, status: u16) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = agent.get("/healthz").await;
        if answer.status() == status {
            return answer.json().await.unwrap();
        }
        assert!(
            Instant::now() < deadline,
            "never {status}: {}",
            answer.text().await.unwrap()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

fn problem<'a>(health: &'a Value, check: &str) -> &'a Value {
    let checks = health["checks"].as_array().expect("checks");
    let found = checks.iter().find(|c| c["name"] == check);
    &found.expect("the check is there")["problem"]
}

/// The agent is unhealthy with a problem of this check that says so; on a busy machine it may have
/// others before.
async fn until_problem(agent: &Agent, check: &str, word: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = until_health(agent, 503).await;
        let said = problem(&health, check).as_str();
        if said.is_some_and(|said| said.contains(word)) {
            return;
        }
        assert!(Instant::now() < deadline, "never {word:?}: {health}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_stream_begins_at_once_and_tells_of_changes() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(1).await;
    let mut answer = agent.get("/events").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let first = timeout(PATIENCE, answer.chunk())
        .await
        .expect("at once")
        .unwrap()
        .unwrap();
    let first = std::str::from_utf8(&first).unwrap();
    let data = first
        .strip_prefix("data: ")
        .and_then(|text| text.strip_suffix("\n\n"));
    let event: Value = serde_json::from_str(data.expect("one event")).unwrap();
    assert_eq!(event["status"]["max_size"], 10);
    assert!(event["decisions"].is_array());

    agent.alert("up").await;
    let told = async {
        let mut text = String::new();
        while !text.contains("high_load") {
            let chunk = answer.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(PATIENCE, told).await.expect("the decision is told");
}

#[tokio::test]
async fn a_page_that_is_open_does_not_hinder_the_end() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(Settings::default()).await;
    let mut page = agent.get("/events").await;
    page.chunk().await.unwrap().expect("an event");
    let (status, took) = agent.end(rustix::process::Signal::TERM).await;
    assert!(
        status.success() && took < Duration::from_secs(10),
        "{status} after {took:?}"
    );
}

#[tokio::test]
async fn targets_are_given_once_they_are_known() {
    let environment = Environment::with_pool(2).await;
    environment.fault("list-instances", 1_000_000, FaultKind::Fail);
    let agent = environment.start(Settings::default()).await;
    let early = agent.get("/sd").await;
    assert_eq!(early.status(), 503, "an empty list would be a lie");
    environment.cloud.faults().clear();
    environment.until_targets(2).await;
    let answer = agent.get("/sd").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let given: Value = answer.json().await.unwrap();
    let file = std::fs::read_to_string(environment.discovery_file()).unwrap();
    assert_eq!(
        given,
        serde_json::from_str::<Value>(&file).unwrap(),
        "the same as in the file"
    );
}

#[tokio::test]
async fn members_without_an_address_turn_health_red() {
    let environment = Environment::with_pool(2).await;
    let forever = 1_000_000;
    let edit = Edit::remove("/instances/*/public-ip");
    let edited = Fault::edit("list-instances", forever, vec![edit]);
    environment.cloud.faults().add(edited);
    let agent = environment.start(Settings::default()).await;
    until_problem(&agent, "addresses", "without a public address: 2").await;
    let line = "Running members have no address of this kind; they are not in the discovery file.";
    assert_eq!(agent.line(line).unwrap()["fields"]["count"], 2);
    // A member that still boots is to have none.
    let starting = Edit::set("/instances/*/state", "starting");
    let edits = vec![Edit::remove("/instances/*/public-ip"), starting];
    let edited = Fault::edit("list-instances", forever, edits);
    environment.cloud.faults().set(vec![edited]);
    until_health(&agent, 200).await;
    environment.cloud.faults().clear();
    environment.until_targets(2).await;
}

#[tokio::test]
async fn health_is_red_while_it_cannot_list_or_is_refused_and_green_again() {
    let environment = Environment::with_pool(1).await;
    // The pool is read once a window, and only a read shows that reads work again.
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    let health = until_health(&agent, 200).await;
    assert_eq!(health["healthy"], true);

    let refuse = |status| Fault {
        status: Some(status),
        ..Fault::new("*", 1_000_000, FaultKind::Fail)
    };
    for (status, word) in [(401, "not authorised"), (404, "not found")] {
        environment.cloud.faults().set(vec![refuse(status)]);
        until_problem(&agent, "list-instances", word).await;
        environment.cloud.faults().clear();
        until_health(&agent, 200).await;
    }
    environment.cloud.faults().set(vec![refuse(503)]);
    until_problem(&agent, "discovery", "cannot list instances").await;
    environment.cloud.faults().clear();
    until_health(&agent, 200).await;
}

/// Reads go on well, the balancer's too: what cannot be written is red all the same.
#[tokio::test]
async fn a_key_that_may_not_write_is_red_until_a_write_succeeds() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    environment.cloud.faults().set(vec![Fault {
        status: Some(403),
        ..Fault::new("scale-instance-pool", 1, FaultKind::Fail)
    }]);
    agent.alert("up").await;
    for _ in 0..2 {
        until_problem(&agent, "scale-instance-pool", "403").await;
        let reads = environment.calls("get-instance-pool");
        until("reads go on", || {
            (environment.calls("get-instance-pool") > reads + 1).then_some(())
        })
        .await;
    }
    until_asked_for(&agent, "up", "applied").await;
    until_health(&agent, 200).await;
}

/// Leaves alerts until an action has this outcome.
async fn until_asked_for(agent: &Agent, direction: &str, outcome: &str) {
    let line = format!("autoscaler_actions_total{{outcome=\"{outcome}\"}}");
    for _ in 0..300 {
        agent.alert(direction).await;
        let metrics = agent.get("/metrics").await.text().await.unwrap();
        if metrics.contains(&line) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no action was {outcome}");
}

#[tokio::test]
async fn the_size_of_a_pool_that_cannot_be_read_is_not_shown_as_current() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    let current = |status: &Value| status["pool"]["current"].as_bool();
    let until_current = async |wanted: bool| {
        for _ in 0..300 {
            let status = agent.json("/status").await;
            if current(&status) == Some(wanted) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("pool.current is never {wanted}");
    };
    let metrics = async || agent.get("/metrics").await.text().await.unwrap();
    until_current(true).await;
    assert!(metrics().await.contains("autoscaler_pool_size_wanted 2"));
    assert!(
        metrics()
            .await
            .contains(r#"autoscaler_pool_state{state="running"} 1"#)
    );
    environment.fault("get-instance-pool", 1_000_000, FaultKind::Fail);
    until_current(false).await;
    assert!(!metrics().await.contains("autoscaler_pool_size_wanted"));
    assert!(
        metrics()
            .await
            .contains(r#"autoscaler_pool_state{state="unknown"} 1"#)
    );
    environment.cloud.faults().clear();
    until_current(true).await;
}

#[tokio::test]
async fn metrics_have_their_conventional_names() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    agent.alert("up").await;
    environment.until_size(3).await;
    until("the action ends", || agent.line("Pool resized: ")).await;
    let body = "{\"status\":\"resolved\",\"alerts\":[{}]}";
    agent
        .http
        .post(agent.url("/webhook"))
        .body(body)
        .send()
        .await
        .unwrap();
    let answer = agent.get("/metrics").await;
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = answer.text().await.unwrap();
    for line in [
        r#"autoscaler_alerts_total{direction="up",outcome="accepted",reason="firing"} 1"#,
        r#"autoscaler_alerts_total{direction="none",outcome="ignored",reason="resolved"} 1"#,
        r#"autoscaler_decisions_total{verdict="acted",reason="high_load"} 1"#,
        r#"autoscaler_actions_total{outcome="applied"} 1"#,
        r#"autoscaler_api_calls_total{operation="scale-instance-pool",outcome="ok"} 1"#,
        "autoscaler_pool_size_min 1",
        "autoscaler_pool_size_max 10",
        "autoscaler_healthy 1",
        "autoscaler_webhook_duration_seconds_count 1",
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE process_cpu_seconds counter",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    doc_page::metrics::lint(&text);
}

#[tokio::test]
async fn an_address_that_no_member_can_have_is_no_target() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    for (address, reason) in [
        ("169.254.169.254", "link_local"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("10.0.0.7", "private"),
    ] {
        let edit = Edit::set("/instances/0/public-ip", address);
        let edited = Fault::edit("list-instances", 1_000_000, vec![edit]);
        environment.cloud.faults().set(vec![edited]);
        until_problem(&agent, "addresses", "an address that is refused: 1").await;
        environment.until_targets(1).await;
        let metrics = agent.get("/metrics").await.text().await.unwrap();
        let counted = format!(r#"purpose="discovery",reason="{reason}"}} 1"#);
        assert!(metrics.contains(&counted), "{metrics}");
        assert!(agent.log().contains(address), "{address} is told");
        environment.cloud.faults().clear();
        environment.until_targets(2).await;
        until_health(&agent, 200).await;
    }
}
