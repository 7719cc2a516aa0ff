//! Twenty pools: one call budget, and no decision that waits for another pool's.

use std::time::Duration;

use local_cloud::{LocalCloud, LocalCloudConfig};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Pools, post};
use crate::agent_support::{Agent, Environment, Settings, until};

const POOLS: usize = 20;

async fn twenty_pools_of(members: u32) -> Pools {
    let config = LocalCloudConfig {
        operation_time: Duration::from_millis(50),
        boot_time: Duration::from_millis(50),
        instance_quota: 2_000,
        ..LocalCloudConfig::without_processes()
    };
    let environment = Environment::of(config, members).await;
    let mut stacks = vec![("pool0".to_owned(), environment.stack)];
    for number in 1..POOLS {
        let stack = environment.cloud.create_stack(members).await.unwrap();
        stacks.push((format!("pool{number}"), stack));
    }
    Pools {
        environment,
        stacks,
    }
}

fn calls(cloud: &LocalCloud) -> u64 {
    cloud.status().calls.values().sum()
}

/// The settings for that many calls a minute, with Exoscale's pauses between rounds.
fn settings(pools: &Pools, calls_per_minute: u32, max_size: u32) -> Settings {
    pools
        .settings("")
        .set("exoscale.calls_per_minute", calls_per_minute)
        .set("scaling.max_size", max_size)
        .set("discovery.interval", "10s")
        .set("discovery.confirm_after", "1s")
}

/// All pools are asked for more at the same moment; how long until the last of them has ordered it.
async fn all_at_once(pools: &Pools, agent: &Agent, size: u32) -> Duration {
    let alerts = pools.stacks.iter();
    let alert = |name: &String| json!({ "scale": "up", "pool": name });
    let alerts: Vec<Value> = alerts.map(|(name, _)| alert(name)).collect();
    let began = Instant::now();
    post(agent, &alerts).await;
    pools.until_sizes(&[size; POOLS]).await;
    began.elapsed()
}

#[tokio::test]
async fn twenty_pools_that_are_loaded_at_once_are_all_scaled_within_the_budget() {
    let pools = twenty_pools_of(2).await;
    let agent = pools.start(settings(&pools, 1_200, 10)).await;
    agent.until_healthy().await;
    all_at_once(&pools, &agent, 3).await;
    for (name, _) in &pools.stacks {
        let decisions = agent.json(&format!("/decisions?pool={name}")).await;
        let verdicts = decisions.as_array().unwrap().iter();
        let verdicts: Vec<_> = verdicts.map(|decision| &decision["verdict"]).collect();
        assert_eq!(verdicts, ["acted"], "none had to wait: {decisions}");
    }
}

/// One pool that asks for all calls there are leaves the others theirs.
#[tokio::test]
async fn a_pool_that_storms_leaves_the_others_their_calls() {
    let mut pools = Pools::new(&["web"]).await;
    // Its reads fail and are repeated ten times a second.
    pools.add_missing("storms");
    let settings = pools
        .settings("")
        .set("exoscale.calls_per_minute", 60)
        .set("discovery.interval", "3s");
    let agent = pools.start(settings).await;
    post(&agent, &[json!({ "scale": "up", "pool": "storms" })]).await;
    let spent = "the one has no calls left";
    let text = async || agent.get("/metrics").await.text().await.unwrap();
    let deadline = Instant::now() + crate::agent_support::PATIENCE;
    loop {
        let text = text().await;
        let is_spent = |line: &str| {
            line.contains("pool=\"storms\"")
                && line.contains("over-budget")
                && !line.ends_with(" 0")
        };
        if text.lines().any(is_spent) {
            break;
        }
        assert!(Instant::now() < deadline, "in vain: {spent}\n{text}");
        sleep(Duration::from_millis(50)).await;
    }
    post(&agent, &[json!({ "scale": "up", "pool": "web" })]).await;
    until("the other is scaled", || {
        (pools.pool("web").size == 2).then_some(())
    })
    .await;
}

/// Figures for the documents:
/// `cargo test --release -p autoscaler --test integration figures_of_twenty -- --ignored --nocapture`
#[tokio::test]
#[ignore = "takes three minutes and only prints"]
async fn figures_of_twenty_pools_of_fifty() {
    let pools = twenty_pools_of(50).await;
    let agent = pools.start(settings(&pools, 600, 60)).await;
    agent.until_healthy().await;
    let before = calls(pools.cloud());
    sleep(Duration::from_secs(60)).await;
    let at_rest = calls(pools.cloud()) - before;
    let before = calls(pools.cloud());
    let began = Instant::now();
    let took = all_at_once(&pools, &agent, 51).await;
    sleep(Duration::from_secs(60).saturating_sub(began.elapsed())).await;
    let loaded = calls(pools.cloud()) - before;
    let memory = agent.resident_bytes() as f64 / 1e6;
    println!(
        "20 pools of 50: {at_rest} calls a minute at rest, {loaded} in the minute in which all \
         scale, all ordered after {took:.2?}, agent {memory:.1} MB"
    );
}
