//! What belongs to the account and not to a pool: groups, keys, roles, templates, instances of no
//! pool. These are the calls by which Terraform makes, changes and deletes them.

use local_cloud::catalog;
use reqwest::Method;
use serde_json::json;

use super::{Checked, new_pool};

const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me";

pub(crate) async fn changes(checked: &mut Checked) {
    ssh_key(checked).await;
    roles_and_keys(checked).await;
    templates(checked).await;
    private_network(checked).await;
    let instance = instance_and_groups(checked).await;
    attachments(checked, &instance).await;
    instance_changes(checked, &instance).await;
    checked.delete(&instance).await;
    let groups = checked.get("/anti-affinity-group").await;
    let group = groups["anti-affinity-groups"][0]["id"].as_str().unwrap();
    checked
        .delete(&format!("/anti-affinity-group/{group}"))
        .await;
}

async fn ssh_key(checked: &mut Checked) {
    let body = json!({ "name": "me", "public-key": PUBLIC_KEY });
    checked.change(Method::POST, "/ssh-key", Some(body)).await;
    let key = checked.get("/ssh-key/me").await;
    assert!(key["fingerprint"].as_str().unwrap().starts_with("SHA256:"));
    checked.get("/ssh-key").await;
    checked.delete("/ssh-key/me").await;
}

/// With a pool in it, whose members have leases.
async fn private_network(checked: &mut Checked) {
    let body = json!({ "name": "inside", "description": "web", "start-ip": "10.0.0.10",
        "end-ip": "10.0.0.99", "netmask": "255.255.255.0", "labels": { "a": "b" } });
    let created = checked.change(Method::POST, "/private-network", Some(body));
    let id = created.await;
    let path = format!("/private-network/{id}");
    let mut pool = new_pool(1);
    pool["private-networks"] = json!([{ "id": id }]);
    pool["public-ip-assignment"] = json!("dual");
    let pool = checked
        .change(Method::POST, "/instance-pool", Some(pool))
        .await;
    let running = exoscale::models::InstanceState::Running;
    checked
        .api
        .until("a lease", |status| {
            status.pools[0].members[0].state == running
        })
        .await;
    let found = checked.get(&path).await;
    assert_eq!(found["leases"].as_array().unwrap().len(), 1);
    checked.get("/private-network").await;
    let members = checked.get("/instance").await;
    assert_eq!(members["instances"][0]["private-networks"][0]["id"], id);
    assert!(members["instances"][0]["ipv6-address"].is_string());
    let reply = checked.api.call(Method::DELETE, &path, None).await;
    reply.refused(409, "is used by instance-pool");
    checked.delete(&format!("/instance-pool/{pool}")).await;
    checked.delete(&path).await;
}

/// What an instance of no pool is attached to, and taken from again.
async fn attachments(checked: &mut Checked, instance: &str) {
    let id = instance.trim_start_matches("/instance/");
    let body = json!({ "name": "inside", "start-ip": "10.0.0.10", "end-ip": "10.0.0.99",
        "netmask": "255.255.255.0", "labels": { "a": "b" },
        "options": { "dns-servers": ["10.0.0.1"], "domain-search": ["example.com"] } });
    let created = checked.change(Method::POST, "/private-network", Some(body));
    let network = format!("/private-network/{}", created.await);
    let body = json!({ "instance": { "id": id }, "ip": "10.0.0.5" });
    for verb in ["attach", "update-ip"] {
        let path = format!("{network}:{verb}");
        checked.change(Method::PUT, &path, Some(body.clone())).await;
    }
    checked.get(&network).await;
    let check = json!({ "mode": "https", "port": 443, "uri": "/health", "tls-sni": "a.example",
        "tls-skip-verify": false });
    for body in [
        json!({ "description": "front", "healthcheck": check, "labels": { "a": "b" } }),
        json!({ "addressfamily": "inet6" }),
    ] {
        let created = checked.change(Method::POST, "/elastic-ip", Some(body));
        let made = created.await;
        let path = format!("/elastic-ip/{made}");
        checked.get(&path).await;
        let body = json!({ "instance": { "id": id } });
        for verb in ["attach", "detach"] {
            let path = format!("{path}:{verb}");
            checked.change(Method::PUT, &path, Some(body.clone())).await;
        }
        let body = json!({ "description": "back" });
        checked.change(Method::PUT, &path, Some(body)).await;
        checked.get("/elastic-ip").await;
        checked.delete(&format!("{path}/description")).await;
        let reverse = format!("/reverse-dns/elastic-ip/{made}");
        let body = json!({ "domain-name": "front.example.com" });
        checked.change(Method::POST, &reverse, Some(body)).await;
        checked.get(&reverse).await;
        checked.delete(&reverse).await;
        checked.delete(&path).await;
    }
    let body = json!({ "name": "within" });
    checked.change(Method::PUT, &network, Some(body)).await;
    checked.delete(&format!("{network}/labels")).await;
    let body = json!({ "instance": { "id": id } });
    let detach = format!("{network}:detach");
    checked.change(Method::PUT, &detach, Some(body)).await;
    checked.delete(&network).await;
}

