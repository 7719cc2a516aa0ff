//! Load balancers, as a client sees them over HTTP.

use exoscale::{ids::PoolId, models::PoolState};
use serde_json::json;
use test_support::{Api, changed, new_service};

/// A load balancer with a service before `pool`, by its id.
async fn balancer_before(api: &Api, pool: PoolId) -> String {
    let created = api.post("/load-balancer", json!({ "name": "front" })).await;
    let balancer = api.done(created).await;
    let services = format!("/load-balancer/{balancer}/service");
    let added = api.post(&services, new_service(pool)).await;
    assert_eq!(
        api.done(added).await,
        balancer,
        "the operation is about the balancer"
    );
    balancer
}

#[tokio::test]
async fn a_load_balancer_serves_a_pool_and_protects_it_from_deletion() {
    let api = Api::without_processes().await;
    let pool = api.pool(2).await;
    let balancer = balancer_before(&api, pool).await;
    let path = format!("/load-balancer/{balancer}");
    api.until("two running members", |status| {
        status.balancers[0].services[0].servers.len() == 2
    })
    .await;

    let document = api.get(&path).await.body;
    let service = &document["services"][0];
    assert_eq!(service["instance-pool"]["id"], pool.to_string());
    let members = api.get("/instance").await.body;
    let mut addresses: Vec<_> = members["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["public-ip"].as_str().unwrap())
        .collect();
    let mut checked: Vec<_> = service["healthcheck-status"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            (
                s["public-ip"].as_str().unwrap(),
                s["status"].as_str().unwrap(),
            )
        })
        .collect();
    addresses.sort_unstable();
    checked.sort_unstable();
    assert_eq!(
        checked,
        addresses
            .iter()
            .map(|ip| (*ip, "success"))
            .collect::<Vec<_>>()
    );

    api.post(&format!("{path}/service"), new_service(pool))
        .await
        .refused(409, "port 80 is used");
    api.delete(&format!("/instance-pool/{pool}")).await.refused(
        403,
        &format!("is forbidden - reason: Locked by NLB {balancer}"),
    );

    api.cloud.stop().await;
}

#[tokio::test]
async fn a_service_can_be_changed_and_with_its_end_the_pool_is_free() {
    let api = Api::without_processes().await;
    let pool = api.pool(1).await;
    let path = format!("/load-balancer/{}", balancer_before(&api, pool).await);
    let document = api.get(&path).await.body;
    let service = document["services"][0]["id"].as_str().unwrap();
    let service = format!("{path}/service/{service}");
    let updated = api
        .put(
            &service,
            json!({ "healthcheck": { "interval": 20, "tls-sni": "example.net" }, "port": 81 }),
        )
        .await;
    api.done(updated).await;
    let document = api.get(&service).await.body;
    assert_eq!(
        (&document["port"], &document["target-port"]),
        (&json!(81), &json!(8080))
    );
    assert_eq!(document["healthcheck"]["interval"], 20);
    assert_eq!(document["healthcheck"]["uri"], "/health");

    let deleted = api.delete(&service).await;
    api.done(deleted).await;
    api.get(&service).await.refused(404, "service");
    let deleted = api.delete(&format!("/instance-pool/{pool}")).await;
    api.done(deleted).await;
    let deleted = api.delete(&path).await;
    api.done(deleted).await;
    assert_eq!(
        api.get("/load-balancer").await.body["load-balancers"],
        json!([])
    );
    api.cloud.stop().await;
}

/// The example of the provider's documents for `exoscale_nlb_service`.
#[tokio::test]
async fn an_https_check_asks_for_a_domain() {
    let api = Api::without_processes().await;
    let pool = api.pool(1).await;
    let path = format!("/load-balancer/{}", balancer_before(&api, pool).await);
    let body = json!({
        "name": "tls", "instance-pool": { "id": pool }, "protocol": "tcp",
        "strategy": "round-robin", "port": 443, "target-port": 8443,
        "healthcheck": {
            "mode": "https", "port": 8443, "uri": "/healthz", "tls-sni": "example.net",
            "interval": 5, "timeout": 3, "retries": 1,
        },
    });
    let added = api.post(&format!("{path}/service"), body.clone()).await;
    api.done(added).await;
    let document = api.get(&path).await.body;
    let service = &document["services"][1];
    assert_eq!(service["healthcheck"], body["healthcheck"]);
    let service = format!("{path}/service/{}", service["id"].as_str().unwrap());
    let null = json!({ "healthcheck": { "tls-sni": null } });
    api.done(api.put(&service, null).await).await;
    let document = api.get(&service).await.body;
    assert_eq!(document["healthcheck"].get("tls-sni"), None);
    assert_eq!(document["healthcheck"]["mode"], "https");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_port_can_serve_both_protocols() {
    let api = Api::without_processes().await;
    let pool = api.pool(1).await;
    let path = format!("/load-balancer/{}", balancer_before(&api, pool).await);
    let services = format!("{path}/service");
    let named = |name: &str| changed(new_service(pool), "/name", json!(name));
    let datagrams = changed(named("datagrams"), "/protocol", json!("udp"));
    api.done(api.post(&services, datagrams.clone()).await).await;
    let again = changed(datagrams, "/name", json!("again"));
    let refused = api.post(&services, again).await;
    refused.refused(409, "port 80 is used");

    let document = api.get(&path).await.body;
    assert_eq!(document["services"][1]["protocol"], "udp");
    let id = document["services"][0]["id"].as_str().unwrap();
    let first = format!("{services}/{id}");
    let other = json!({ "protocol": "udp" });
    let refused = api.put(&first, other).await;
    refused.refused(409, "port 80 is used");
    let moved = json!({ "protocol": "udp", "port": 53 });
    api.done(api.put(&first, moved).await).await;
    let document = api.get(&first).await.body;
    let place = (&document["protocol"], &document["port"]);
    assert_eq!(place, (&json!("udp"), &json!(53)));
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_stack_is_ready_made() {
    let api = Api::without_processes().await;
    let stack = api.cloud.create_stack(2).await.unwrap();
    let status = api.cloud.status();
    assert_eq!(
        (status.pools[0].id, &status.pools[0].state),
        (stack.pool, &PoolState::Running)
    );
    assert_eq!(status.balancers[0].id, stack.balancer);
    assert_eq!(status.balancers[0].services[0].port, 80);
    assert!(
        api.cloud
            .create_stack(1000)
            .await
            .unwrap_err()
            .to_string()
            .contains("quota exceeded")
    );
    api.cloud.stop().await;
}
