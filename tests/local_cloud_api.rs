//! The local cloud's API as a client sees it over HTTP.

mod local_cloud_support;

use std::collections::HashSet;

use autoscaler::{
    exoscale::models::{InstanceState, PoolState},
    local_cloud::{LocalCloudConfig, catalog},
};
use local_cloud_support::{Api, changed, new_pool, new_service, quick};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn ids(document: &Value) -> Vec<String> {
    let instances = document["instances"].as_array().expect("instances");
    instances
        .iter()
        .map(|instance| instance["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_pool_is_made_and_its_members_get_their_address_when_they_have_booted() {
    let api = Api::unhurried().await;
    let created = api.post("/instance-pool", new_pool(2)).await;
    let operation = &created.body;
    assert_eq!(operation["state"], "pending");
    let reference = &operation["reference"];
    let path = format!("/instance-pool/{}", reference["id"].as_str().unwrap());
    assert_eq!(reference["link"], format!("/v2{path}"));
    assert_eq!(reference["command"], "get-instance-pool");

    let pool = api.get(&path).await.body;
    assert_eq!(pool["state"], "creating");
    let list = format!(
        "/instance?manager-id={}&manager-type=instance-pool",
        pool["id"].as_str().unwrap()
    );
    for member in api.get(&list).await.body["instances"].as_array().unwrap() {
        assert_eq!(member["state"], "starting");
        assert!(member.get("public-ip").is_none(), "{member}");
    }
    api.done(created).await;
    assert_eq!(api.get(&path).await.body["state"], "running");

    api.until("two running members", |status| {
        status.pools[0]
            .members
            .iter()
            .all(|m| m.state == InstanceState::Running)
    })
    .await;
    let members = api.get(&list).await.body;
    let mut addresses = HashSet::new();
    for member in members["instances"].as_array().unwrap() {
        assert_eq!(member["state"], "running");
        assert_eq!(
            member["manager"],
            json!({ "id": pool["id"], "type": "instance-pool" })
        );
        assert_eq!(member["labels"], json!({ "role": "web" }));
        assert!(member["name"].as_str().unwrap().starts_with("web-"));
        assert!(addresses.insert(member["public-ip"].as_str().unwrap().to_owned()));
        let one = api
            .get(&format!("/instance/{}", member["id"].as_str().unwrap()))
            .await
            .body;
        assert_eq!(one["public-ip"], member["public-ip"]);
        assert_eq!(one["instance-type"]["size"], "tiny");
        assert_eq!(one["disk-size"], 10);
    }
    assert_eq!(ids(&api.get(&path).await.body).len(), 2);
    api.cloud.stop().await;
}

#[tokio::test]
async fn scaling_up_adds_members_and_scaling_down_removes_the_oldest() {
    let api = Api::unhurried().await;
    let pool = api.pool(2).await;
    let path = format!("/instance-pool/{pool}");
    let before = ids(&api.get(&path).await.body);

    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 4 }))
        .await;
    let during = api.get(&path).await.body;
    assert_eq!(
        (&during["state"], &during["size"]),
        (&json!("scaling-up"), &json!(4))
    );
    api.done(scaled).await;
    let grown = ids(&api.get(&path).await.body);
    assert_eq!((grown.len(), &grown[..2]), (4, &before[..]));

    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 3 }))
        .await;
    assert_eq!(api.get(&path).await.body["state"], "scaling-down");
    api.done(scaled).await;
    assert_eq!(ids(&api.get(&path).await.body), &grown[1..]);
    assert_eq!(api.get(&path).await.body["state"], "running");

    // The same size again changes nothing and is no error: the call is idempotent.
    let same = api
        .put(&format!("{path}:scale"), json!({ "size": 3 }))
        .await;
    assert_eq!(api.get(&path).await.body["state"], "running");
    api.done(same).await;
    assert_eq!(ids(&api.get(&path).await.body), &grown[1..]);
    api.cloud.stop().await;
}

