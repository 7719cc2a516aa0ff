//! G14: ten thousand alerts at once are one change of size, cost no memory worth naming, and do not
//! become calls of the API.

mod agent_support;

use agent_support::{Agent, Stage, Wishes};
use futures_util::future::join_all;

const SENDERS: usize = 8;
const ALERTS: usize = 10_000;
const GROWTH: u64 = 20 * 1024 * 1024;

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
    let stage = Stage::with_pool(1).await;
    let agent = stage
        .start(Wishes::default().set("discovery.interval", "1h"))
        .await;
    stage.until_targets(1).await;
    // The first page of everything is in memory after this.
    agent.get("/metrics").await;
    let (memory, calls) = (agent.resident_bytes(), total(&stage));
    flood(&agent, ALERTS).await;
    stage.until_size(2).await;
    let decision = agent.until_decided("acted", "high_load").await;
    assert!(decision["signals"].as_u64().unwrap() >= 1);
    assert_eq!(stage.writes(), 1);
    let grown = agent.resident_bytes().saturating_sub(memory);
    assert!(grown < GROWTH, "{grown} bytes more");
    let made = total(&stage) - calls;
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
    let stage = Stage::with_pool(2).await;
    let agent = stage
        .start(Wishes::default().set("scaling.max_size", "2"))
        .await;
    stage.until_targets(2).await;
    flood(&agent, 1_000).await;
    agent.until_decided("refused", "at_max").await;
    assert_eq!(stage.writes(), 0);
    let reads = stage.calls("get-instance-pool");
    assert!(reads < 10, "{reads} reads of the pool");
    let decisions = agent.json("/decisions").await;
    assert!(decisions.as_array().unwrap().len() < 10, "{decisions:#}");
}

fn total(stage: &Stage) -> u64 {
    stage.cloud.status().calls.values().sum()
}
