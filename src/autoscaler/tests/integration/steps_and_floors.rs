//! Steps that fit the load, and floors: from the webhook to the cloud.

use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent_support::{Agent, Environment, PATIENCE, Settings};

/// Posts one alert that fires.
async fn alert(agent: &Agent, labels: Value, values: Value) -> Value {
    let body = json!({
        "status": "firing",
        "alerts": [{ "status": "firing", "labels": labels, "values": values }],
    });
    let posted = agent.http.post(agent.url("/webhook")).json(&body).send();
    posted.await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_severe_alert_adds_more_and_the_decision_says_why() {
    let environment = Environment::with_pool(2).await;
    let settings = Settings::default().set("scale_out.severity", "0.95: 150%");
    let agent = environment.start(settings).await;
    alert(&agent, json!({ "scale": "up" }), json!({ "A": 0.99 })).await;
    let decision = agent.until_decided("acted", "high_load").await;
    assert_eq!(
        (&decision["from"], &decision["to"], &decision["step"]),
        (&json!(2), &json!(5), &json!("150%"))
    );
    assert_eq!(decision["step_reason"], "average CPU above 95%");
    environment.until_size(5).await;
    assert!(agent.log().contains("step 150% for average CPU above 95%"));
}

#[tokio::test]
async fn the_strongest_step_of_a_cooldown_outlives_a_kill() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default().set("scaling.cooldown", "3s");
    let mut agent = environment.start(settings.clone()).await;
    agent.alert("up").await;
    environment.until_size(2).await;
    alert(&agent, json!({ "scale": "up", "step": "3" }), json!({})).await;
    agent.alert("up").await;
    agent.until_decided("held", "window").await;
    agent.end(Signal::KILL).await;
    let agent = environment.restart(settings).await;
    environment.until_size(5).await;
    let decision = agent.until_decided("acted", "high_load").await;
    assert_eq!(decision["step_reason"], "the rule's label");
}

#[tokio::test]
async fn an_alert_with_a_number_of_members_raises_the_pool_and_holds_it() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default().set("scaling.cooldown", "1s");
    let agent = environment.start(settings).await;
    environment.until_targets(1).await;
    let answer = alert(&agent, json!({ "scale": "at-least" }), json!({ "A": 3.2 })).await;
    assert_eq!(answer["accepted"], json!(["at-least"]));
    environment.until_size(4).await;
    agent.until_decided("acted", "at_least").await;
    assert_eq!(agent.json("/status").await["at_least"], 4);
    environment.until_targets(4).await;
    agent.alert("down").await;
    agent.until_decided("refused", "at_floor").await;
    // What asks for nothing is counted and changes nothing.
    for (values, why) in [
        (json!({}), "no_value"),
        (json!({ "A": -1 }), "bad_value"),
        (json!({ "A": 1e9 }), "bad_value"),
        (json!({ "A": "NaN" }), "bad_value"),
    ] {
        let answer = alert(&agent, json!({ "scale": "at-least" }), values).await;
        assert_eq!(answer["ignored"], json!([why]));
    }
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains(r#"outcome="ignored",reason="bad_value"} 3"#),
        "{metrics}"
    );
    assert_eq!(environment.pool().size, 4);
}

#[tokio::test]
async fn a_schedule_raises_the_pool_without_an_alert_and_lets_go_at_its_end() {
    let environment = Environment::with_pool(1).await;
    let zone = TimeZone::UTC;
    let clock = |seconds: u64| {
        let at = Timestamp::now() + Duration::from_secs(seconds);
        at.to_zoned_datetime(zone.clone())
            .strftime("%H:%M:%S")
            .to_string()
    };
    let (from, to) = (clock(2), clock(12));
    let rows = format!(
        "[[schedule]]\nfrom = \"{from}\"\nto = \"{to}\"\ntime_zone = \"UTC\"\nmin_size = 3\n"
    );
    let settings = Settings::default()
        .set("scaling.cooldown", "1s")
        .file(&rows);
    let agent = environment.start(settings).await;
    environment.until_size(3).await;
    let decision = agent.until_decided("acted", "scheduled").await;
    assert_eq!((&decision["from"], &decision["to"]), (&json!(1), &json!(3)));
    let status = agent.json("/status").await;
    assert_eq!(status["scheduled_min"], 3, "{status}");
    assert_eq!(
        status["schedule"],
        json!([format!("daily {from} to {to} UTC: at least 3")])
    );
    agent.alert("down").await;
    agent.until_decided("refused", "at_floor").await;
    // When the row is over, the pool shrinks as it always does.
    let deadline = Instant::now() + PATIENCE;
    while !agent.json("/status").await["scheduled_min"].is_null() {
        assert!(Instant::now() < deadline, "{}", agent.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    environment.until_targets(3).await;
    agent.alert("down").await;
    environment.until_size(2).await;
}
