//! `/api-key`.

use serde_json::{Value, json};

use super::{
    super::{
        iam::{self, AccessKey},
        refusal::Refusal,
    },
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api-key",
        operation: "list-api-keys",
        handler: |call| {
            let state = call.cloud.state();
            let keys = state.access_keys.iter();
            let keys: Vec<_> = keys.map(|(key, entry)| document(key, entry)).collect();
            Ok(json!({ "api-keys": keys }))
        },
    },
    Route {
        method: "POST",
        path: "/api-key",
        operation: "create-api-key",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/api-key/{id}",
        operation: "get-api-key",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/api-key/{id}",
        operation: "delete-api-key",
        handler: |call| Ok(json!(iam::delete_key(call.cloud, call.text("id"))?)),
    },
];

fn document(key: &str, entry: &AccessKey) -> Value {
    json!({ "name": entry.name, "key": key, "role-id": entry.role })
}

fn get(call: &Call<'_>) -> Answer {
    let key = call.text("id");
    let state = call.cloud.state();
    let entry = state.access_keys.get(key);
    let entry = entry.ok_or_else(|| Refusal::not_found("api-key", key))?;
    Ok(document(key, entry))
}

fn create(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["name", "role-id"])?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let role = fields.require("role-id", fields.id("role-id")?)?;
    let (key, secret) = iam::create_key(call.cloud, name.clone(), role)?;
    Ok(json!({
        "name": name,
        "key": key,
        "secret": String::from_utf8_lossy(secret.expose()),
        "role-id": role,
    }))
}
