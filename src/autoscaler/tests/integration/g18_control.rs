//! G18 and what else an operator orders: by `PUT /control`, by `autoscaler ctl`, and by new
//! settings.

mod ctl;
mod reload;

use reqwest::{Method, Response, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::agent_support::{Agent, Environment, Settings};

const TOKEN: &str = "only-the-operator-knows-this";
const ALERTS: &str = "only-grafana-knows-this";

fn settings() -> Settings {
    Settings::default().variable("AUTOSCALER_CONTROL__TOKEN", TOKEN)
}

async fn put(agent: &Agent, order: &Value) -> Response {
    let request = agent.http.put(agent.url("/control"));
    let request = request.bearer_auth(TOKEN).json(order);
    request.send().await.expect("an answer")
}

/// An order that is accepted, and the orders in force after it.
async fn order(agent: &Agent, order: Value) -> Value {
    let answer = put(agent, &order).await;
    let status = answer.status();
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(status, StatusCode::OK, "{order}: {answer}");
    answer["control"].clone()
}

/// What is said to an order that is not accepted.
async fn refused(agent: &Agent, order: Value, status: StatusCode) -> String {
    let answer = put(agent, &order).await;
    assert_eq!(answer.status(), status, "{order}");
    let answer: Value = answer.json().await.expect("JSON");
    answer["message"].as_str().expect("a sentence").to_owned()
}

#[tokio::test]
async fn a_paused_agent_changes_nothing_also_after_restarts() {
    let environment = Environment::with_pool(2).await;
    let mut agent = environment.start(settings()).await;
    let pause = json!({ "pause": true, "who": "ada", "why": "upgrade" });
    let control = order(&agent, pause).await;
    assert_eq!(
        (&control["paused"], &control["who"]),
        (&json!(true), &json!("ada"))
    );
    let record = agent.until_decided("control", "paused").await;
    assert_eq!(
        (&record["order"], &record["who"], &record["why"]),
        (&json!("pause"), &json!("ada"), &json!("upgrade"))
    );
    for signal in [Signal::TERM, Signal::KILL] {
        agent.alert("up").await;
        agent.until_decided("held", "paused").await;
        agent.end(signal).await;
        agent = environment.restart(settings()).await;
        let status = agent.json("/status").await;
        assert_eq!(status["control"]["paused"], true, "{status}");
        assert_eq!(status["control"]["why"], "upgrade");
        assert!(agent.line("Orders are in force").is_some());
    }
    // A boot is another boot id.
    agent.end(Signal::TERM).await;
    let text = std::fs::read_to_string(environment.journal()).unwrap();
    let mut journal: Value = serde_json::from_str(&text).unwrap();
    journal["boot_id"] = json!("another");
    environment.write_journal(&journal);
    agent = environment
        .restart(settings().set("scaling.cooldown", "1s"))
        .await;
    agent.alert("up").await;
    agent.until_decided("held", "paused").await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("\nautoscaler_paused 1"), "{metrics}");
    assert_eq!(environment.writes(), 0);

    order(&agent, json!({ "resume": true })).await;
    environment.until_size(3).await;
    agent.until_decided("acted", "high_load").await;
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("\nautoscaler_paused 0"), "{metrics}");
}

#[tokio::test]
async fn an_ordered_size_is_one_change_and_says_when() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(settings().set("scaling.cooldown", "3s"))
        .await;
    let control = order(&agent, json!({ "size": 5 })).await;
    assert_eq!(control["order"], "size 5");
    environment.until_size(5).await;
    agent.until_decided("acted", "size_ordered").await;
    let control = order(&agent, json!({ "size": 3 })).await;
    assert_eq!(control["size"], 3);
    assert!(
        control["size_in_s"]
            .as_f64()
            .is_some_and(|wait| wait <= 3.5),
        "{control}"
    );
    environment.until_size(3).await;
    assert_eq!(environment.writes(), 2);
    let status = agent.json("/status").await;
    assert_eq!(status["control"]["size"], Value::Null);
}

