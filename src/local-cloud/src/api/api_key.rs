//! `/api-key`.

use exoscale::ids::RoleId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        iam::{self, AccessKey},
        refusal::Refusal,
    },
    field::{Id, Name, Text},
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
            let keys: Vec<_> = keys.map(|(key, entry)| view(key, entry)).collect();
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

/// `create-api-key`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CreateKey {
    name: Name,
    role_id: Id<RoleId>,
}

fn view(key: &str, entry: &AccessKey) -> Value {
    json!({ "name": entry.name, "key": key, "role-id": entry.role })
}

fn get(call: &Call<'_>) -> Answer {
    let key = call.text("id");
    let state = call.cloud.state();
    let entry = state.access_keys.get(key);
    let entry = entry.ok_or_else(|| Refusal::not_found("api-key", key))?;
    Ok(view(key, entry))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateKey = call.body()?;
    let (Text(name), Id(role)) = (body.name, body.role_id);
    let (key, secret) = iam::create_key(call.cloud, name.clone(), role)?;
    Ok(json!({
        "name": name,
        "key": key,
        "secret": String::from_utf8_lossy(secret.expose()),
        "role-id": role,
    }))
}
