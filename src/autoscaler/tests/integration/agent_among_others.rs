//! The agent in a world that does not wait for it: a busy pool, an operator, a quota, a key that
//! was revoked, alerts that come before anything is known.

use std::time::Duration;

use exoscale::{
    Client, ClientConfig,
    models::{PoolErrorReason, PoolState},
};
use local_cloud::{Edit, Fault, FaultKind, LocalCloudConfig};
use tokio::time::{Instant, sleep};

use crate::agent_support::{Agent, Environment, Settings, until};

/// Somebody else's client of the same account.
pub(crate) fn operator(environment: &Environment) -> Client {
    let endpoint = environment.cloud.endpoint().parse().unwrap();
    let (key, secret) = (
        environment.cloud.key().clone(),
        environment.cloud.secret().clone(),
    );
    Client::new(ClientConfig::for_endpoint(endpoint, key, secret)).unwrap()
}

async fn until_at_rest(environment: &Environment) {
    let at_rest = || (environment.pool().state == PoolState::Running).then_some(());
    until("the pool is at rest", at_rest).await;
}

fn with_operation_time(operation_time: Duration) -> LocalCloudConfig {
    LocalCloudConfig {
        operation_time,
        boot_time: Duration::from_millis(50),
        ..LocalCloudConfig::without_processes()
    }
}

#[tokio::test]
async fn a_pool_that_is_busy_is_left_alone_until_it_is_not() {
    let environment = Environment::of(with_operation_time(Duration::from_secs(2)), 1).await;
    let agent = environment.start(Settings::default()).await;
    let operator = operator(&environment);
    operator
        .scale_instance_pool(environment.stack.pool, 2)
        .await
        .unwrap();
    agent.alert("up").await;
    agent.until_decided("held", "pool_busy").await;
    assert_eq!(environment.writes(), 1, "only the operator's");
    // It acts on the size that the operator set.
    until("it acts", || (environment.writes() == 2).then_some(())).await;
    let decision = agent.until_decided("acted", "high_load").await;
    assert_eq!((&decision["from"], &decision["to"]), (&2.into(), &3.into()));
}

#[tokio::test]
async fn a_size_above_the_maximum_is_not_fought_and_not_raised() {
    let environment = Environment::with_pool(5).await;
    let agent = environment
        .start(Settings::default().set("scaling.max_size", "3"))
        .await;
    environment.until_targets(5).await;
    agent.alert("up").await;
    agent.until_decided("refused", "at_max").await;
    assert_eq!((environment.writes(), environment.pool().size), (0, 5));
    agent.alert("down").await;
    environment.until_size(4).await;
    assert_eq!(environment.writes(), 1);
}

#[tokio::test]
async fn at_the_minimum_a_down_is_answered_and_refused() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    agent.alert("down").await;
    agent.until_decided("refused", "at_min").await;
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn a_quota_is_not_run_against_again_and_again() {
    let config = LocalCloudConfig {
        instance_quota: 2,
        ..with_operation_time(Duration::from_millis(50))
    };
    let environment = Environment::of(config, 2).await;
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    agent.alert("up").await;
    agent.until_decided("failed", "no_capacity").await;
    assert_eq!(environment.writes(), 1);
    agent.alert("up").await;
    agent.until_decided("refused", "capacity_backoff").await;
    // The pause outlives the process, once the journal has it.
    until("the journal has it", || {
        let text = std::fs::read_to_string(environment.journal()).ok()?;
        let journal: serde_json::Value = serde_json::from_str(&text).ok()?;
        (journal["backoff_failures"] == 1).then_some(())
    })
    .await;
    drop(agent);
    let agent = environment
        .restart(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    agent.alert("up").await;
    agent.until_decided("refused", "capacity_backoff").await;
    assert_eq!((environment.writes(), environment.pool().size), (1, 2));
}

#[tokio::test]
async fn an_alert_before_the_first_read_is_kept_for_it() {
    let environment = Environment::with_pool(1).await;
    environment.fault("*", 1_000_000, FaultKind::Fail);
    let agent = environment.start(Settings::default()).await;
    agent.alert("up").await;
    agent.until_decided("held", "api_unavailable").await;
    assert_eq!(environment.writes(), 0);
    environment.cloud.faults().clear();
    environment.until_size(2).await;
}

#[tokio::test]
async fn a_revoked_key_is_said_and_not_stormed_with() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("scaling.retry", "5s"))
        .await;
    environment.until_targets(1).await;
    let refused = Fault::new("*", 1_000_000, FaultKind::Fail);
    environment.cloud.faults().add(Fault {
        status: Some(401),
        ..refused
    });
    agent.alert("up").await;
    agent.until_decided("held", "unauthorised").await;
    let reads = environment.calls("get-instance-pool");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        agent.alert("up").await;
        sleep(Duration::from_millis(20)).await;
    }
    let more = environment.calls("get-instance-pool") - reads;
    assert!(
        more <= 1,
        "{more} reads in 2 s, although one in 5 s is enough"
    );
    environment.cloud.faults().clear();
    environment.until_size(2).await;
    until_at_rest(&environment).await;
}

