//! Settings that are read again at SIGHUP.

use std::fs;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::{order, settings};
use crate::agent_support::{Agent, Environment, Settings, until};

/// A file of settings whose end can be changed.
fn rewrite(environment: &Environment, change: impl Fn(&str) -> String) {
    let file = environment.folder.path().join("agent.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, change(&text)).unwrap();
}

async fn read_again(agent: &Agent, said: &str) -> Value {
    let before = agent.log().matches(said).count();
    kill_process(agent.pid(), Signal::HUP).unwrap();
    until(said, || {
        (agent.log().matches(said).count() > before).then_some(())
    })
    .await;
    agent.json("/status").await
}

async fn reloads(agent: &Agent, result: &str) -> bool {
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    metrics.contains(&format!(
        "autoscaler_settings_reloads_total{{result=\"{result}\"}} 1"
    ))
}

#[tokio::test]
async fn new_settings_are_taken_over_as_a_whole_or_not_at_all() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(settings()).await;
    rewrite(&environment, |text| {
        text.replace("cooldown = \"60s\"", "cooldown = \"60s\"\nmax_size = 2")
    });
    let status = read_again(&agent, "Settings are read again.").await;
    assert_eq!(status["max_size"], 2, "{status}");
    assert!(reloads(&agent, "ok").await);
    agent.until_decided("control", "settings_read").await;
    agent.alert("up").await;
    agent.until_decided("refused", "at_max").await;

    // One mistake keeps all of them away.
    rewrite(&environment, |text| {
        text.replace("max_size = 2", "max_size = 9\nmin_sise = 3")
            .replace("port = 0", "port = 1")
    });
    let status = read_again(&agent, "Settings stay as they were.").await;
    assert_eq!(status["max_size"], 2, "{status}");
    let problem = status["settings"]["problem"].as_str().expect("a problem");
    assert!(problem.contains("scaling.min_sise"), "{problem}");
    assert!(reloads(&agent, "failed").await);

    // What needs a restart is named, and the rest is in force.
    rewrite(&environment, |text| {
        let rows =
            "[[schedule]]\nfrom = \"00:00\"\nto = \"24:00\"\ntime_zone = \"UTC\"\nmin_size = 4\n";
        text.replace("\nmin_sise = 3", "") + rows
    });
    let status = read_again(&agent, "Restart the agent for these settings").await;
    assert_eq!(status["max_size"], 9, "{status}");
    assert_eq!(status["settings"]["needs_restart"], json!(["alerts.port"]));
    assert_eq!(status["settings"]["problem"], Value::Null);
    assert_eq!(status["schedule"].as_array().map(Vec::len), Some(1));
    environment.until_size(4).await;
}

#[tokio::test]
async fn orders_outlive_new_settings_and_the_token_is_one() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    // Nobody could give orders, and now somebody can, without a restart.
    rewrite(&environment, |text| {
        format!("{text}[control]\ntoken = \"{}\"\n", super::TOKEN)
    });
    read_again(&agent, "Settings are read again.").await;
    order(&agent, json!({ "limits": { "min": 1, "max": 5 } })).await;
    order(&agent, json!({ "mode": "scale-out-only" })).await;
    rewrite(&environment, |text| {
        text.replace(
            "cooldown = \"60s\"",
            "cooldown = \"60s\"\nmax_size = 7\nmode = \"recommend\"",
        )
    });
    let status = read_again(&agent, "Settings are read again.").await;
    assert_eq!(
        (&status["max_size"], &status["mode"]),
        (&json!(5), &json!("scale-out-only"))
    );
    order(&agent, json!({ "limits": null })).await;
    order(&agent, json!({ "mode": null })).await;
    let status = agent.json("/status").await;
    assert_eq!(
        (&status["max_size"], &status["mode"]),
        (&json!(7), &json!("recommend"))
    );
    agent.until_healthy().await;
}
