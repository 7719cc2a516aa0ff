//! `/ssh-key`.

use serde_json::json;

use super::{
    super::{refusal::Refusal, ssh_keys},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/ssh-key",
        operation: "list-ssh-keys",
        handler: |call| {
            let keys: Vec<_> = call.cloud.state().ssh_keys.values().cloned().collect();
            Ok(json!({ "ssh-keys": keys }))
        },
    },
    Route {
        method: "POST",
        path: "/ssh-key",
        operation: "register-ssh-key",
        handler: register,
    },
    Route {
        method: "GET",
        path: "/ssh-key/{name}",
        operation: "get-ssh-key",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/ssh-key/{name}",
        operation: "delete-ssh-key",
        handler: |call| Ok(json!(ssh_keys::delete(call.cloud, call.text("name"))?)),
    },
];

fn register(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["name", "public-key"])?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let key = fields.require("public-key", fields.text("public-key", 1..=16_384)?)?;
    Ok(json!(ssh_keys::register(call.cloud, &name, &key)?))
}

fn get(call: &Call<'_>) -> Answer {
    let name = call.text("name");
    let state = call.cloud.state();
    let key = state.ssh_keys.get(name);
    Ok(json!(
        key.ok_or_else(|| Refusal::not_found("ssh-key", name))?
    ))
}