#[tokio::test]
async fn a_mode_that_only_recommends_changes_nothing() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("scaling.mode", "recommend"))
        .await;
    agent.alert("up").await;
    let decision = agent.until_decided("recommended", "high_load").await;
    assert_eq!((&decision["from"], &decision["to"]), (&2.into(), &3.into()));
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn a_process_that_was_suspended_does_not_catch_up() {
    use rustix::process::{Signal, kill_process};
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(1).await;
    kill_process(agent.pid(), Signal::STOP).unwrap();
    let calls = environment.calls("list-instances");
    sleep(Duration::from_secs(2)).await; // twenty rounds
    kill_process(agent.pid(), Signal::CONT).unwrap();
    let resumed = Instant::now();
    until("it goes on", || {
        (environment.calls("list-instances") >= calls + 3).then_some(())
    })
    .await;
    let made = u128::from(environment.calls("list-instances") - calls);
    let rounds = resumed.elapsed().as_millis() / 100 + 2;
    assert!(made <= rounds, "{made} calls in the time of {rounds}");
}

#[tokio::test]
async fn a_pool_that_is_gone_is_said_and_the_discovery_file_kept() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    environment.cloud.faults().add(Fault {
        status: Some(404),
        ..Fault::new("*", 1_000_000, FaultKind::Fail)
    });
    agent.alert("up").await;
    agent.until_decided("held", "pool_not_found").await;
    let health = agent.get("/healthz").await;
    assert_eq!(health.status(), 503);
    let health = health.text().await.unwrap();
    assert!(health.contains("not found"), "{health}");
    assert_eq!(environment.targets().map(|targets| targets.len()), Some(2));
    // It waits for the pool to come back instead of ending.
    environment.cloud.faults().clear();
    environment.until_size(3).await;
}

#[tokio::test]
async fn a_balancer_that_cannot_be_read_stops_shrinking_only() {
    for (status, cause) in [(403, "403"), (404, "not found"), (500, "500")] {
        let environment = Environment::with_pool(2).await;
        let agent = environment.start(Settings::default()).await;
        environment.cloud.faults().add(Fault {
            status: Some(status),
            ..Fault::new("get-load-balancer", 1_000_000, FaultKind::Fail)
        });
        agent.alert("down").await;
        agent.until_decided("held", "health_unknown").await;
        agent.alert("up").await;
        environment.until_size(3).await;
        assert_eq!(environment.calls("evict-instance-pool-members"), 0);
        let log = agent.log();
        let said = log
            .lines()
            .filter(|line| line.contains("get-load-balancer"));
        assert!(said.count() <= 1, "said once: {log}");
        if status < 500 {
            let health = agent.get("/healthz").await.text().await.unwrap();
            assert!(health.contains(cause), "{health}");
        }
    }
}

/// By mistake: each keeps its own window, and each decides on its own read.
#[tokio::test]
async fn two_agents_on_one_pool_never_lose_or_double_a_change() {
    let environment = Environment::with_pool(2).await;
    let other_folder = tempfile::tempdir().unwrap();
    let folder = |name: &str| other_folder.path().join(name).display().to_string();
    let settings = Settings::default().set("scaling.max_size", "4");
    let first = environment.start(settings.clone()).await;
    std::fs::create_dir_all(folder("journal")).unwrap();
    let journal = crate::agent_support::long_ago().to_string();
    std::fs::write(folder("journal/journal.json"), journal).unwrap();
    let second = settings
        .set("journal.directory", folder("journal"))
        .set("discovery.file", folder("discovery.json"));
    let second = environment.restart(second).await;
    tokio::join!(first.alert("up"), second.alert("up"));
    for agent in [&first, &second] {
        agent.until_decided("acted", "high_load").await;
    }
    until("both have asked", || {
        (environment.writes() >= 2).then_some(())
    })
    .await;
    until_at_rest(&environment).await;
    // Both may have read 2, and then asked for the same absolute size.
    let size = environment.pool().size;
    assert!((3..=4).contains(&size), "{size}");
}

