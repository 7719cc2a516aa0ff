//! G8, the agent's part: a discovery round is one call, whatever the pool's size, and all calls
//! together stay within the budget.

use std::time::Duration;

use local_cloud::{FaultKind, LocalCloudConfig};
use tokio::time::Instant;

use crate::agent_support::{Environment, Settings, until};

const MEMBERS: u32 = 1_000;
const LIST: &str = "list-instances";

#[tokio::test]
async fn a_thousand_members_are_one_call_a_round() {
    let config = LocalCloudConfig {
        instance_quota: MEMBERS,
        operation_time: Duration::from_millis(50),
        boot_time: Duration::from_millis(50),
        ..LocalCloudConfig::without_processes()
    };
    let environment = Environment::of(config, MEMBERS).await;
    let settings = Settings::default()
        .set("scaling.max_size", MEMBERS)
        .set("discovery.interval", "200ms");
    let agent = environment.start(settings).await;
    environment.until_targets(MEMBERS as usize).await;
    // One more read of everything is the scaler's first look at the pool, if it has not been yet.
    let began = Instant::now();
    let before = environment.cloud.status().calls;
    until("ten rounds", || {
        (environment.calls(LIST) >= before[LIST] + 10).then_some(())
    })
    .await;
    let after = environment.cloud.status().calls;
    let rounds = began.elapsed().as_millis() / 200 + 2;
    let lists = u128::from(after[LIST] - before[LIST]);
    assert!(
        lists <= rounds + 1,
        "{lists} calls in {rounds} rounds at most"
    );
    assert_eq!(environment.calls("get-instance"), 0);
    let pools = after["get-instance-pool"] - before.get("get-instance-pool").unwrap_or(&0);
    assert!(pools <= 1, "discovery reads the pool, too: {pools} calls");
    drop(agent);
}

#[tokio::test]
async fn a_broken_api_is_not_stormed() {
    const BUDGET: u64 = 60;
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("exoscale.calls_per_minute", BUDGET))
        .await;
    environment.until_targets(2).await;
    environment.fault("*", 1_000_000, FaultKind::Fail);
    let calls = || environment.cloud.status().calls.values().sum::<u64>();
    let began = Instant::now();
    let before = calls();
    while began.elapsed() < Duration::from_secs(3) {
        agent.alert("up").await;
    }
    let made = calls() - before;
    assert!(
        made > 0 && made <= BUDGET,
        "{made} calls in 3 s with {BUDGET} a minute"
    );
}
