//! `/operation`.

use serde_json::json;

use super::{
    super::refusal::Refusal,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/operation/{id}",
    operation: "get-operation",
    handler: get,
}];

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let operation = state.operations.get(id);
    Ok(json!(
        operation.ok_or_else(|| Refusal::not_found("operation", id))?
    ))
}