/// A call budget that is spent has a name of its own, and the request waits for the next call.
#[tokio::test]
async fn a_spent_budget_is_a_reason_of_its_own() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .set("exoscale.calls_per_minute", "6")
        .set("discovery.interval", "1h");
    let agent = environment.start(settings).await;
    agent.alert("up").await;
    agent.until_decided("held", "budget_spent").await;
}

#[tokio::test]
async fn a_rate_limit_on_a_write_keeps_the_alert_and_the_window() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    environment.cloud.faults().add(Fault {
        retry_after_s: Some(2),
        ..Fault::new("scale-instance-pool", 1, FaultKind::RateLimit)
    });
    agent.alert("up").await;
    agent.until_decided("held", "rate_limited").await;
    assert_eq!(environment.pool().size, 2);
    // No other alert comes, and no window of 60 s passes.
    environment.until_size(3).await;
    assert_eq!(environment.calls("scale-instance-pool"), 2);
}

/// Quota or no hypervisor: the API takes each size and makes no member.
#[tokio::test]
async fn growth_that_brings_no_member_stops_is_said_and_can_be_taken_back() {
    for state in ["running", "degraded"] {
        let environment = Environment::with_pool(2).await;
        environment.cloud.set_shortage(Some(PoolErrorReason {
            kind: Some("quota".to_owned()),
            message: Some("no more of these".to_owned()),
        }));
        let state_is = vec![Edit::set("/state", state)];
        environment
            .cloud
            .faults()
            .add(Fault::edit("get-instance-pool", 1_000_000, state_is));
        let agent = environment
            .start(Settings::default().set("scaling.cooldown", "1s"))
            .await;
        if state == "running" {
            until_said(&agent, "up", "refused", "unready").await;
            assert_eq!(environment.pool().size, 5, "three are missing");
            let health = agent.get("/healthz").await.text().await.unwrap();
            assert!(health.contains("growth is stopped"), "{health}");
        } else {
            let operator = operator(&environment);
            operator
                .scale_instance_pool(environment.stack.pool, 5)
                .await
                .unwrap();
            environment.until_size(5).await;
            agent.alert("up").await;
            agent.until_decided("held", "pool_degraded").await;
            let health = agent.get("/healthz").await.text().await.unwrap();
            assert!(health.contains("no more of these"), "{health}");
            environment.cloud.faults().clear();
        }
        if state == "running" {
            until_said(&agent, "down", "acted", "members_missing").await;
            environment.until_size(4).await;
        }
        assert_eq!(environment.pool().members.len(), 2);
        assert_eq!(environment.calls("evict-instance-pool-members"), 0);
    }
}

/// Leaves alerts until there is a decision with this verdict and reason.
async fn until_said(agent: &Agent, direction: &str, verdict: &str, reason: &str) {
    let deadline = Instant::now() + crate::agent_support::PATIENCE;
    let said = |d: &serde_json::Value| d["verdict"] == verdict && d["reason"] == reason;
    loop {
        agent.alert(direction).await;
        let decisions = agent.json("/decisions").await;
        if decisions.as_array().unwrap().iter().any(said) {
            return;
        }
        assert!(Instant::now() < deadline, "{decisions:#}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Members that the balancer never finds healthy count as growth that brings nothing.
#[tokio::test]
async fn growth_that_never_becomes_healthy_stops() {
    let environment = Environment::with_pool(2).await;
    let status = vec![Edit::remove("/services/*/healthcheck-status/*/status")];
    environment
        .cloud
        .faults()
        .add(Fault::edit("get-load-balancer", 1_000_000, status));
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    until_said(&agent, "up", "refused", "unready").await;
    assert_eq!(environment.pool().size, 3, "{}", agent.log());
}
