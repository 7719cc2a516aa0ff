//! `docs/openapi/agent.yaml` describes what the agent serves, and the agent answers as described.

mod page;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use local_cloud::FaultKind;
use reqwest::{Method, header};
use serde_json::{Value, json};
use test_support::openapi::Description;

use crate::agent_support::{Agent, Environment, Settings};
use seen::Seen;

/// Answers that are described and that no call here is given.
const NOT_MADE: [(&str, u16); 3] = [
    // Four large bodies would have to be on their way, and stay there, for as long as a fifth
    // waits.
    ("post-webhook", 503),
    ("put-webhook", 503),
    // The scaler would have to hang.
    ("put-control", 503),
];

/// What the program says that it serves: its answer to an unknown path, and then to a method that
/// none of these paths has.
async fn served(agent: &Agent) -> BTreeMap<String, BTreeSet<String>> {
    let unknown = agent.json("/there/is/no/such/path").await;
    let message = unknown["message"].as_str().expect("a message");
    let (_, paths) = message.split_once("served are ").expect("the paths");
    let mut served = BTreeMap::new();
    for path in paths.split(", ") {
        let ask = agent.http.request(Method::OPTIONS, agent.url(path)).send();
        let answer = ask.await.expect("an answer");
        assert_eq!(answer.status(), 405, "{path}");
        let allowed = answer.headers()[header::ALLOW].to_str().expect("a text");
        let methods = allowed.split(", ").map(str::to_owned).collect();
        served.insert(path.to_owned(), methods);
    }
    served
}

/// The paths of the page's files, which the description has as one.
fn files(description: &Description) -> Vec<String> {
    let operation = description.operation(&Method::GET, "/x").expect("a file");
    let names = operation.entry["parameters"][0]["schema"]["enum"].as_array();
    let names = names.expect("names").iter();
    names
        .map(|name| format!("/{}", name.as_str().expect("a name")))
        .collect()
}

#[tokio::test]
async fn what_is_served_is_described_and_what_is_described_is_served() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(Settings::default()).await;
    let description = Description::own("agent.yaml");
    let files = files(&description);
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in description.operations() {
        let paths = match path {
            "/{file}" => files.clone(),
            path => vec![path.to_owned()],
        };
        for path in paths {
            let methods = described.entry(path).or_default();
            methods.insert(method.to_string());
            // The description says so once for all.
            if method == Method::GET {
                methods.insert("HEAD".to_owned());
            }
        }
    }
    assert_eq!(served(&agent).await, described);
}

const TOKEN: &str = "hush-hush";
const ORDERS: &str = "order-order";

fn with_tokens() -> Settings {
    Settings::default()
        .variable("AUTOSCALER_ALERTS__TOKEN", TOKEN)
        .variable("AUTOSCALER_CONTROL__TOKEN", ORDERS)
}

fn firing(direction: &str) -> Value {
    let labels = json!({ "scale": direction });
    json!({ "status": "firing", "alerts": [{ "status": "firing", "labels": labels }] })
}

/// The methods of alerts, each with its path.
const ALERTS: [(Method, &str); 8] = [
    (Method::POST, "/webhook"),
    (Method::PUT, "/webhook"),
    (Method::GET, "/up"),
    (Method::POST, "/up"),
    (Method::PUT, "/up"),
    (Method::GET, "/down"),
    (Method::POST, "/down"),
    (Method::PUT, "/down"),
];

/// What there is to see of one pool.
const OF_ONE_POOL: [&str; 4] = ["/status", "/decisions", "/history", "/events"];

/// Everything once the pool has grown, so that there is something to see.
async fn looks(seen: &mut Seen) {
    let environment = Environment::with_pool(2).await;
    environment.fault("list-instances", 1_000_000, FaultKind::Fail);
    let agent = environment.start(Settings::default()).await;
    seen.get(&agent, "/sd", 503).await;
    seen.get(&agent, "/healthz", 503).await;
    environment.cloud.faults().clear();
    environment.until_targets(2).await;
    agent.alert("up").await;
    environment.until_size(3).await;
    agent.until_decided("acted", "high_load").await;
    agent.until_healthy().await;
    let paths = ["/", "/pools", "/metrics", "/healthz", "/sd"];
    let files = files(&seen.description);
    let files = files.iter().map(String::as_str);
    for path in paths.into_iter().chain(OF_ONE_POOL).chain(files) {
        seen.get(&agent, path, 200).await;
    }
    for path in OF_ONE_POOL.into_iter().chain(["/sd"]) {
        seen.get(&agent, &format!("{path}?pool=none"), 404).await;
        seen.get(&agent, &format!("{path}?pool=a&pool=b"), 400)
            .await;
    }
    seen.streams_until_refused(&agent).await;
}

