//! The agent while the API is in trouble: it neither dies nor storms, keeps what it knows and what
//! it was asked for, changes nothing in the dark, and goes on when the trouble is over.

use std::time::Duration;

use exoscale::models::InstanceState;
use local_cloud::{Edit, Fault, FaultKind, LocalCloudConfig, MemberStatus};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::agent_support::{Agent, Environment, PATIENCE, Settings, until};

const FOREVER: u32 = 1_000_000;

fn all_calls(environment: &Environment) -> u64 {
    environment.cloud.status().calls.values().sum()
}

/// Calls of the API that ended so.
async fn count(agent: &Agent, outcome: &str) -> u64 {
    let text = agent.get("/metrics").await.text().await.unwrap();
    let label = format!("outcome=\"{outcome}\"");
    let lines = text.lines().filter(|line| line.contains(&label));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// A gauge without labels.
async fn metric(agent: &Agent, name: &str) -> f64 {
    let text = agent.get("/metrics").await.text().await.unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn until_health(agent: &Agent, status: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = agent.get("/healthz").await;
        if answer.status() == status {
            return answer.text().await.unwrap();
        }
        assert!(Instant::now() < deadline, "never {status}: {}", agent.log());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_api_that_asks_for_a_pause_gets_it_and_the_alert_is_kept() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    let before = environment.until_targets(2).await;
    environment.cloud.faults().add(Fault {
        retry_after_s: Some(3),
        ..Fault::new("*", 1, FaultKind::RateLimit)
    });
    while count(&agent, "rate-limited").await == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    agent.alert("up").await;
    agent.until_decided("held", "rate_limited").await;
    assert_eq!(
        (environment.targets(), environment.writes()),
        (Some(before), 0)
    );
    environment.until_size(3).await;
    assert_eq!(count(&agent, "rate-limited").await, 1, "one was enough");
    assert!(count(&agent, "paused").await > 0);
}

#[tokio::test]
async fn an_api_that_always_refuses_without_a_time_is_asked_ever_less() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    let before = environment.until_targets(1).await;
    let limit = Fault::fail("*", FOREVER, 429, "slow down");
    environment.cloud.faults().add(limit);
    agent.alert("up").await;
    agent.until_decided("held", "rate_limited").await;
    let (began, calls) = (Instant::now(), all_calls(&environment));
    sleep(Duration::from_secs(4)).await;
    // Without growing pauses there would be some forty rounds of discovery alone.
    let made = all_calls(&environment) - calls;
    let allowed = began.elapsed().as_secs() * 4;
    assert!(made <= allowed, "{made} calls in {:?}", began.elapsed());
    assert_eq!(
        (environment.targets(), environment.writes()),
        (Some(before), 0)
    );
}

#[tokio::test]
async fn an_outage_changes_nothing_shows_its_age_and_is_over_at_the_first_answer() {
    for status in [500, 503] {
        let environment = Environment::with_pool(3).await;
        let agent = environment.start(Settings::default()).await;
        let before = environment.until_targets(3).await;
        let down = Fault::fail("*", FOREVER, status, "maintenance");
        environment.cloud.faults().add(down);
        agent.alert("down").await;
        agent.until_decided("held", "api_unavailable").await;
        let health = until_health(&agent, 503).await;
        assert!(health.contains("cannot list instances"), "{health}");
        let age = metric(&agent, "autoscaler_discovery_age_seconds").await;
        assert!(age > 0.5, "{age} s old, although the agent is blind");
        assert_eq!(
            (environment.targets(), environment.writes()),
            (Some(before), 0)
        );
        assert_eq!(environment.pool().size, 3);
        agent.alert("up").await;
        environment.cloud.faults().clear();
        environment.until_size(4).await;
        environment.until_targets(4).await;
        until_health(&agent, 200).await;
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_an_outage_too() {
    let environment = Environment::with_pool(2).await;
    let file = environment.discovery_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let held = r#"[{"targets":["192.0.2.7:9100"],"labels":{}}]"#;
    std::fs::write(&file, held).unwrap();
    // No name has a part of more than 63 characters, so no server need be asked.
    let host = format!("{}.invalid", "a".repeat(64));
    let settings = Settings::default().set("exoscale.endpoint", format!("http://{host}/v2"));
    let mut agent = environment.start(settings).await;
    agent.alert("up").await;
    agent.until_decided("held", "api_unavailable").await;
    let health = until_health(&agent, 503).await;
    assert!(health.contains("cannot list instances"), "{health}");
    until("it is said why", || {
        let said = agent.line("Cannot list instances; keeping the last discovery file.")?;
        said.to_string().contains("unreachable").then_some(())
    })
    .await;
    assert_eq!(
        environment.targets(),
        Some(vec!["192.0.2.7:9100".to_owned()])
    );
    let (status, _) = agent.end(rustix::process::Signal::TERM).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_refused_key_is_one_slow_probe_that_is_said_once() {
    for status in [401, 403] {
        let environment = Environment::with_pool(1).await;
        // Every third round is then one in three seconds.
        let agent = environment
            .start(Settings::default().set("discovery.interval", "1s"))
            .await;
        let before = environment.until_targets(1).await;
        let refused = Fault::fail("*", FOREVER, status, "Forbidden by role policy");
        environment.cloud.faults().add(refused);
        agent.alert("up").await;
        agent.until_decided("held", "unauthorised").await;
        let health = until_health(&agent, 503).await;
        assert!(health.contains("not authorised"), "{health}");
        let secret = std::str::from_utf8(environment.cloud.secret().expose()).unwrap();
        assert!(!health.contains(secret) && !agent.log().contains(secret));

        // A flood of alerts makes no more of it. Three operations are refused each for itself.
        let (began, calls) = (Instant::now(), all_calls(&environment));
        while began.elapsed() < Duration::from_secs(4) {
            agent.alert("up").await;
            sleep(Duration::from_millis(20)).await;
        }
        let probes = began.elapsed().as_secs() / 3 + 1;
        let made = all_calls(&environment) - calls;
        // Two more may have been on their way when the first was refused.
        let allowed = 2 + if status == 401 { probes } else { 3 * probes };
        assert!(made <= allowed, "{status}: {made} calls, {allowed} at most");
        assert_eq!(
            (environment.targets(), environment.writes()),
            (Some(before), 0)
        );
        let said = "Cannot list instances; keeping the last discovery file.";
        assert_eq!(agent.log().matches(said).count(), 1, "{}", agent.log());

        environment.cloud.faults().clear();
        environment.until_size(2).await;
        until_health(&agent, 200).await;
    }
}

#[tokio::test]
async fn documents_that_nobody_knows_are_survived() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    let before = environment.until_targets(2).await;
    for state in [json!("hibernating"), json!(null), json!(7)] {
        let edit = Edit::set("/state", state.clone());
        let edited = Fault::edit("get-instance-pool", FOREVER, vec![edit]);
        environment.cloud.faults().set(vec![edited]);
        agent.alert("up").await;
        let pools = environment.calls("get-instance-pool");
        until("the pool is read", || {
            (environment.calls("get-instance-pool") >= pools + 2).then_some(())
        })
        .await;
        assert_eq!(environment.writes(), 0, "{state} is not at rest");
    }
    // Members whose list is no list.
    let nonsense = [
        Edit::set("/instances", "none"),
        Edit::remove("/instances"),
        Edit::set("/instances/*/id", "x"),
    ];
    for edit in nonsense {
        let edited = Fault::edit("list-instances", FOREVER, vec![edit]);
        environment.cloud.faults().set(vec![edited]);
        let lists = environment.calls("list-instances");
        until("members are listed", || {
            (environment.calls("list-instances") >= lists + 3).then_some(())
        })
        .await;
        assert_eq!(environment.targets().as_ref(), Some(&before));
    }
    environment.cloud.faults().clear();
    environment.until_size(3).await;
}

#[tokio::test]
async fn a_member_that_boots_is_a_target_once_it_has_an_address() {
    let config = LocalCloudConfig {
        operation_time: Duration::from_millis(50),
        boot_time: Duration::from_secs(1),
        ..LocalCloudConfig::without_processes()
    };
    let environment = Environment::of(config, 1).await;
    let agent = environment.start(Settings::default()).await;
    let before = environment.until_targets(1).await;
    agent.alert("up").await;
    environment.until_size(2).await;
    let targets = until("the newcomer is a target", || {
        let targets = environment.targets().expect("the file is complete");
        // Whoever is in the file has booted.
        let members = environment.pool().members;
        let running = |m: &&MemberStatus| m.state == InstanceState::Running;
        assert!(targets.len() <= members.iter().filter(running).count());
        assert!(targets.contains(&before[0]));
        (targets.len() == 2).then_some(targets)
    })
    .await;
    assert_ne!(targets[0], targets[1]);
    let said = "Running members have no address of this kind; they are not in the discovery file.";
    assert_eq!(agent.line(said), None, "one that boots is to have none");
}
