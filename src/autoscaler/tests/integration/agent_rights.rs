//! The agent's role allows what the agent calls in a complete life, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use exoscale::models::PoolState;
use local_cloud::LocalCloudConfig;
use reqwest::Method;
use serde_json::{Map, Value, json};
use test_support::{Api, quick};
use wiremock::{Mock, ResponseTemplate, matchers::path};

use crate::agent_support::{Environment, Settings, until};

/// The operations in a list of `terraform/iam.tf`.
fn operations(list: &str) -> BTreeSet<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../terraform/iam.tf");
    let text = std::fs::read_to_string(file).unwrap();
    let begin = format!("  {list} = [");
    let (_, rest) = text.split_once(&begin).expect("the list is there");
    let (items, _) = rest.split_once(']').unwrap();
    let names = items.split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// A key whose role allows these operations and no others.
async fn restricted_key(api: &Api, allowed: &BTreeSet<String>) -> (String, String) {
    let quoted: Vec<String> = allowed.iter().map(|name| format!("'{name}'")).collect();
    let expression = format!("operation in [{}]", quoted.join(", "));
    let role = json!({
        "name": "agent",
        "policy": {
            "default-service-strategy": "deny",
            "services": { "compute": {
                "type": "rules",
                "rules": [{ "action": "allow", "expression": expression }],
            } },
        },
    });
    let role = api.done(api.post("/iam-role", role).await).await;
    let key = json!({ "name": "agent", "role-id": role });
    let key = api.post("/api-key", key).await.body;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("key"), text("secret"))
}

/// A stack whose pool has these further fields, and a key that may do what is `allowed`.
async fn environment(
    further: impl AsyncFnOnce(&Api) -> Value,
    allowed: &BTreeSet<String>,
) -> (Environment, Settings) {
    let api = Api::start(quick(LocalCloudConfig::without_processes())).await;
    let further: Map<String, Value> = serde_json::from_value(further(&api).await).unwrap();
    let stack = api.cloud.create_stack_with(2, further).await.unwrap();
    let (key, secret) = restricted_key(&api, allowed).await;
    let settings = Settings::default()
        .variable("EXOSCALE_KEY", &key)
        .variable("EXOSCALE_SECRET", &secret);
    let environment = Environment {
        cloud: api.cloud,
        stack,
        folder: tempfile::tempdir().unwrap(),
    };
    (environment, settings)
}

async fn until_at_rest(environment: &Environment, size: u32) {
    until("the pool is at rest", || {
        let pool = environment.pool();
        (pool.size == size && pool.state == PoolState::Running).then_some(())
    })
    .await;
}

/// Discovers, grows, drains a member, shrinks; returns which operations that took.
async fn live(environment: &Environment, settings: Settings) -> BTreeSet<String> {
    let before: BTreeMap<_, _> = environment.cloud.status().calls;
    let (port, members) = environment.serve_members().await;
    for member in &members {
        Mock::given(path("/drain"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "in_flight": 0 })))
            .mount(member)
            .await;
    }
    let settings = settings
        .set("scaling.cooldown", "1s")
        .set("drain.enabled", "true")
        .set("drain.timeout", "1s")
        .set("drain.port", port);
    let agent = environment.start(settings).await;
    environment.until_targets(2).await;
    agent.alert("up").await;
    until_at_rest(environment, 3).await;
    environment.until_targets(3).await;
    agent.alert("down").await;
    until_at_rest(environment, 2).await;
    environment.until_targets(2).await;
    until("both actions have ended", || {
        let log = agent.log();
        (log.matches("Pool resized: ").count() == 2).then_some(())
    })
    .await;
    let after = environment.cloud.status().calls;
    after
        .into_iter()
        .filter(|(operation, count)| before.get(operation) != Some(count))
        .map(|(operation, _)| operation.to_owned())
        .collect()
}

#[tokio::test]
async fn the_role_allows_what_a_whole_life_calls_and_nothing_else() {
    let allowed = operations("agent_operations");
    let (environment, settings) = environment(async |_| json!({}), &allowed).await;
    assert_eq!(live(&environment, settings).await, allowed);
}

#[tokio::test]
async fn private_addresses_take_one_right_more() {
    let mut allowed = operations("agent_operations");
    allowed.append(&mut operations("private_address_operations"));
    let network = async |api: &Api| {
        let body = json!({
            "name": "inside", "start-ip": "10.0.0.10", "end-ip": "10.0.0.99",
            "netmask": "255.255.255.0",
        });
        let created = api.call(Method::POST, "/private-network", Some(body)).await;
        let id = api.done(created).await;
        json!({ "private-networks": [{ "id": id }] })
    };
    let (environment, settings) = environment(network, &allowed).await;
    let settings = settings.set("discovery.addresses", "private");
    assert_eq!(live(&environment, settings).await, allowed);
}
