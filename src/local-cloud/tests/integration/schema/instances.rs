//! Instances in all their forms, and what belongs to one: snapshots, a console, a password.

use local_cloud::catalog;
use reqwest::Method;
use serde_json::{Value, json};

use super::Checked;

pub(crate) async fn changes(checked: &mut Checked) {
    let body = json!({ "name": "me", "public-key":
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me" });
    checked.change(Method::POST, "/ssh-key", Some(body)).await;
    let templates = checked.get("/template?visibility=public").await;
    let mut templates = templates["templates"].as_array().unwrap().iter();
    let template = templates.find(|template| template["password-enabled"] == true);
    // The least that can be said, and all that can be said.
    let least = json!({
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": template.unwrap()["id"] },
        "disk-size": 10,
    });
    let mut most = least.clone();
    for (field, value) in [
        ("name", json!("all")),
        ("ssh-keys", json!([{ "name": "me" }])),
        ("public-ip-assignment", json!("dual")),
        ("labels", json!({ "a": "b" })),
        ("user-data", json!("I2Nsb3VkLWNvbmZpZwo=")),
        ("secureboot-enabled", json!(true)),
        ("tpm-enabled", json!(true)),
        ("application-consistent-snapshot-enabled", json!(true)),
    ] {
        most[field] = value;
    }
    for body in [least, most] {
        let id = checked.change(Method::POST, "/instance", Some(body)).await;
        life(checked, &id).await;
        checked.delete(&format!("/instance/{id}")).await;
    }
    checked.delete("/ssh-key/me").await;
    let snapshots = checked.get("/snapshot").await;
    assert_eq!(
        snapshots["snapshots"],
        json!([]),
        "they go with the instance"
    );
}

async fn life(checked: &mut Checked, id: &str) {
    let path = format!("/instance/{id}");
    let verb = |verb: &str| format!("{path}:{verb}");
    let seen = checked.get(&path).await;
    checked.get("/instance").await;
    checked.get(&format!("/console/{id}")).await;
    let password = checked.get(&verb("password")).await;
    checked
        .change(Method::PUT, &verb("reset-password"), None)
        .await;
    assert_ne!(checked.get(&verb("password")).await, password);

    let snapshot = checked
        .change(Method::POST, &verb("create-snapshot"), None)
        .await;
    let shown = checked.get(&format!("/snapshot/{snapshot}")).await;
    assert_eq!(
        shown["application-consistent"],
        seen["application-consistent-snapshot-enabled"]
    );
    checked.get("/snapshot").await;
    checked.change(Method::PUT, &verb("stop"), None).await;
    let stopped = checked.get(&path).await;
    assert_eq!(stopped["snapshots"], json!([{ "id": snapshot }]));
    let back = json!({ "id": snapshot });
    checked
        .change(Method::POST, &verb("revert-snapshot"), Some(back))
        .await;
    checked.delete(&format!("/snapshot/{snapshot}")).await;
    checked
        .change(Method::POST, &verb("create-snapshot"), None)
        .await;

    checked
        .change(Method::POST, &verb("enable-tpm"), None)
        .await;
    let other: Value = json!({
        "template": { "id": catalog::TEMPLATES[0].core.id }, "disk-size": 20,
    });
    checked
        .change(Method::PUT, &verb("reset"), Some(other))
        .await;
    let found = checked.get(&path).await;
    assert_eq!(found["template"]["name"], "slow-app");
    assert_eq!(
        (&found["disk-size"], &found["tpm-enabled"]),
        (&json!(20), &json!(true))
    );
}
