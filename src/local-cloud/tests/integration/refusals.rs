//! What the local cloud refuses, and how it says so.

use local_cloud::LocalCloudConfig;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::{Api, changed, new_pool, new_service, quick};

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
            "/instance-type",
            json!([unknown]),
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
    let reply = test_support::read(api.request(&Method::PUT, &scale, b"{")).await;
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
        (
            "/healthcheck/intervall",
            json!(10),
            "healthcheck.intervall: is not a field",
        ),
        (
            "/healthcheck",
            json!(["http", 8080, "/health", 10, 5, 1, null]),
            "healthcheck: must be an object",
        ),
        (
            "/strategy",
            json!({ "round-robin": null }),
            "strategy: must be a string",
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
    for name in ["127.0.0.1", "a b", "", "-"] {
        let sni = changed(new_service(pool), "/healthcheck/tls-sni", json!(name));
        let refused = api.post(&services, sni).await;
        refused.refused(400, "healthcheck.tls-sni: must");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn only_a_valid_signature_is_let_in() {
    let api = Api::without_processes().await;
    let cloud = &api.cloud;
    let zones =
        |key, secret| test_support::read(api.request_as(key, secret, &Method::GET, "/zone", b""));
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

    let url = format!("{}/instance-type", cloud.endpoint());
    test_support::read(api.http.get(&url))
        .await
        .refused(403, "Authorization");
    let signed = exoscale::signature::SignedRequest {
        method: "GET",
        path: "/v2/instance-type",
        query: &[],
        body: b"",
    };
    let expired = exoscale::signature::sign(cloud.key(), cloud.secret(), signed, 1);
    let late = api.http.get(&url).header("authorization", expired);
    test_support::read(late).await.refused(403, "expired");
    assert_eq!(
        cloud.status().calls.get("list-zones"),
        Some(&1),
        "refused calls are not counted"
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_zones_are_told_to_everyone() {
    let api = Api::without_processes().await;
    let url = format!("{}/zone", api.cloud.endpoint());
    let answer = test_support::read(api.http.get(&url)).await;
    assert_eq!(answer.status, StatusCode::OK);
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let api = Api::without_processes().await;
    for (path, product) in [
        ("/sks-cluster", "SKS"),
        ("/sks-cluster/kubernetes-version", "SKS"),
        ("/dbaas-service", "DBaaS"),
        ("/dns-domain", "DNS"),
        ("/block-storage", "block storage"),
        ("/block-storage-snapshot", "block storage"),
    ] {
        let reply = api.get(path).await;
        reply.refused(501, product);
        reply.refused(501, &format!("GET /v2{path}"));
    }
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
    test_support::read(rebound)
        .await
        .refused(403, "this machine only");
    let forwarded = api
        .http
        .get(&url)
        .header("x-forwarded-host", "attacker.example");
    test_support::read(forwarded)
        .await
        .refused(403, "this machine only");
    let large = api.request(&Method::POST, "/instance-pool", &vec![b' '; 2 << 20]);
    test_support::read(large).await.refused(400, "body: ");
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
