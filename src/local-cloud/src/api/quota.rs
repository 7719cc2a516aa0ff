//! `/quota`.

use serde_json::{Value, json};

use super::{
    super::{
        quotas::{self, Quota},
        refusal::Refusal,
    },
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/quota",
        operation: "list-quotas",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "GET",
        path: "/quota/{entity}",
        operation: "get-quota",
        handler: get,
    },
];

fn list(call: &Call<'_>) -> Value {
    let quotas = quotas::all(call.cloud, &call.cloud.state());
    let quotas: Vec<_> = quotas.iter().map(view).collect();
    json!({ "quotas": quotas })
}

fn get(call: &Call<'_>) -> Answer {
    let entity = call.text("entity");
    let mut quotas = quotas::all(call.cloud, &call.cloud.state()).into_iter();
    let quota = quotas.find(|quota| quota.resource == entity);
    Ok(view(
        &quota.ok_or_else(|| Refusal::not_found("quota", entity))?,
    ))
}

fn view(quota: &Quota) -> Value {
    json!({ "resource": quota.resource, "usage": quota.usage, "limit": quota.limit })
}
