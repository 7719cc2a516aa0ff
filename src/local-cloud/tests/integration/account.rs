//! Groups, keys and instances of no pool: what is refused, and what becomes of a failed instance.

use std::path::PathBuf;

use exoscale::models::InstanceState;
use local_cloud::{LocalCloudConfig, catalog, runner::InstanceCommand};
use serde_json::{Value, json};
use test_support::{Api, changed, new_pool, quick};

fn new_instance() -> Value {
    json!({
        "name": "one",
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[1].core.id },
        "disk-size": 10,
    })
}

#[tokio::test]
async fn what_is_named_must_be_there() {
    let api = Api::without_processes().await;
    let absent = json!([{ "id": "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0009" }]);
    for field in ["security-groups", "anti-affinity-groups"] {
        let pool = changed(new_pool(1), &format!("/{field}"), absent.clone());
        api.post("/instance-pool", pool).await.refused(400, field);
        let instance = changed(new_instance(), &format!("/{field}"), absent.clone());
        api.post("/instance", instance)
            .await
            .refused(400, "not found");
    }
    let instance = changed(new_instance(), "/ssh-key", json!({ "name": "nobody" }));
    api.post("/instance", instance)
        .await
        .refused(400, "ssh-key: \"nobody\" not found");
    // An empty name is how clients say "none".
    let pool = changed(new_pool(1), "/ssh-key", json!({ "name": "" }));
    let pool = api.done(api.post("/instance-pool", pool).await).await;
    let found = api.get(&format!("/instance-pool/{pool}")).await.body;
    assert_eq!(found["ssh-key"], Value::Null);
    let none = json!({ "ssh-key": {}, "description": "new" });
    api.done(api.put(&format!("/instance-pool/{pool}"), none).await)
        .await;
    api.cloud.stop().await;
}

/// Fields that make a rule wrong, and what is said of them.
fn wrong_rules(group: &str) -> [(&'static str, Value, &'static str); 10] {
    [
        (
            "/start-port",
            Value::Null,
            "start-port: and end-port are needed for tcp",
        ),
        ("/end-port", json!(79), "end-port: is below start-port 80"),
        (
            "/end-port",
            json!(65_536),
            "end-port: must be a whole number from 1 to 65535",
        ),
        (
            "/protocol",
            json!("gre"),
            "start-port: makes no sense for gre",
        ),
        ("/protocol", json!("sctp"), "protocol: must be one of tcp"),
        (
            "/network",
            json!("192.0.2.0"),
            "network: must be a network such as",
        ),
        (
            "/network",
            json!("192.0.2.0/33"),
            "network: must be a network such as",
        ),
        (
            "/network",
            Value::Null,
            "give either a network or a security-group",
        ),
        ("/security-group", json!({ "id": group }), "give either"),
        (
            "/flow-direction",
            json!("sideways"),
            "flow-direction: must be one of",
        ),
    ]
}

#[tokio::test]
async fn a_rule_must_make_sense() {
    let api = Api::without_processes().await;
    let group = api
        .done(api.post("/security-group", json!({ "name": "web" })).await)
        .await;
    api.post("/security-group", json!({ "name": "web" }))
        .await
        .refused(409, "already");
    let rule = json!({
        "flow-direction": "ingress", "protocol": "tcp",
        "start-port": 80, "end-port": 90, "network": "192.0.2.0/24",
    });
    let path = format!("/security-group/{group}/rules");
    for (pointer, value, said) in wrong_rules(&group) {
        let reply = api.post(&path, changed(rule.clone(), pointer, value)).await;
        reply.refused(400, said);
    }
    api.done(api.post(&path, rule.clone()).await).await;
    api.post(&path, rule)
        .await
        .refused(409, "has this rule already");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_public_key_must_be_one() {
    let api = Api::without_processes().await;
    let key = json!({ "name": "me", "public-key": "-----BEGIN OPENSSH PRIVATE KEY-----" });
    api.post("/ssh-key", key)
        .await
        .refused(400, "public-key: must be a line such as");
    api.get("/ssh-key/me").await.refused(404, "not found");
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_member_is_its_pools_to_change() {
    let api = Api::without_processes().await;
    let pool = api.pool(1).await;
    let member = api.cloud.status().pools[0].members[0].id;
    for verb in ["stop", "start", "reboot"] {
        let reply = api
            .put(&format!("/instance/{member}:{verb}"), json!({}))
            .await;
        reply.refused(409, "is a member of an instance-pool");
    }
    let own = api.done(api.post("/instance", new_instance()).await).await;
    let members = format!("/instance?manager-id={pool}&manager-type=instance-pool");
    assert_eq!(
        api.get(&members).await.body["instances"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(api.get("/quota/instance").await.body["usage"], 2);
    api.done(api.delete(&format!("/instance/{own}")).await)
        .await;
    assert_eq!(api.get("/quota/instance").await.body["usage"], 1);
    api.cloud.stop().await;
}

#[tokio::test]
async fn an_instance_that_does_not_start_stays_as_failed_and_its_operation_fails() {
    let command = InstanceCommand {
        program: PathBuf::from("/nowhere/program"),
        arguments: Vec::new(),
        ports: Vec::new(),
    };
    let api = Api::start(quick(LocalCloudConfig::with_processes(command))).await;
    let created = api.post("/instance", new_instance()).await.body;
    let id = created["reference"]["id"].as_str().unwrap().to_owned();
    let path = format!("/operation/{}", created["id"].as_str().unwrap());
    let status = api
        .until("a failed instance", |status| {
            status
                .instances
                .iter()
                .any(|one| one.state == InstanceState::Error)
        })
        .await;
    assert_eq!(status.instances[0].pid, None);
    let operation = loop {
        let operation = api.get(&path).await.body;
        if operation["state"] != "pending" {
            break operation;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(operation["state"], "failure", "{operation}");
    assert!(
        operation["message"]
            .as_str()
            .unwrap()
            .contains("did not start"),
        "{operation}"
    );
    api.done(api.delete(&format!("/instance/{id}")).await).await;
    assert!(api.cloud.status().instances.is_empty());
    api.cloud.stop().await;
}