#[tokio::test]
async fn ordered_limits_and_modes_win_over_the_settings() {
    let environment = Environment::with_pool(2).await;
    let limited = settings()
        .set("scaling.max_size", 2)
        .set("control.max_size", 20)
        .set("scaling.cooldown", "1s");
    let agent = environment.start(limited).await;
    agent.alert("up").await;
    agent.until_decided("refused", "at_max").await;
    let control = order(&agent, json!({ "limits": { "max": 4 } })).await;
    assert_eq!(control["limits"], json!({ "min": 1, "max": 4 }));
    agent.alert("up").await;
    environment.until_size(3).await;

    let control = order(&agent, json!({ "mode": "pinned=4", "for": "2h" })).await;
    assert_eq!(control["mode"], "pinned=4");
    assert!(control["until"].is_string(), "{control}");
    environment.until_size(4).await;
    let status = agent.json("/status").await;
    assert_eq!(
        (&status["mode"], &status["max_size"]),
        (&json!("pinned=4"), &json!(4))
    );
    order(&agent, json!({ "mode": null })).await;
    let control = order(&agent, json!({ "limits": null })).await;
    assert_eq!(
        (&control["mode"], &control["limits"]),
        (&Value::Null, &Value::Null)
    );
    let status = agent.json("/status").await;
    assert_eq!(
        (&status["mode"], &status["max_size"]),
        (&json!("on"), &json!(2))
    );
}

#[tokio::test]
async fn who_may_not_and_what_cannot_be_is_told_in_words() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(settings().set("control.max_size", 20))
        .await;
    for (order, status, parts) in [
        (json!({ "paus": true }), 400, ["`paus`", "`pause`"]),
        (
            json!({ "limits": { "min": 5, "max": 2 } }),
            400,
            ["limits", "larger than"],
        ),
        (
            json!({ "limits": { "max": 21 } }),
            400,
            ["limits.max", "control.max_size"],
        ),
        (json!({ "size": 11 }), 409, ["1 to 10", "limits"]),
        (json!({ "mode": "pinned=11" }), 409, ["1 to 10", "limits"]),
    ] {
        let said = refused(&agent, order, StatusCode::from_u16(status).unwrap()).await;
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let send = async |method: Method, headers: &[(&str, &str)], body: &str| {
        let mut request = agent.http.request(method, agent.url("/control"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request
            .body(body.to_owned())
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a body"),
        )
    };
    let bearer = format!("Bearer {TOKEN}");
    let ours = ("authorization", bearer.as_str());
    let pause = r#"{"pause":true}"#;
    for (method, headers, status, part) in [
        (Method::PUT, vec![], 401, "control.token"),
        (
            Method::PUT,
            vec![("authorization", "Bearer hush")],
            401,
            "control.token",
        ),
        (
            Method::PUT,
            vec![ours, ("origin", "http://evil.example")],
            403,
            "another site",
        ),
        (
            Method::PUT,
            vec![ours, ("sec-fetch-site", "cross-site")],
            403,
            "another site",
        ),
        (Method::GET, vec![ours], 405, ""),
        (Method::POST, vec![ours], 405, ""),
    ] {
        let (found, text) = send(method, &headers, pause).await;
        assert!(
            found == status && text.contains(part),
            "{headers:?}: {found} {text}"
        );
    }
    let (status, _) = send(Method::PUT, &[ours], &" ".repeat(5000)).await;
    assert_eq!(status, 400);
    assert_eq!(agent.json("/status").await["control"]["paused"], false);

    let read_only = Settings::default().variable("AUTOSCALER_ALERTS__TOKEN", ALERTS);
    drop(agent);
    let agent = environment.restart(read_only).await;
    let said = refused(&agent, json!({ "pause": true }), StatusCode::FORBIDDEN).await;
    assert!(said.contains("control.token"), "{said}");
}
