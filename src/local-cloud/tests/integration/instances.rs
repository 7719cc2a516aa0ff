//! Instances: what their user-data does, their addresses, and what belongs to one.

use std::net::{Ipv6Addr, SocketAddr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use local_cloud::catalog;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Api, changed, new_pool, new_service};

fn new_instance() -> Value {
    json!({
        "name": "one",
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[0].core.id },
        "disk-size": 10,
    })
}

/// One of Exoscale's own, whose instances have a password.
async fn template_with_password(api: &Api) -> Value {
    let found = api.get("/template?visibility=public").await.body;
    let mut templates = found["templates"].as_array().unwrap().iter();
    let template = templates.find(|template| template["password-enabled"] == true);
    json!({ "id": template.unwrap()["id"] })
}

async fn made(api: &Api, body: Value) -> String {
    api.done(api.post("/instance", body).await).await
}

async fn running_member(api: &Api, pool: &str) -> Value {
    let list = format!("/instance?manager-id={pool}&manager-type=instance-pool");
    loop {
        let members = api.get(&list).await.body;
        let member = members["instances"][0].clone();
        if member["state"] == "running" {
            return member;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_user_data_does_nothing_is_shown() {
    let api = Api::without_processes().await;
    let ours = r#"{"version":1,"role":"slow-app","slow_app":{"wrk_ms":5}}"#;
    for (text, ignored) in [
        ("#cloud-config\nversion: 1\n", json!("cloud-config")),
        ("#!/bin/sh\nexit 1\n", json!("a script")),
        ("\u{0}\u{1}", json!("binary data")),
        (ours, Value::Null),
    ] {
        let data = json!(BASE64_STANDARD.encode(text));
        let pool = changed(new_pool(1), "/user-data", data.clone());
        let pool = api.done(api.post("/instance-pool", pool).await).await;
        let one = made(&api, changed(new_instance(), "/user-data", data)).await;
        let status = api.local(Method::GET, "/status", None).await.body;
        assert_eq!(status["pools"][0]["ignored_user_data"], ignored, "{text}");
        assert_eq!(
            status["instances"][0]["ignored_user_data"], ignored,
            "{text}"
        );
        for path in [format!("/instance-pool/{pool}"), format!("/instance/{one}")] {
            api.done(api.delete(&path).await).await;
        }
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn without_a_public_address_no_balancer_sees_a_member() {
    let api = Api::without_processes().await;
    for (assignment, seen) in [("none", 0), ("inet4", 1), ("dual", 1)] {
        let pool = changed(new_pool(1), "/public-ip-assignment", json!(assignment));
        let pool = api.done(api.post("/instance-pool", pool).await).await;
        let balancer = api.post("/load-balancer", json!({ "name": assignment }));
        let balancer = api.done(balancer.await).await;
        let service = new_service(pool.parse().unwrap());
        let path = format!("/load-balancer/{balancer}");
        api.done(api.post(&format!("{path}/service"), service).await)
            .await;
        let member = running_member(&api, &pool).await;
        assert_eq!(member.get("public-ip").is_some(), seen == 1, "{member}");
        let shown = api.get(&path).await.body;
        let statuses = &shown["services"][0]["healthcheck-status"];
        assert_eq!(statuses.as_array().unwrap().len(), seen, "{assignment}");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn both_ways_to_ask_for_ipv6_mean_the_same() {
    let api = Api::without_processes().await;
    for (field, value, assignment) in [
        ("/ipv6-enabled", json!(true), "dual"),
        ("/ipv6-enabled", json!(false), "inet4"),
        ("/public-ip-assignment", json!("dual"), "dual"),
        ("/public-ip-assignment", json!("none"), "none"),
    ] {
        let pool = changed(new_pool(1), field, value.clone());
        let pool = api.done(api.post("/instance-pool", pool).await).await;
        let path = format!("/instance-pool/{pool}");
        let shown = api.get(&path).await.body;
        let one = made(&api, changed(new_instance(), field, value)).await;
        let one = api.get(&format!("/instance/{one}")).await.body;
        assert_eq!(one["public-ip-assignment"], assignment);
        assert_eq!(one.get("ipv6-address").is_some(), assignment == "dual");
        assert_eq!(shown["public-ip-assignment"], assignment);
        assert_eq!(shown["ipv6-enabled"], assignment == "dual");
        let other = if assignment == "none" {
            "inet4"
        } else {
            "none"
        };
        let change = json!({ "public-ip-assignment": other });
        api.put(&path, change).await.refused(
            400,
            "public-ip-assignment: cannot be changed from or to none",
        );
        if assignment == "dual" {
            let off = api.put(&path, json!({ "ipv6-enabled": false })).await;
            api.done(off).await;
            let shown = api.get(&path).await.body;
            assert_eq!(shown["public-ip-assignment"], "inet4");
        }
    }
    api.cloud.stop().await;
}

/// The address is unique, and leads to the instance over an IPv6 socket.
#[tokio::test]
async fn an_ipv6_address_leads_to_its_instance() {
    let api = Api::without_processes().await;
    let dual = changed(new_instance(), "/public-ip-assignment", json!("dual"));
    let one = made(&api, dual).await;
    let one = api.get(&format!("/instance/{one}")).await.body;
    let public: std::net::Ipv4Addr = one["public-ip"].as_str().unwrap().parse().unwrap();
    let listener = tokio::net::TcpListener::bind((public, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address: Ipv6Addr = one["ipv6-address"].as_str().unwrap().parse().unwrap();
    // A machine without IPv6 has no such socket, and no client that would use the address.
    if let Ok(socket) = tokio::net::TcpSocket::new_v6() {
        socket
            .connect(SocketAddr::from((address, port)))
            .await
            .unwrap();
        listener.accept().await.unwrap();
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_named() {
    let api = Api::without_processes().await;
    let absent = "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0009";
    for (field, value) in [
        ("elastic-ips", json!([{ "id": absent }])),
        ("private-networks", json!([{ "id": absent }])),
        ("security-groups", json!([{ "id": absent }])),
        ("anti-affinity-groups", json!([{ "id": absent }])),
        ("ssh-keys", json!([{ "name": "nobody" }])),
        ("ssh-key", json!({ "name": "nobody" })),
        ("deploy-target", json!({ "id": absent })),
        ("template", json!({ "id": absent })),
        ("instance-type", json!({ "id": absent })),
    ] {
        let pool = changed(new_pool(1), &format!("/{field}"), value.clone());
        api.post("/instance-pool", pool).await.refused(400, field);
        let pool = api.pool(1).await;
        let change = json!({ field: value });
        api.put(&format!("/instance-pool/{pool}"), change)
            .await
            .refused(400, field);
        if !["elastic-ips", "private-networks"].contains(&field) {
            let instance = changed(new_instance(), &format!("/{field}"), value);
            api.post("/instance", instance).await.refused(400, field);
        }
    }
    // As `exo` says "none" in an update.
    let pool = api.pool(1).await;
    let none = json!({ "elastic-ips": [], "deploy-target": {}, "ssh-keys": [] });
    api.done(api.put(&format!("/instance-pool/{pool}"), none).await)
        .await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_protected_instance_is_locked() {
    let api = Api::without_processes().await;
    let id = made(&api, new_instance()).await;
    let path = format!("/instance/{id}");
    let protect = api.put(&format!("{path}:add-protection"), json!({})).await;
    api.done(protect).await;
    let said = format!(
        "Operation delete-instance on resource {id} is forbidden - reason: manual instance protection"
    );
    api.delete(&path).await.refused(403, &said);
    let unprotect = api
        .put(&format!("{path}:remove-protection"), json!({}))
        .await;
    api.done(unprotect).await;
    api.done(api.delete(&path).await).await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_password_is_for_a_template_that_takes_one() {
    let api = Api::without_processes().await;
    let id = made(&api, new_instance()).await;
    let reveal = format!("/instance/{id}:password");
    api.get(&reveal).await.refused(404, "password of instance");
    api.put(&format!("/instance/{id}:reset-password"), json!({}))
        .await
        .refused(409, "is not password-enabled");
    let other = json!({ "template": template_with_password(&api).await });
    let reset = api.put(&format!("/instance/{id}:reset"), other).await;
    api.done(reset).await;
    let password = api.get(&reveal).await.body["password"].clone();
    assert!(password.as_str().is_some_and(|text| text.len() > 12));
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_instance_goes_back_to_its_own_snapshots_when_it_is_stopped() {
    let api = Api::without_processes().await;
    let id = made(&api, new_instance()).await;
    let other = made(&api, new_instance()).await;
    let take = format!("/instance/{id}:create-snapshot");
    let taken = api.call(Method::POST, &take, None).await;
    let link = taken.body["reference"]["link"].as_str().unwrap().to_owned();
    let snapshot = api.done(taken).await;
    assert_eq!(link, format!("/v2/snapshot/{snapshot}"));
    let back = async |instance: &str| {
        let path = format!("/instance/{instance}:revert-snapshot");
        api.post(&path, json!({ "id": snapshot })).await
    };
    back(&id).await.refused(409, "must be stopped");
    back(&other).await.refused(404, &snapshot);
    let stop = api.put(&format!("/instance/{id}:stop"), json!({})).await;
    api.done(stop).await;
    let larger = json!({ "disk-size": 30 });
    let resize = format!("/instance/{id}:resize-disk");
    api.done(api.put(&resize, larger).await).await;
    api.done(back(&id).await).await;
    let shown = api.get(&format!("/instance/{id}")).await.body;
    assert_eq!(shown["disk-size"], 10);
    let path = format!("/snapshot/{snapshot}");
    api.done(api.delete(&path).await).await;
    api.get(&path).await.refused(404, &snapshot);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_console_leads_to_a_page_of_the_local_cloud() {
    let api = Api::without_processes().await;
    let id = made(&api, new_instance()).await;
    let console = api.get(&format!("/console/{id}")).await.body;
    let url = console["url"].as_str().unwrap();
    let joined = format!(
        "http://{}{}",
        console["host"].as_str().unwrap(),
        console["path"].as_str().unwrap()
    );
    assert_eq!(url, joined);
    let page = api.http.get(url).send().await.unwrap();
    assert!(page.status().is_success());
    assert!(page.text().await.unwrap().starts_with("one has no screen."));
    let stranger = "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0009";
    api.get(&format!("/console/{stranger}"))
        .await
        .refused(404, stranger);
    api.cloud.stop().await;
}
