//! The modules of `terraform/modules`: alone, in the place of what the stack was before them, and
//! with a pool of somebody else's.

use exoscale::plain_http;
use loadtest::{Load, Plan, Run};
use serde_json::{Value, json};

use super::{
    cloud::Cloud,
    stack::{self, Stack},
};

fn size(status: &Value) -> u64 {
    status["pools"][0]["size"].as_u64().unwrap_or_default()
}

async fn pause(stack: &Stack) {
    let client = plain_http::client().unwrap();
    let answer = client
        .put(format!("{}control", stack.output("agent_url").await))
        .bearer_auth(stack.output("control_token").await)
        .json(&json!({ "pause": true }))
        .send()
        .await
        .expect("it answers");
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn ends_empty(cloud: Cloud, stack: &Stack) {
    stack.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn each_module_is_valid_and_refuses_what_is_wrong() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    for module in ["pool", "monitoring"] {
        let module = stack.part(&format!("modules/{module}")).await;
        module.run(&["validate", "-no-color"]).await.well();
        module.run(&["test", "-no-color"]).await.well();
    }
    cloud.assert_empty().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_stack_from_before_the_modules_is_taken_over_as_it_is() {
    let Some((cloud, stack)) = stack::start_before_modules().await else {
        return;
    };
    stack.apply(&[]).await.well();
    stack.assert_nothing_to_do().await;
    let before = cloud.status().await;

    stack.becomes_the_present_one().await;
    let plan = stack
        .run(&["plan", "-detailed-exitcode", "-no-color"])
        .await;
    assert!(plan.text.contains("has moved to"), "{}", plan.text);
    assert!(
        plan.text.contains("0 to add, 0 to change, 0 to destroy"),
        "{}",
        plan.text
    );
    stack.apply(&[]).await.well();
    stack.assert_nothing_to_do().await;
    let after = cloud.status().await;
    for place in ["/pools/0/id", "/instances/0/id", "/balancers/0/id"] {
        assert!(before.pointer(place).is_some(), "{place}: {before}");
        assert_eq!(before.pointer(place), after.pointer(place), "{place}");
    }
    ends_empty(cloud, &stack).await;
}

#[tokio::test]
async fn a_larger_maximum_reaches_the_agent_of_the_host_that_is_there() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    stack.apply(&["-var=max_size=4"]).await.well();
    stack
        .until_agent("a maximum of 4", |agent| agent["max_size"] == 4)
        .await;
    let before = cloud.status().await;
    pause(&stack).await;

    let text = stack.apply(&["-var=max_size=6"]).await.well();
    assert!(text.contains("0 added, 1 changed, 0 destroyed"), "{text}");
    stack
        .until_agent("a maximum of 6", |agent| agent["max_size"] == 6)
        .await;

    // What the host refuses changes nothing; it goes on asking.
    let wrong = [
        "-var=max_size=7",
        r#"-var=agent_settings={scale_in={stabilisation="soon"}}"#,
    ];
    stack.apply(&wrong).await.well();
    stack.apply(&["-var=max_size=5"]).await.well();
    stack
        .until_agent("a maximum of 5", |agent| agent["max_size"] == 5)
        .await;
    // Orders outlive it.
    stack
        .until_agent("the pause", |agent| agent["control"]["paused"] == true)
        .await;
    let after = cloud.status().await;
    for same in ["/instances/0/id", "/instances/0/pid"] {
        assert!(before.pointer(same).is_some(), "{same}: {before}");
        assert_eq!(before.pointer(same), after.pointer(same), "{same}");
    }
    ends_empty(cloud, &stack).await;
}

#[tokio::test]
async fn a_pool_of_others_is_scaled_by_the_monitoring_module_alone() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    let shop = stack.beside("scaled_by_others").await;
    shop.apply(&[]).await.well();

    let mut example = stack.part("examples/existing-pool").await;
    example.set_variable("TF_VAR_instance_pool", "shop");
    example.set_variable("TF_VAR_load_balancer", "shop");
    example.run(&["validate", "-no-color"]).await.well();
    example.apply(&[]).await.well();
    example.assert_nothing_to_do().await;
    shop.assert_nothing_to_do().await;

    let url = shop.output("url").await;
    let load = Load::Open("100s@6".parse().unwrap());
    let load = Run::start(Plan::new(url.parse().unwrap(), load))
        .await
        .unwrap();
    let grown = cloud
        .until("a larger pool", |status| size(status) >= 2)
        .await;
    assert!(size(&grown) <= 4, "{grown}");
    load.stop();
    load.wait().await.unwrap();
    // Neither owner sees a change in what the agent did.
    shop.assert_nothing_to_do().await;
    example.assert_nothing_to_do().await;

    let text = example.apply(&["-var=max_size=5"]).await.well();
    assert!(text.contains("0 added, 1 changed, 0 destroyed"), "{text}");
    example
        .until_agent("a maximum of 5", |agent| agent["max_size"] == 5)
        .await;
    cloud
        .until("the smallest pool", |status| size(status) == 1)
        .await;

    // The autoscaler goes, and leaves the pool as it is.
    cloud
        .until("a pool at rest", |status| {
            status["pools"][0]["state"] == "running"
        })
        .await;
    example.destroy().await.well();
    shop.assert_nothing_to_do().await;
    ends_empty(cloud, &shop).await;
}