async fn roles_and_keys(checked: &mut Checked) {
    let policy = |operation: &str| {
        let rule =
            json!({ "action": "allow", "expression": format!("operation in ['{operation}']") });
        json!({
            "default-service-strategy": "deny",
            "services": { "compute": { "type": "rules", "rules": [rule] } },
        })
    };
    let body = json!({ "name": "agent", "editable": true, "policy": policy("get-instance") });
    let id = checked.change(Method::POST, "/iam-role", Some(body)).await;
    let role = format!("/iam-role/{id}");
    let found = checked.get(&role).await;
    assert_eq!(found["policy"], policy("get-instance"));
    checked.get("/iam-role").await;
    let body = json!({ "description": "new", "labels": { "a": "b" }, "permissions": [] });
    checked.change(Method::PUT, &role, Some(body)).await;
    let path = format!("{role}:policy");
    checked
        .change(Method::PUT, &path, Some(policy("list-instances")))
        .await;

    let body = json!({ "name": "agent", "role-id": id });
    let key = checked.call(Method::POST, "/api-key", Some(body)).await;
    let key = format!("/api-key/{}", key["key"].as_str().unwrap());
    checked.get(&key).await;
    checked.get("/api-key").await;
    checked.delete(&key).await;
    checked.delete(&role).await;

    let organization = "/iam-organization-policy";
    let body = json!({ "default-service-strategy": "allow", "services": {} });
    checked.change(Method::PUT, organization, Some(body)).await;
    checked.get(organization).await;
    let reset = format!("{organization}:reset");
    checked.change(Method::POST, &reset, None).await;
}

async fn templates(checked: &mut Checked) {
    let body = json!({
        "name": "monitoring-1", "description": "new", "url": "https://example.com/image.qcow2",
        "checksum": "0123456789abcdef0123456789abcdef", "boot-mode": "uefi",
        "ssh-key-enabled": true, "password-enabled": false, "default-user": "root",
    });
    let id = checked.change(Method::POST, "/template", Some(body)).await;
    let path = format!("/template/{id}");
    let template = checked.get(&path).await;
    assert_eq!(template["visibility"], "private");
    let body = json!({ "name": "monitoring-2", "description": "newer" });
    checked.change(Method::PUT, &path, Some(body)).await;
    checked.get("/template").await;
    checked.delete(&path).await;
}

/// An instance with all that it can refer to. Groups in use cannot be deleted.
async fn instance_and_groups(checked: &mut Checked) -> String {
    let body = json!({ "name": "web", "description": "from anywhere" });
    let group = checked
        .change(Method::POST, "/security-group", Some(body))
        .await;
    let path = format!("/security-group/{group}");
    let body = json!({ "name": "apart" });
    let apart = checked
        .change(Method::POST, "/anti-affinity-group", Some(body))
        .await;
    let body = json!({ "name": "me", "public-key": PUBLIC_KEY });
    checked.change(Method::POST, "/ssh-key", Some(body)).await;
    let body = json!({
        "name": "monitoring",
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[1].core.id },
        "disk-size": 10,
        "public-ip-assignment": "inet4",
        "security-groups": [{ "id": group, "name": "web" }],
        "anti-affinity-groups": [{ "id": apart }],
        "ssh-keys": [{ "name": "me" }],
        "labels": { "role": "monitoring" },
        "user-data": "aGVsbG8sIGluc3RhbmNl",
    });
    let id = checked.change(Method::POST, "/instance", Some(body)).await;
    let instance = format!("/instance/{id}");
    let found = checked.get(&instance).await;
    assert_eq!(found["state"], "running");
    assert!(found["public-ip"].is_string(), "{found}");
    assert_eq!(found["security-groups"], json!([{ "id": group }]));
    checked.get("/instance").await;
    checked.get(&format!("/anti-affinity-group/{apart}")).await;
    checked.get("/anti-affinity-group").await;
    for used in [&path, &format!("/anti-affinity-group/{apart}")] {
        let reply = checked.api.call(Method::DELETE, used, None).await;
        reply.refused(409, "is used by instance");
    }
    rules(checked, &path, &group).await;

    let body = json!({ "instance": { "id": id } });
    let verb = |verb: &str| format!("{path}:{verb}");
    checked
        .change(Method::PUT, &verb("detach"), Some(body.clone()))
        .await;
    checked
        .change(Method::PUT, &verb("attach"), Some(body.clone()))
        .await;
    checked
        .change(Method::PUT, &verb("detach"), Some(body))
        .await;
    checked.delete(&path).await;
    checked.delete("/ssh-key/me").await;
    instance
}

