//! `/instance-type`.

use serde_json::json;

use super::{
    super::{catalog, refusal::Refusal},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/instance-type",
        operation: "list-instance-types",
        handler: |_| Ok(json!({ "instance-types": *catalog::INSTANCE_TYPES })),
    },
    Route {
        method: "GET",
        path: "/instance-type/{id}",
        operation: "get-instance-type",
        handler: get,
    },
];

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let kind = catalog::instance_type(id);
    Ok(json!(
        kind.ok_or_else(|| Refusal::not_found("instance-type", id))?
    ))
}
