//! `/quota`: only what is enforced.

use serde_json::{Value, json};

use super::{
    super::{cloud::Cloud, pools, refusal::Refusal},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/quota",
        operation: "list-quotas",
        handler: |call| Ok(json!({ "quotas": [instances(call.cloud)] })),
    },
    Route {
        method: "GET",
        path: "/quota/{entity}",
        operation: "get-quota",
        handler: get,
    },
];

fn get(call: &Call<'_>) -> Answer {
    match call.text("entity") {
        "instance" => Ok(instances(call.cloud)),
        other => Err(Refusal::not_found("quota", other)),
    }
}

fn instances(cloud: &Cloud) -> Value {
    json!({
        "resource": "instance",
        "usage": pools::instances_wanted(&cloud.state()),
        "limit": cloud.config.instance_quota,
    })
}
