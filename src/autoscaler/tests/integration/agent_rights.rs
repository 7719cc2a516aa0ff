//! The agent's role allows what the agent calls in a complete life, of its own pool, and nothing
//! else.

use std::collections::{BTreeMap, BTreeSet};

use exoscale::{Client, ClientConfig, ErrorKind, models::PoolState};
use local_cloud::LocalCloudConfig;
use reqwest::Method;
use serde_json::{Map, Value, json};
use test_support::{Api, quick};
use wiremock::{Mock, ResponseTemplate, matchers::path};

use crate::agent_support::{Environment, Settings, until};

/// The operations in a list of `terraform/modules/monitoring/iam.tf`.
pub(crate) fn operations(list: &str) -> BTreeSet<String> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../terraform/modules/monitoring/iam.tf"
    );
    let text = std::fs::read_to_string(file).unwrap();
    let begin = format!("  {list} = [");
    let (_, rest) = text.split_once(&begin).expect("the list is there");
    let (items, _) = rest.split_once(']').unwrap();
    let names = items.split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// The role's rules, as `terraform/modules/monitoring/iam.tf` writes them.
fn rules(reads: &BTreeSet<String>, pool: &str) -> Value {
    let list = |names: &BTreeSet<String>| {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        format!("operation in [{}]", quoted.join(", "))
    };
    let writes = list(&operations("agent_writes"));
    let ours = format!("{writes} && resources.instance_pool.id == '{pool}'");
    json!([
        { "action": "allow", "expression": list(reads) },
        { "action": "allow", "expression": ours },
    ])
}

/// A key whose role allows these reads, and the writes of this pool.
async fn restricted_key(api: &Api, reads: &BTreeSet<String>, pool: &str) -> (String, String) {
    let role = json!({
        "name": "agent",
        "policy": {
            "default-service-strategy": "deny",
            "services": { "compute": { "type": "rules", "rules": rules(reads, pool) } },
        },
    });
    let role = api.done(api.post("/iam-role", role).await).await;
    let key = json!({ "name": "agent", "role-id": role });
    let key = api.post("/api-key", key).await.body;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("key"), text("secret"))
}

/// What the agent calls with these reads.
fn with_writes(reads: &BTreeSet<String>) -> BTreeSet<String> {
    reads | &operations("agent_writes")
}

/// A stack whose pool has these further fields, and a key that may read so and resize the pool.
async fn environment(
    further: impl AsyncFnOnce(&Api) -> Value,
    reads: &BTreeSet<String>,
) -> (Environment, Settings) {
    let api = Api::start(quick(LocalCloudConfig::without_processes())).await;
    let further: Map<String, Value> = serde_json::from_value(further(&api).await).unwrap();
    let stack = api.cloud.create_stack_with(2, further).await.unwrap();
    let (key, secret) = restricted_key(&api, reads, &stack.pool.to_string()).await;
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
        .set("drain.mode", "http")
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
    let reads = operations("agent_reads");
    let (environment, settings) = environment(async |_| json!({}), &reads).await;
    assert_eq!(live(&environment, settings).await, with_writes(&reads));
}

#[tokio::test]
async fn the_role_resizes_no_other_pool() {
    let reads = operations("agent_reads");
    let api = Api::start(quick(LocalCloudConfig::without_processes())).await;
    let ours = api.cloud.create_stack(2).await.unwrap().pool;
    let other = api.cloud.create_stack(2).await.unwrap().pool;
    let (key, secret) = restricted_key(&api, &reads, &ours.to_string()).await;
    let endpoint = api.cloud.endpoint().parse().unwrap();
    let (key, secret) = (key.parse().unwrap(), secret.parse().unwrap());
    let config = ClientConfig::for_endpoint(endpoint, key, secret);
    let agent = Client::new(config).unwrap();
    let member = agent.list_pool_members(other).await.unwrap()[0].id;
    let refusals = [
        agent.scale_instance_pool(other, 1).await,
        agent.evict_instance_pool_members(other, &[member]).await,
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Unauthorized { status: 403, .. }),
            "{error}"
        );
    }
    let pools = api.cloud.status().pools;
    let pool = pools.iter().find(|pool| pool.id == other).unwrap();
    assert_eq!((pool.size, pool.state.clone()), (2, PoolState::Running));
    agent.scale_instance_pool(ours, 3).await.unwrap();
}

#[tokio::test]
async fn private_addresses_take_one_right_more() {
    let mut reads = operations("agent_reads");
    reads.append(&mut operations("private_address_operations"));
    let network = async |api: &Api| {
        let body = json!({
            "name": "inside", "start-ip": "10.0.0.10", "end-ip": "10.0.0.99",
            "netmask": "255.255.255.0",
        });
        let created = api.call(Method::POST, "/private-network", Some(body)).await;
        let id = api.done(created).await;
        json!({ "private-networks": [{ "id": id }] })
    };
    let (environment, settings) = environment(network, &reads).await;
    let settings = settings.set("discovery.addresses", "private");
    assert_eq!(live(&environment, settings).await, with_writes(&reads));
}