async fn rules(checked: &mut Checked, path: &str, group: &str) {
    let add = format!("{path}/rules");
    for body in [
        json!({ "flow-direction": "ingress", "protocol": "tcp", "start-port": 80, "end-port": 80,
                "network": "0.0.0.0/0", "description": "web" }),
        json!({ "flow-direction": "ingress", "protocol": "udp", "start-port": 1, "end-port": 9,
                "security-group": { "id": group } }),
        json!({ "flow-direction": "egress", "protocol": "icmpv6", "network": "::/0",
                "icmp": { "code": 0, "type": 128 } }),
    ] {
        checked.change(Method::POST, &add, Some(body)).await;
    }
    let cidr = json!({ "cidr": "192.0.2.0/24" });
    checked
        .change(
            Method::PUT,
            &format!("{path}:add-source"),
            Some(cidr.clone()),
        )
        .await;
    let found = checked.get(path).await;
    assert_eq!(found["rules"].as_array().unwrap().len(), 3);
    assert_eq!(found["external-sources"], json!(["192.0.2.0/24"]));
    checked.get("/security-group?visibility=private").await;
    checked.get("/security-group?visibility=public").await;
    checked
        .change(Method::PUT, &format!("{path}:remove-source"), Some(cidr))
        .await;
    let rule = found["rules"][1]["id"].as_str().unwrap();
    checked.delete(&format!("{add}/{rule}")).await;
}

async fn instance_changes(checked: &mut Checked, path: &str) {
    let body =
        json!({ "name": "watch", "labels": { "a": "b" }, "user-data": "bmV3IGRhdGEgb2YgaXQ=" });
    checked.change(Method::PUT, path, Some(body)).await;
    checked.delete(&format!("{path}/labels")).await;
    let id = path.trim_start_matches("/instance/");
    let reverse = format!("/reverse-dns/instance/{id}");
    let body = json!({ "domain-name": "watch.example.com" });
    checked.change(Method::POST, &reverse, Some(body)).await;
    checked.get(&reverse).await;
    checked.delete(&reverse).await;
    checked
        .api
        .call(Method::DELETE, &reverse, None)
        .await
        .refused(404, "not found");

    let verb = |verb: &str| format!("{path}:{verb}");
    let larger = json!({ "instance-type": { "id": catalog::INSTANCE_TYPES[2].core.id } });
    let reply = checked
        .api
        .call(Method::PUT, &verb("scale"), Some(larger.clone()))
        .await;
    reply.refused(409, "must be stopped");
    checked.change(Method::PUT, &verb("stop"), None).await;
    assert_eq!(checked.get(path).await["state"], "stopped");
    checked
        .change(Method::PUT, &verb("scale"), Some(larger))
        .await;
    checked
        .change(
            Method::PUT,
            &verb("resize-disk"),
            Some(json!({ "disk-size": 20 })),
        )
        .await;
    checked
        .change(Method::PUT, &verb("start"), Some(json!({})))
        .await;
    checked.change(Method::PUT, &verb("reboot"), None).await;
    let found = checked.get(path).await;
    assert_eq!(
        (&found["state"], &found["disk-size"]),
        (&json!("running"), &json!(20))
    );

    checked
        .change(Method::PUT, &verb("add-protection"), None)
        .await;
    let reply = checked.api.call(Method::DELETE, path, None).await;
    reply.refused(403, "is forbidden - reason: manual instance protection");
    checked
        .change(Method::PUT, &verb("remove-protection"), None)
        .await;
}

impl Checked {
    pub(super) async fn delete(&mut self, path: &str) {
        self.change(Method::DELETE, path, None).await;
    }
}
