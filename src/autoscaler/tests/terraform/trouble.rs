//! Applies that do not go through at once, and what is left of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    cloud::PATIENCE,
    stack::{self, Stack},
};

fn made(status: &Value) -> Value {
    let count = |kind: &str| status[kind].as_array().map(Vec::len);
    let pools = (count("pools"), count("instances"), count("balancers"));
    json!([pools, some(&status["others"])])
}

/// Without the kinds of which there is none.
fn some(others: &Value) -> Value {
    let kinds = others.as_object().into_iter().flatten();
    let some = kinds.filter(|(_, count)| **count != 0);
    some.map(|(kind, count)| (kind.clone(), count.clone()))
        .collect()
}

/// What a whole stack is; nothing twice.
fn whole() -> Value {
    let others = json!({
        "security-group": 2, "anti-affinity-group": 1, "ssh-key": 1, "iam-role": 1, "api-key": 1, "template": 0,
        "private-network": 0, "elastic-ip": 0,
    });
    json!([[1, 1, 1], some(&others)])
}

async fn apply_until_whole(stack: &Stack) {
    stack.apply(&[]).await.well();
    stack.assert_nothing_to_do().await;
}

#[tokio::test]
async fn an_interrupted_apply_is_taken_up_again() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    // The last part of the stack is long on its way, so that the interruption finds it there. What
    // the provider had asked for it would lose: its waits end at once (docs/terraform.md).
    let slow = json!([{ "operation": "create-instance", "count": 1, "fault": "slow", "delay_ms": 60_000 }]);
    cloud.set_faults(&slow).await;
    let mut apply = stack.begin(&["apply", "-auto-approve", "-no-color"]);
    apply
        .until_printed("exoscale_nlb_service.http: Creation complete")
        .await;
    cloud
        .until("the slow call", |status| {
            status["calls"]["create-instance"] == 1
        })
        .await;
    apply.interrupt();
    let interrupted = apply.ended().await;
    assert_eq!(interrupted.code, Some(1), "{}", interrupted.text);
    assert_ne!(made(&cloud.status().await), whole());

    apply_until_whole(&stack).await;
    assert_eq!(made(&cloud.status().await), whole());
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn faults_of_the_api_leave_nothing_twice() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    let faults = json!([
        { "operation": "get-operation", "count": 2, "fault": "fail", "status": 503 },
        { "operation": "list-templates", "count": 1, "fault": "rate-limit" },
        { "operation": "create-security-group", "count": 1, "fault": "rate-limit" },
        { "operation": "create-load-balancer", "count": 1, "fault": "slow", "delay_ms": 2000 },
        { "operation": "create-instance", "count": 1, "fault": "fail", "status": 500 },
    ]);
    cloud.set_faults(&faults).await;
    // The provider may try again by itself or give up; either way the next apply finds what is
    // there.
    let first = stack.apply(&[]).await;
    eprintln!("the apply with faults ended with {:?}", first.code);
    cloud.set_faults(&json!([])).await;
    apply_until_whole(&stack).await;
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn what_was_deleted_by_hand_is_made_again() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    apply_until_whole(&stack).await;
    let status = cloud.status().await;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let (pool, balancer) = (id(&status["pools"][0]), id(&status["balancers"][0]));
    let service = id(&status["balancers"][0]["services"][0]);
    // The service first, which holds the pool.
    cloud
        .delete(&format!("/load-balancer/{balancer}/service/{service}"))
        .await;
    let without_service = |status: &Value| status["balancers"][0]["services"] == json!([]);
    cloud.until("a balancer alone", without_service).await;
    cloud.delete(&format!("/instance-pool/{pool}")).await;
    cloud
        .until("no pool", |status| status["pools"] == json!([]))
        .await;
    let plan = stack
        .run(&["plan", "-detailed-exitcode", "-no-color"])
        .await;
    assert_eq!(plan.code, Some(2), "{}", plan.text);
    apply_until_whole(&stack).await;
    let status = cloud.status().await;
    assert_eq!(made(&status), whole());
    assert_ne!(status["pools"][0]["id"], pool.as_str());
    // The agent of the host that was there scales the new pool.
    let new = id(&status["pools"][0]);
    let sees_it =
        |agent: &Value| agent["about"]["pool_id"] == *new && agent["pool"]["current"] == true;
    stack.until_agent("the new pool", sees_it).await;
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn what_the_state_has_lost_can_be_imported() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    apply_until_whole(&stack).await;
    let status = cloud.status().await;
    let id = |kind: &str| status[kind][0]["id"].as_str().unwrap().to_owned();
    for (address, id) in [
        ("module.pool.exoscale_instance_pool.pool", id("pools")),
        ("module.pool.exoscale_nlb.front", id("balancers")),
        (
            "module.monitoring.exoscale_compute_instance.monitoring[0]",
            id("instances"),
        ),
    ] {
        stack.run(&["state", "rm", address]).await.well();
        let id = format!("{id}@at-vie-1");
        stack
            .run(&["import", "-no-color", address, &id])
            .await
            .well();
    }
    // The provider does not read everything when it imports, and writes it once more.
    let text = stack.apply(&[]).await.well();
    assert!(text.contains("0 added, 2 changed, 0 destroyed"), "{text}");
    stack.assert_nothing_to_do().await;
    assert_eq!(made(&cloud.status().await), whole());
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_killed_local_cloud_takes_its_instances_along() {
    let Some((mut cloud, stack)) = stack::start().await else {
        return;
    };
    apply_until_whole(&stack).await;
    let agent = stack.output("agent_url").await;
    let agent = agent
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let application = stack.output("application_url").await;
    let application = application
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let answers = |address: String| async move { TcpStream::connect(address).await.is_ok() };
    assert!(answers(agent.clone()).await);
    cloud.kill().await;
    let gone = async {
        while answers(agent.clone()).await || answers(format!("{application}:80")).await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("they end");
}
