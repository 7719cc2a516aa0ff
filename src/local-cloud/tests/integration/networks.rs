//! Private networks and elastic IPs, as Terraform and `exo` make, change, attach and delete them.

use local_cloud::catalog;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Api, changed, new_pool};

async fn instance(api: &Api, name: &str) -> String {
    let body = json!({
        "name": name,
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[1].core.id },
        "disk-size": 10,
    });
    api.done(api.post("/instance", body).await).await
}

fn of(instance: &str) -> Value {
    json!({ "instance": { "id": instance, "name": "whatever" } })
}

#[tokio::test]
async fn a_private_network_is_changed_and_reset() {
    let api = Api::without_processes().await;
    let body = json!({ "name": "inside" });
    let id = api.done(api.post("/private-network", body).await).await;
    let path = format!("/private-network/{id}");
    let found = api.get(&path).await.body;
    // A client that gave no labels must find none: Terraform would want to change them.
    assert_eq!(found.get("labels"), None);
    assert!(found["vni"].as_u64().unwrap() > 0);

    let body = json!({ "name": "managed", "description": "for the web", "start-ip": "10.0.0.10",
        "end-ip": "10.0.0.99", "netmask": "255.255.255.0", "labels": { "a": "b" },
        "options": { "routers": ["10.0.0.1"], "dns-servers": ["10.0.0.2"],
            "ntp-servers": ["10.0.0.3"], "domain-search": ["example.com"] } });
    api.done(api.put(&path, body.clone()).await).await;
    let found = api.get(&path).await.body;
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field}");
    }
    api.done(api.put(&path, json!({ "description": "" })).await)
        .await;
    let found = api.get(&path).await.body;
    assert_eq!(found.get("description"), None);
    assert_eq!(found["name"], "managed", "what is not named stays");
    api.done(api.delete(&format!("{path}/labels")).await).await;
    assert_eq!(api.get(&path).await.body.get("labels"), None);
    api.delete(&format!("{path}/name"))
        .await
        .refused(400, "field: must be labels");
    api.done(api.delete(&path).await).await;
    api.get(&path).await.refused(404, "not found");
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_address_range_must_make_sense() {
    let api = Api::without_processes().await;
    let range = json!({ "name": "inside", "start-ip": "10.0.0.10", "end-ip": "10.0.0.99",
        "netmask": "255.255.255.0" });
    for (pointer, value, said) in [
        ("/start-ip", json!("10.0.0.300"), "start-ip"),
        ("/start-ip", Value::Null, "start-ip: is missing"),
        ("/end-ip", Value::Null, "end-ip: is missing"),
        ("/netmask", Value::Null, "netmask: is missing"),
        ("/end-ip", json!("10.0.0.9"), "end-ip: is below start-ip"),
        (
            "/end-ip",
            json!("10.0.1.9"),
            "end-ip: is not in the network",
        ),
        ("/netmask", json!("255.0.255.0"), "netmask: is no netmask"),
        ("/options", json!({ "routers": ["x"] }), "options.routers"),
        (
            "/options",
            json!({ "gateway": "10.0.0.1" }),
            "options.gateway: is not a field",
        ),
    ] {
        let body = changed(range.clone(), pointer, value);
        api.post("/private-network", body).await.refused(400, said);
    }
    let id = api.done(api.post("/private-network", range).await).await;
    let body = json!({ "end-ip": "10.0.0.9" });
    api.put(&format!("/private-network/{id}"), body)
        .await
        .refused(400, "end-ip: is below start-ip");
    api.cloud.stop().await;
}

