//! The ways into an instance: its console and its password.

use exoscale::ids::InstanceId;
use serde_json::json;

use super::{
    super::{instances::KIND, password::Password, refusal::Refusal, standalone},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/console/{id}",
        operation: "get-console-proxy-url",
        handler: console,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:reset-password",
        operation: "reset-instance-password",
        handler: |call| {
            Ok(json!(standalone::reset_password(
                call.cloud,
                call.id("id")?
            )?))
        },
    },
    Route {
        method: "GET",
        path: "/instance/{id}:password",
        operation: "reveal-instance-password",
        handler: password,
    },
];

/// A process has no screen: the page says where its output is.
fn console(call: &Call<'_>) -> Answer {
    let id: InstanceId = call.id("id")?;
    let state = call.cloud.state();
    if !state.instances.contains_key(&id) {
        return Err(Refusal::not_found(KIND, id));
    }
    let origin = call.cloud.origin.as_str();
    let (path, host) = (
        format!("/_local/console/{id}"),
        origin.trim_start_matches("http://"),
    );
    Ok(json!({ "url": format!("{origin}{path}"), "host": host, "path": path }))
}

fn password(call: &Call<'_>) -> Answer {
    let id: InstanceId = call.id("id")?;
    let state = call.cloud.state();
    let instance = state.instances.get(&id);
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    let password = instance.password.as_ref().and_then(Password::reveal);
    let password = password.ok_or_else(|| Refusal::not_found("password of instance", id))?;
    Ok(json!({ "password": password }))
}
