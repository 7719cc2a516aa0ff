//! From an empty account to an empty account, with a pool that scales itself in between.

use std::time::{Duration, Instant};

use loadtest::{Load, Plan, Run};
use serde_json::{Value, json};

use super::stack;

/// How long apply and destroy may take. They take some ten seconds on two idle cores; on a busy
/// machine only a hang takes as long as this.
const WITHIN: Duration = Duration::from_secs(300);

fn size(status: &Value) -> u64 {
    status["pools"][0]["size"].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn the_stack_is_made_scales_itself_changes_and_goes() {
    let Some((cloud, mut stack)) = stack::start().await else {
        return;
    };
    // Without a key; the other tests have one.
    stack.set_variable("TF_VAR_ssh_public_key", "");
    stack.run(&["validate", "-no-color"]).await.well();
    stack.run(&["fmt", "-check", "-recursive"]).await.well();
    stack.run(&["test", "-no-color"]).await.well();

    let started = Instant::now();
    stack.apply(&[]).await.well();
    eprintln!("apply took {:.1} s", started.elapsed().as_secs_f64());
    assert!(
        started.elapsed() < WITHIN,
        "apply took {:?}",
        started.elapsed()
    );
    stack.assert_nothing_to_do().await;

    // Nothing but Terraform was started, and the pool follows its load.
    let url = stack.output("application_url").await;
    let load = Load::Open("100s@6".parse().unwrap());
    let load = Run::start(Plan::new(url.parse().unwrap(), load))
        .await
        .unwrap();
    let grown = cloud
        .until("a larger pool", |status| size(status) >= 2)
        .await;
    assert!(size(&grown) <= 5, "{grown}");
    load.stop();
    load.wait().await.unwrap();

    // What the agent did since is no drift.
    stack.assert_nothing_to_do().await;

    let text = stack
        .apply(&["-var=health_check={interval=10}"])
        .await
        .well();
    assert!(text.contains("0 added, 1 changed, 0 destroyed"), "{text}");
    // The host reads its settings again: new ones are no new host.
    let old = cloud.status().await["instances"][0]["id"].clone();
    let change = [
        "-var=health_check={interval=10}",
        "-var=max_size=4",
        r#"-var=operator_emails=["ops@example.com"]"#,
        r#"-var=operator_smtp={host="mail.example.com:587",from="agent@example.com",user="me",password="a$b 'c"}"#,
        r#"-var=operator_webhook={url="https://ops.example.com/a?b=$c",token="hush"}"#,
    ];
    stack.apply(&change).await.well();
    let status = cloud.status().await;
    assert_eq!(status["instances"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["instances"][0]["id"], old);
    let told = cloud.user_data(old.as_str().unwrap()).await;
    let told: Value = serde_json::from_slice(&told).expect("a document");
    assert_eq!(told["operator"]["emails"], json!(["ops@example.com"]));
    assert_eq!(told["operator"]["smtp"]["password"], "a$b 'c");
    assert_eq!(told["operator"]["webhook"]["token"], "hush");
    stack
        .until_agent("a maximum of 4", |agent| agent["max_size"] == 4)
        .await;
    let shrunk = cloud
        .until("the smallest pool", |status| size(status) == 1)
        .await;
    assert_eq!(
        shrunk["pools"][0]["id"],
        json!(stack.output("instance_pool_id").await)
    );

    // New instances of the pool get these; those that are there keep theirs. The agent is done with
    // the pool, which takes one change at a time.
    let is_idle = |status: &Value| status["pools"][0]["state"] == "running";
    cloud.until("the end of the last change", is_idle).await;
    let change = [&change[..], &["-var=slow_app={work_ms=90}"]].concat();
    let text = stack.apply(&change).await.well();
    assert!(text.contains("0 added, 1 changed, 0 destroyed"), "{text}");

    let started = Instant::now();
    stack.destroy().await.well();
    eprintln!("destroy took {:.1} s", started.elapsed().as_secs_f64());
    assert!(
        started.elapsed() < WITHIN,
        "destroy took {:?}",
        started.elapsed()
    );
    cloud.assert_empty().await;
    cloud.stop().await;
}
