//! `/reverse-dns/instance`.

use exoscale::ids::InstanceId;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{instances, refusal::Refusal},
    field::Text,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/reverse-dns/instance/{id}",
        operation: "get-reverse-dns-instance",
        handler: get,
    },
    Route {
        method: "POST",
        path: "/reverse-dns/instance/{id}",
        operation: "update-reverse-dns-instance",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/reverse-dns/instance/{id}",
        operation: "delete-reverse-dns-instance",
        handler: |call| {
            let id = call.id("id")?;
            Ok(json!(instances::set_reverse_dns(call.cloud, id, None)?))
        },
    },
];

fn get(call: &Call<'_>) -> Answer {
    let id: InstanceId = call.id("id")?;
    let state = call.cloud.state();
    let name = state
        .instances
        .get(&id)
        .and_then(|found| found.reverse_dns.as_ref());
    let name = name.ok_or_else(|| Refusal::not_found("reverse-dns record of instance", id))?;
    Ok(json!({ "domain-name": name }))
}

/// `update-reverse-dns-instance`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct UpdateReverseDns {
    domain_name: Text<1, 253>,
}

fn update(call: &Call<'_>) -> Answer {
    let Text(name) = call.body::<UpdateReverseDns>()?.domain_name;
    let id = call.id("id")?;
    Ok(json!(instances::set_reverse_dns(
        call.cloud,
        id,
        Some(name)
    )?))
}