async fn alerts(seen: &mut Seen) {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(patient(Settings::default())).await;
    for (method, path) in ALERTS {
        let direction = path.trim_start_matches('/').replace("webhook", "up");
        let body = firing(&direction).to_string();
        let ask = |query: &str| {
            let url = agent.url(&format!("{path}{query}"));
            agent.http.request(method.clone(), url).body(body.clone())
        };
        seen.send(ask(""), 200).await;
        seen.send(ask("?pool=none"), 404).await;
        seen.send(ask("?pool=a&pool=b"), 400).await;
        let foreign = ask("").header("sec-fetch-site", "cross-site");
        seen.send(foreign, 403).await;
        if path == "/webhook" {
            seen.send(ask("").body("{"), 400).await;
            seen.send(ask("").body(vec![b' '; 5 << 20]), 413).await;
        } else {
            // Whatever these are sent is no reason to be alarmed.
            seen.send(ask("").body("{"), 200).await;
            seen.send(ask("").body(""), 200).await;
        }
    }
    let order = agent.http.put(agent.url("/control")).body("{}");
    seen.send(order, 403).await;
}

/// Bodies may take long on a busy machine.
fn patient(settings: Settings) -> Settings {
    settings.set("alerts.body_timeout", "20s")
}

/// Requests whose body does not come.
async fn half_bodies(seen: &mut Seen) {
    let environment = Environment::with_pool(1).await;
    let short = |settings: Settings| settings.set("alerts.body_timeout", "200ms");
    let agent = environment.start(short(Settings::default())).await;
    for (method, path) in ALERTS {
        seen.half_a_body(&agent, &method, path, None).await;
    }
    drop(agent);
    let agent = environment.start(short(with_tokens())).await;
    seen.half_a_body(&agent, &Method::PUT, "/control", Some(ORDERS))
        .await;
}

async fn who_may(seen: &mut Seen) {
    let environment = Environment::with_pool(1).await;
    let settings = with_tokens().set("alerts.protect_reads", "true");
    let agent = environment.start(settings).await;
    for (method, path) in ALERTS {
        seen.send(agent.http.request(method, agent.url(path)), 401)
            .await;
    }
    let paths = ["/", "/page.js", "/pools", "/metrics", "/sd"];
    for path in paths.into_iter().chain(OF_ONE_POOL) {
        seen.get(&agent, path, 401).await;
    }
}

async fn orders(seen: &mut Seen) {
    let environment = Environment::with_pool(1).await;
    let agent = environment.start(patient(with_tokens())).await;
    let put = |query: &str| agent.http.put(agent.url(&format!("/control{query}")));
    let order = |body: Value| put("").bearer_auth(ORDERS).body(body.to_string());
    for body in [
        json!({ "pause": true, "who": "me", "why": "a test" }),
        json!({ "resume": true }),
        json!({ "mode": "scale-out-only", "for": "2h" }),
        json!({ "limits": { "max": 8 } }),
        json!({ "size": 2 }),
        json!({ "mode": null }),
        json!({ "limits": null }),
    ] {
        let operation = seen.description.operation(&Method::PUT, "/control");
        let schema = seen.description.body(operation.expect("it is described"));
        let mut problems = Vec::new();
        let schema = schema.expect("it takes a body");
        seen.description.problems(schema, &body, "", &mut problems);
        assert!(problems.is_empty(), "{body}: {problems:?}");
        seen.send(order(body), 200).await;
    }
    seen.send(order(json!({ "pause": 1 })), 400).await;
    seen.send(order(json!({ "size": 1_000 })), 409).await;
    seen.send(put("").body("{}"), 401).await;
    seen.send(put("?pool=none").bearer_auth(ORDERS).body("{}"), 404)
        .await;
    // With orders in force there is more to see.
    seen.get(&agent, "/status", 200).await;
    seen.get(&agent, "/decisions", 200).await;
}

#[tokio::test]
async fn every_answer_that_is_described_is_given_as_described() {
    let mut seen = Seen::of(Description::own("agent.yaml"));
    looks(&mut seen).await;
    alerts(&mut seen).await;
    half_bodies(&mut seen).await;
    who_may(&mut seen).await;
    orders(&mut seen).await;
    seen.all_but(&NOT_MADE);
}