#[tokio::test]
async fn eviction_removes_exactly_the_named_members_and_shrinks_the_pool() {
    let api = Api::without_processes().await;
    let pool = api.pool(3).await;
    let path = format!("/instance-pool/{pool}");
    let evict = format!("{path}:evict");
    let members = ids(&api.get(&path).await.body);

    let stranger = "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001";
    api.put(&evict, json!({ "instances": [stranger] }))
        .await
        .refused(400, "is not a member");
    api.put(&evict, json!({ "instances": [] }))
        .await
        .refused(400, "instances: must name");
    api.put(&evict, json!({}))
        .await
        .refused(400, "instances: is missing");
    api.put(&evict, json!({ "instances": ["x"] }))
        .await
        .refused(400, "instances: \"x\"");
    let twice = json!({ "instances": [members[1], members[1]] });
    api.put(&evict, twice).await.refused(400, "occurs twice");

    let evicted = api.put(&evict, json!({ "instances": [members[1]] })).await;
    api.done(evicted).await;
    let after = api.get(&path).await.body;
    assert_eq!(after["size"], 2);
    assert_eq!(ids(&after), [members[0].clone(), members[2].clone()]);
    api.get(&format!("/instance/{}", members[1]))
        .await
        .refused(404, &members[1]);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_change_while_another_runs_is_a_conflict() {
    let api = Api::unhurried().await;
    let pool = api.pool(1).await;
    let path = format!("/instance-pool/{pool}");
    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 2 }))
        .await;
    let member = &ids(&api.get(&path).await.body)[0];
    let conflict = "is scaling-up: another change is in progress";
    api.put(&format!("{path}:scale"), json!({ "size": 3 }))
        .await
        .refused(409, conflict);
    api.put(&format!("{path}:evict"), json!({ "instances": [member] }))
        .await
        .refused(409, conflict);
    api.put(&path, json!({ "name": "other" }))
        .await
        .refused(409, conflict);
    api.done(scaled).await;

    // A deletion is always possible, and interrupts.
    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 3 }))
        .await;
    let deleted = api.delete(&path).await;
    assert_eq!(api.get(&path).await.body["state"], "destroying");
    api.done(deleted).await;
    api.get(&path).await.refused(404, "instance-pool");
    let interrupted = format!("/operation/{}", scaled.body["id"].as_str().unwrap());
    let operation = api.get(&interrupted).await.body;
    assert_eq!(
        (&operation["state"], &operation["reason"]),
        (&json!("failure"), &json!("interrupted"))
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_wrong_pool_is_refused_with_the_field_that_is_wrong() {
    let api = Api::without_processes().await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    for (pointer, value, problem) in [
        ("/size", Value::Null, "size: is missing"),
        (
            "/size",
            json!(0),
            "size: must be a whole number, at least 1",
        ),
        ("/size", json!("2"), "size: must be a whole number"),
        ("/name", json!(""), "name: must have 1 to 255"),
        ("/template", Value::Null, "template: is missing"),
        (
            "/template/id",
            json!("x"),
            "template.id: \"x\" is not a UUID",
        ),
        (
            "/template/id",
            json!(unknown),
            "template.id: no such template",
        ),
        (
            "/instance-type/id",
            json!(unknown),
            "instance-type.id: no such",
        ),
        (
            "/instance-type",
            json!("tiny"),
            "instance-type: must be an object",
        ),
        (
            "/disk-size",
            json!(9),
            "disk-size: must be a whole number from 10 to 51200",
        ),
        ("/user-data", json!("!"), "user-data: must be base64"),
        (
            "/labels",
            json!({ "a": 1 }),
            "labels: must be an object of strings",
        ),
        (
            "/security-groups",
            json!([1]),
            "security-groups: must be an array of objects",
        ),
        ("/colour", json!("red"), "colour: is not a field"),
    ] {
        let body = changed(new_pool(1), pointer, value);
        api.post("/instance-pool", body).await.refused(400, problem);
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_wrong_argument_is_refused_by_its_name() {
    let api = Api::without_processes().await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    let pool = api.pool(1).await;
    let scale = format!("/instance-pool/{pool}:scale");
    api.put(&scale, json!({ "size": -1 }))
        .await
        .refused(400, "size: ");
    api.put(&scale, json!({}))
        .await
        .refused(400, "size: is missing");
    api.put("/instance-pool/x:scale", json!({ "size": 1 }))
        .await
        .refused(400, "id: \"x\"");
    api.put(
        &format!("/instance-pool/{unknown}:scale"),
        json!({ "size": 1 }),
    )
    .await
    .refused(404, unknown);
    api.get("/instance?manager-id=x")
        .await
        .refused(400, "manager-id: ");
    api.get("/instance?manager-type=sks-nodepool")
        .await
        .refused(400, "manager-type: ");
    api.get("/template?visibility=secret")
        .await
        .refused(400, "visibility: ");
    let reply = local_cloud_support::read(api.request(&Method::PUT, &scale, b"{")).await;
    reply.refused(400, "body: is not JSON");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_wrong_service_is_refused_with_the_field_that_is_wrong() {
    let api = Api::without_processes().await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    let pool = api.pool(1).await;

    let balancer = api.post("/load-balancer", json!({ "name": "front" })).await;
    let balancer = api.done(balancer).await;
    let services = format!("/load-balancer/{balancer}/service");
    for (pointer, value, problem) in [
        (
            "/healthcheck/interval",
            json!(4),
            "healthcheck.interval: must be a whole number from 5 to 300",
        ),
        (
            "/healthcheck/timeout",
            json!(1),
            "healthcheck.timeout: must be a whole number from 2 to 60",
        ),
        (
            "/healthcheck/timeout",
            json!(11),
            "healthcheck.timeout: must be at most the interval",
        ),
        (
            "/healthcheck/retries",
            json!(21),
            "healthcheck.retries: must be a whole number from 1 to 20",
        ),
        (
            "/healthcheck/uri",
            Value::Null,
            "healthcheck.uri: is missing",
        ),
        (
            "/healthcheck/mode",
            json!("icmp"),
            "healthcheck.mode: must be one of",
        ),
        ("/healthcheck", Value::Null, "healthcheck: is missing"),
        (
            "/strategy",
            json!("random"),
            "strategy: must be one of round-robin",
        ),
        (
            "/port",
            json!(65536),
            "port: must be a whole number from 1 to 65535",
        ),
        (
            "/instance-pool/id",
            json!(unknown),
            "instance-pool.id: instance-pool",
        ),
    ] {
        let body = changed(new_service(pool), pointer, value);
        api.post(&services, body).await.refused(400, problem);
    }
    let udp = changed(new_service(pool), "/protocol", json!("udp"));
    api.post(&services, udp).await.refused(501, "udp");
    api.cloud.stop().await;
}

#[tokio::test]
async fn only_a_valid_signature_is_let_in() {
    let api = Api::without_processes().await;
    let cloud = &api.cloud;
    let zones = |key, secret| {
        local_cloud_support::read(api.request_as(key, secret, &Method::GET, "/zone", b""))
    };
    let other_key = "EXOother".parse().unwrap();
    let other_secret = "other".parse().unwrap();
    assert_eq!(
        zones(cloud.key(), cloud.secret()).await.status,
        StatusCode::OK
    );
    zones(&other_key, cloud.secret())
        .await
        .refused(403, "EXOother");
    zones(cloud.key(), &other_secret)
        .await
        .refused(403, "signature");

    let url = format!("{}/zone", cloud.endpoint());
    local_cloud_support::read(api.http.get(&url))
        .await
        .refused(403, "Authorization");
    let signed = autoscaler::exoscale::signature::SignedRequest {
        method: "GET",
        path: "/v2/zone",
        query: &[],
        body: b"",
    };
    let expired = autoscaler::exoscale::signature::sign(cloud.key(), cloud.secret(), signed, 1);
    let late = api.http.get(&url).header("authorization", expired);
    local_cloud_support::read(late)
        .await
        .refused(403, "expired");
    assert_eq!(
        cloud.status().calls.get("list-zones"),
        Some(&1),
        "refused calls are not counted"
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let api = Api::without_processes().await;
    api.get("/sks-cluster")
        .await
        .refused(501, "GET /v2/sks-cluster");
    api.post("/zone", json!({}))
        .await
        .refused(501, "POST /v2/zone");
    api.local(Method::GET, "/nothing", None)
        .await
        .refused(501, "/_local/nothing");
    let pool = api.pool(1).await;
    api.put(&format!("/instance-pool/{pool}:dance"), json!({}))
        .await
        .refused(501, ":dance");
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_is_for_this_machine_only() {
    let api = Api::without_processes().await;
    let url = api.cloud.endpoint().replace("/v2", "/_local/environment");
    let variables = api
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let key = format!("export EXOSCALE_API_KEY='{}'\n", api.cloud.key());
    assert!(variables.contains(&key), "{variables}");
    // A web page can make its own name lead to this machine, but not send another name.
    let rebound = api.http.get(&url).header("host", "attacker.example:7290");
    local_cloud_support::read(rebound)
        .await
        .refused(403, "this machine only");
    let forwarded = api
        .http
        .get(&url)
        .header("x-forwarded-host", "attacker.example");
    local_cloud_support::read(forwarded)
        .await
        .refused(403, "this machine only");
    let large = api.request(&Method::POST, "/instance-pool", &vec![b' '; 2 << 20]);
    local_cloud_support::read(large)
        .await
        .refused(400, "body: ");
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_quota_holds_over_all_pools_and_is_freed_by_a_deletion() {
    let config = LocalCloudConfig {
        instance_quota: 3,
        ..quick(LocalCloudConfig::without_processes())
    };
    let api = Api::start(config).await;
    let first = api.pool(2).await;
    let quota = api.get("/quota/instance").await.body;
    assert_eq!(
        quota,
        json!({ "resource": "instance", "usage": 2, "limit": 3 })
    );
    api.post("/instance-pool", new_pool(2))
        .await
        .refused(403, "quota exceeded: 4 instances wanted, 3 allowed");
    let scale = format!("/instance-pool/{first}:scale");
    api.put(&scale, json!({ "size": 4 }))
        .await
        .refused(403, "quota exceeded");
    assert_eq!(
        api.get(&format!("/instance-pool/{first}")).await.body["size"],
        2
    );
    let scaled = api.put(&scale, json!({ "size": 3 })).await;
    api.done(scaled).await;
    let deleted = api.delete(&format!("/instance-pool/{first}")).await;
    api.done(deleted).await;
    api.pool(3).await;
    api.get("/quota/mainframe").await.refused(404, "mainframe");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_thousand_members_come_in_one_call() {
    let config = LocalCloudConfig {
        instance_quota: 1000,
        ..quick(LocalCloudConfig::without_processes())
    };
    let api = Api::start(config).await;
    let pool = api.pool(1000).await;
    api.until("all members running", |status| {
        status.pools[0]
            .members
            .iter()
            .all(|m| m.state == InstanceState::Running)
    })
    .await;
    let calls = api
        .cloud
        .status()
        .calls
        .get("list-instances")
        .copied()
        .unwrap_or_default();
    let list = api
        .get(&format!(
            "/instance?manager-id={pool}&manager-type=instance-pool"
        ))
        .await;
    let members = list.body["instances"].as_array().unwrap();
    let addresses: HashSet<_> = members
        .iter()
        .map(|m| m["public-ip"].as_str().unwrap())
        .collect();
    assert_eq!((members.len(), addresses.len()), (1000, 1000));
    assert_eq!(api.cloud.status().calls["list-instances"], calls + 1);

    let nobody = api
        .get("/instance?manager-id=5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001")
        .await;
    assert_eq!(nobody.body["instances"], json!([]));
    let by_label = api.get("/instance?labels=role%3Dweb").await.body;
    assert_eq!(by_label["instances"].as_array().unwrap().len(), 1000);
    let none = api.get("/instance?labels=role%3Ddb").await.body;
    assert_eq!(none["instances"], json!([]));
    let one = api
        .get(&format!(
            "/instance?ip-address={}",
            members[7]["public-ip"].as_str().unwrap()
        ))
        .await;
    assert_eq!(one.body["instances"][0]["id"], members[7]["id"]);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_deleted_member_is_replaced_because_the_pool_keeps_its_size() {
    let api = Api::without_processes().await;
    let pool = api.pool(2).await;
    let path = format!("/instance-pool/{pool}");
    let before = ids(&api.get(&path).await.body);
    let deleted = api.delete(&format!("/instance/{}", before[0])).await;
    assert_eq!(api.done(deleted).await, before[0]);
    let after = api.get(&path).await.body;
    assert_eq!(
        (&after["size"], &after["state"]),
        (&json!(2), &json!("running"))
    );
    let after = ids(&after);
    assert_eq!((after.len(), &after[0]), (2, &before[1]));
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_load_balancer_serves_a_pool_and_protects_it_from_deletion() {
    let api = Api::without_processes().await;
    let pool = api.pool(2).await;
    let created = api.post("/load-balancer", json!({ "name": "front" })).await;
    let balancer = api.done(created).await;
    let path = format!("/load-balancer/{balancer}");
    let added = api
        .post(&format!("{path}/service"), new_service(pool))
        .await;
    assert_eq!(
        api.done(added).await,
        balancer,
        "the operation is about the balancer"
    );
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
    api.delete(&format!("/instance-pool/{pool}"))
        .await
        .refused(409, &balancer);

    let service = format!("{path}/service/{}", service["id"].as_str().unwrap());
    let updated = api
        .put(
            &service,
            json!({ "healthcheck": { "interval": 20 }, "port": 81 }),
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

#[tokio::test]
async fn an_update_is_for_new_members_and_a_reset_takes_it_back() {
    let api = Api::unhurried().await;
    let pool = api.pool(1).await;
    let path = format!("/instance-pool/{pool}");
    let small = catalog::INSTANCE_TYPES[2].core.id;
    let body = json!({ "description": "d", "instance-type": { "id": small }, "user-data": "bmV3IGRhdGE=" });
    let updated = api.put(&path, body).await;
    assert_eq!(api.get(&path).await.body["state"], "updating");
    api.done(updated).await;
    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 2 }))
        .await;
    api.done(scaled).await;

    let members = ids(&api.get(&path).await.body);
    for (member, size, data) in [
        (&members[0], "tiny", "hello, instance"),
        (&members[1], "small", "new data"),
    ] {
        let instance = api.get(&format!("/instance/{member}")).await.body;
        assert_eq!(instance["instance-type"]["size"], size);
        let url = api.cloud.endpoint().replace(
            "/v2",
            &format!("/_local/metadata/{member}/latest/user-data"),
        );
        let metadata = api
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert_eq!(metadata, data);
    }

    let reset = api.delete(&format!("{path}/description")).await;
    api.done(reset).await;
    assert!(api.get(&path).await.body.get("description").is_none());
    api.delete(&format!("{path}/size"))
        .await
        .refused(400, "field: must be one of");
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
