//! Instance pools and their members, as a client sees them over HTTP.

use std::collections::HashSet;

use exoscale::models::InstanceState;
use local_cloud::{LocalCloudConfig, Status, catalog};
use serde_json::{Value, json};
use test_support::{Api, new_pool, quick};

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

/// `exo compute instance-pool update` does not wait for its operation.
#[tokio::test]
async fn a_change_is_taken_while_another_runs_and_the_last_one_counts() {
    let api = Api::unhurried().await;
    let pool = api.pool(1).await;
    let path = format!("/instance-pool/{pool}");
    let scale = format!("{path}:scale");
    let first = ids(&api.get(&path).await.body)[0].clone();
    let mut changes = vec![api.put(&path, json!({ "name": "other" })).await];
    for (size, state) in [(4, "scaling-up"), (2, "scaling-down"), (3, "scaling-up")] {
        changes.push(api.put(&scale, json!({ "size": size })).await);
        let found = api.get(&path).await.body;
        assert_eq!(
            (&found["size"], &found["state"]),
            (&json!(size), &json!(state))
        );
    }
    let newest = ids(&api.get(&path).await.body).pop().unwrap();
    let victims = json!({ "instances": [newest] });
    changes.push(api.put(&format!("{path}:evict"), victims.clone()).await);
    api.put(&format!("{path}:evict"), victims)
        .await
        .refused(400, "is not a member");
    for change in changes {
        api.done(change).await;
    }
    let found = api.get(&path).await.body;
    assert_eq!(found["name"], "other");
    assert_eq!(
        (&found["size"], &found["state"]),
        (&json!(2), &json!("running"))
    );
    let left = ids(&found);
    assert!(left.len() == 2 && !left.contains(&newest), "{left:?}");
    assert!(!left.contains(&first), "the oldest went first: {left:?}");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_deletion_interrupts_and_nothing_follows_it() {
    let api = Api::unhurried().await;
    let pool = api.pool(1).await;
    let path = format!("/instance-pool/{pool}");
    let scaled = api
        .put(&format!("{path}:scale"), json!({ "size": 3 }))
        .await;
    let deleted = api.delete(&path).await;
    assert_eq!(api.get(&path).await.body["state"], "destroying");
    api.put(&format!("{path}:scale"), json!({ "size": 1 }))
        .await
        .refused(409, "is already being destroyed");
    let again = api.delete(&path).await;
    again.refused(409, "is already being destroyed");
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

/// Ten times as many as the quota of a large account. What takes a look at each member for each
/// member takes minutes here.
#[tokio::test]
async fn ten_thousand_members_come_and_go() {
    let config = LocalCloudConfig {
        instance_quota: 10_000,
        ..quick(LocalCloudConfig::without_processes())
    };
    let api = Api::start(config).await;
    let stack = api.cloud.create_stack(10_000).await.unwrap();
    let path = format!("/instance-pool/{}", stack.pool);
    let service = |status: &Status| status.balancers[0].services[0].servers.len();
    api.until("all members behind the balancer", |status| {
        service(status) == 10_000
    })
    .await;
    let list = api.get("/instance?manager-type=instance-pool").await;
    assert_eq!(list.body["instances"].as_array().unwrap().len(), 10_000);
    let members = ids(&api.get(&path).await.body);
    for (verb, body, left) in [
        ("scale", json!({ "size": 6000 }), 6000),
        ("evict", json!({ "instances": &members[5000..9000] }), 2000),
        ("scale", json!({ "size": 9000 }), 9000),
    ] {
        let changed = api.put(&format!("{path}:{verb}"), body).await;
        api.done(changed).await;
        assert_eq!(ids(&api.get(&path).await.body).len(), left);
        api.until("as many servers", |status| service(status) == left)
            .await;
    }
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