#[tokio::test]
async fn instances_are_attached_to_a_private_network_with_the_address_they_ask_for() {
    let api = Api::without_processes().await;
    let body = json!({ "name": "inside", "start-ip": "10.0.0.10", "end-ip": "10.0.0.99",
        "netmask": "255.255.255.0" });
    let network = api.done(api.post("/private-network", body).await).await;
    let path = format!("/private-network/{network}");
    let (one, two) = (instance(&api, "one").await, instance(&api, "two").await);
    let attach = format!("{path}:attach");
    let with_ip = |id: &str, ip: &str| changed(of(id), "/ip", json!(ip));
    api.put(&attach, with_ip(&one, "10.0.1.5"))
        .await
        .refused(400, "ip: is not in the network");
    api.done(api.put(&attach, with_ip(&one, "10.0.0.5")).await)
        .await;
    api.put(&attach, of(&one)).await.refused(409, "already");
    api.put(&attach, with_ip(&two, "10.0.0.5"))
        .await
        .refused(409, "10.0.0.5");
    api.done(api.put(&attach, of(&two)).await).await;
    let lease = async |id: &str| {
        let found = api.get(&path).await.body;
        let leases = found["leases"].as_array().unwrap().clone();
        let mut of_instance = leases.iter().filter(|lease| lease["instance-id"] == id);
        let lease = of_instance.next().unwrap_or(&Value::Null);
        lease["ip"].clone()
    };
    assert_eq!(lease(&one).await, "10.0.0.5");
    assert!(lease(&two).await.is_string());
    let found = api.get(&format!("/instance/{one}")).await.body;
    assert_eq!(found["private-networks"][0]["id"], network.as_str());

    let update = format!("{path}:update-ip");
    api.done(api.put(&update, with_ip(&one, "10.0.0.6")).await)
        .await;
    assert_eq!(lease(&one).await, "10.0.0.6");
    api.put(&update, with_ip(&two, "10.0.0.6"))
        .await
        .refused(409, "10.0.0.6");
    api.delete(&path).await.refused(409, "is used by instance");
    let detach = format!("{path}:detach");
    api.done(api.put(&detach, of(&one)).await).await;
    assert_eq!(lease(&one).await, Value::Null);
    api.put(&detach, of(&one)).await.refused(404, "not found");
    api.put(&update, with_ip(&one, "10.0.0.7"))
        .await
        .refused(404, "not found");
    // An instance that is gone holds no address.
    api.done(api.delete(&format!("/instance/{two}")).await)
        .await;
    api.done(api.delete(&path).await).await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    api.put(&attach, of(&one))
        .await
        .refused(404, "private-network");
    api.put(&format!("/elastic-ip/{unknown}:attach"), of(&one))
        .await
        .refused(404, "elastic-ip");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_network_that_leases_no_addresses_takes_none() {
    let api = Api::without_processes().await;
    let body = json!({ "name": "bare" });
    let network = api.done(api.post("/private-network", body).await).await;
    let one = instance(&api, "one").await;
    let attach = format!("/private-network/{network}:attach");
    let with_ip = changed(of(&one), "/ip", json!("10.0.0.5"));
    api.put(&attach, with_ip)
        .await
        .refused(400, "ip: private-network");
    api.done(api.put(&attach, of(&one)).await).await;
    let found = api.get(&format!("/private-network/{network}")).await.body;
    assert_eq!(found["leases"].as_array().map_or(0, Vec::len), 0);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_managed_elastic_ip_lives_its_whole_life() {
    let api = Api::without_processes().await;
    let check = json!({ "mode": "https", "port": 443, "uri": "/health", "interval": 10,
        "timeout": 3, "strikes-ok": 3, "strikes-fail": 2, "tls-sni": "example.com",
        "tls-skip-verify": true });
    let body = json!({ "description": "front", "addressfamily": "inet4", "healthcheck": check,
        "labels": { "a": "b" } });
    let id = api.done(api.post("/elastic-ip", body.clone()).await).await;
    let path = format!("/elastic-ip/{id}");
    let found = api.get(&path).await.body;
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field}");
    }
    let ip: std::net::Ipv4Addr = found["ip"].as_str().unwrap().parse().unwrap();
    assert_eq!(found["cidr"], format!("{ip}/32"));
    assert_eq!(api.get("/elastic-ip").await.body["elastic-ips"][0], found);

    let body = json!({ "description": "back", "labels": {},
        "healthcheck": { "mode": "tcp", "port": 80 } });
    api.done(api.put(&path, body).await).await;
    let changed = api.get(&path).await.body;
    assert_eq!(changed["description"], "back");
    assert_eq!(changed["ip"], found["ip"]);
    // What a client does not say has the defaults of the API's description.
    assert_eq!(
        changed["healthcheck"],
        json!({ "mode": "tcp", "port": 80, "interval": 10, "timeout": 2, "strikes-ok": 2,
            "strikes-fail": 3 })
    );
    api.done(api.delete(&format!("{path}/description")).await)
        .await;
    assert_eq!(api.get(&path).await.body.get("description"), None);
    api.delete(&format!("{path}/labels"))
        .await
        .refused(400, "field: must be description");
    api.done(api.delete(&path).await).await;
    api.get(&path).await.refused(404, "not found");
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_elastic_ip_must_make_sense() {
    let api = Api::without_processes().await;
    for (check, said) in [
        (json!({ "mode": "tcp" }), "healthcheck.port: is missing"),
        (json!({ "port": 80 }), "healthcheck.mode: is missing"),
        (
            json!({ "mode": "udp", "port": 80 }),
            "healthcheck.mode: must be one of",
        ),
        (
            json!({ "mode": "http", "port": 80 }),
            "healthcheck.uri: is missing",
        ),
        (
            json!({ "mode": "tcp", "port": 80, "interval": 4 }),
            "healthcheck.interval",
        ),
        (
            json!({ "mode": "tcp", "port": 80, "interval": 5, "timeout": 6 }),
            "healthcheck.timeout: must be at most the interval",
        ),
        (
            json!({ "mode": "tcp", "port": 80, "colour": 1 }),
            "healthcheck.colour: is not a field",
        ),
    ] {
        let body = json!({ "healthcheck": check });
        api.post("/elastic-ip", body).await.refused(400, said);
    }
    api.post("/elastic-ip", json!({ "addressfamily": "ipx" }))
        .await
        .refused(400, "addressfamily: must be one of inet4, inet6");
    let bare = api.done(api.post("/elastic-ip", json!({})).await).await;
    let body = json!({ "healthcheck": { "mode": "tcp", "port": 80 } });
    api.put(&format!("/elastic-ip/{bare}"), body)
        .await
        .refused(400, "healthcheck");
    let six = json!({ "addressfamily": "inet6" });
    let six = api.done(api.post("/elastic-ip", six).await).await;
    let six = api.get(&format!("/elastic-ip/{six}")).await.body;
    assert_eq!(six["addressfamily"], "inet6");
    assert!(
        six["ip"]
            .as_str()
            .unwrap()
            .parse::<std::net::Ipv6Addr>()
            .is_ok()
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn elastic_ips_are_attached_to_instances_and_named_by_pools() {
    let api = Api::without_processes().await;
    let id = api.done(api.post("/elastic-ip", json!({})).await).await;
    let path = format!("/elastic-ip/{id}");
    let one = instance(&api, "one").await;
    api.done(api.put(&format!("{path}:attach"), of(&one)).await)
        .await;
    api.put(&format!("{path}:attach"), of(&one))
        .await
        .refused(409, "already");
    let found = api.get(&format!("/instance/{one}")).await.body;
    assert_eq!(found["elastic-ips"], json!([{ "id": id }]));
    api.delete(&path).await.refused(409, "is used by instance");
    api.done(api.put(&format!("{path}:detach"), of(&one)).await)
        .await;
    api.put(&format!("{path}:detach"), of(&one))
        .await
        .refused(404, "not found");

    let absent = json!([{ "id": "00000000-0000-0000-0000-000000000000" }]);
    let pool = changed(new_pool(1), "/elastic-ips", absent);
    api.post("/instance-pool", pool)
        .await
        .refused(400, "elastic-ips");
    let pool = changed(
        new_pool(1),
        "/elastic-ips",
        json!([{ "id": id, "ip": "1.2.3.4" }]),
    );
    let pool = api.done(api.post("/instance-pool", pool).await).await;
    let found = api.get(&format!("/instance-pool/{pool}")).await.body;
    assert_eq!(found["elastic-ips"], json!([{ "id": id }]));
    api.delete(&path)
        .await
        .refused(409, "is used by instance-pool");
    // A pool that names it no more leaves it to its members, from which it can be taken.
    let none = json!({ "elastic-ips": [] });
    api.done(api.put(&format!("/instance-pool/{pool}"), none).await)
        .await;
    let member = api.cloud.status().pools[0].members[0].id.to_string();
    api.done(api.put(&format!("{path}:detach"), of(&member)).await)
        .await;
    api.done(api.delete(&path).await).await;
    api.cloud.stop().await;
}

#[tokio::test]
async fn reverse_dns_is_set_read_and_reset() {
    let api = Api::without_processes().await;
    let eip = api.done(api.post("/elastic-ip", json!({})).await).await;
    let one = instance(&api, "one").await;
    for path in [
        format!("/reverse-dns/elastic-ip/{eip}"),
        format!("/reverse-dns/instance/{one}"),
    ] {
        api.get(&path).await.refused(404, "not found");
        let name = json!({ "domain-name": "www.example.com" });
        api.done(api.post(&path, name.clone()).await).await;
        assert_eq!(api.get(&path).await.body, name);
        // Either way takes it away; clients use both.
        api.done(api.post(&path, json!({ "domain-name": "" })).await)
            .await;
        api.get(&path).await.refused(404, "not found");
        api.done(api.post(&path, json!({ "domain-name": "" })).await)
            .await;
        api.done(api.post(&path, name).await).await;
        api.done(api.delete(&path).await).await;
        api.delete(&path).await.refused(404, "not found");
        for wrong in ["-", "a b", "x..y", "http://example.com"] {
            api.post(&path, json!({ "domain-name": wrong }))
                .await
                .refused(400, "domain-name: ");
        }
    }
    let unknown = "/reverse-dns/elastic-ip/00000000-0000-0000-0000-000000000000";
    api.call(
        Method::POST,
        unknown,
        Some(json!({ "domain-name": "a.example" })),
    )
    .await
    .refused(404, "elastic-ip");
    api.cloud.stop().await;
}
