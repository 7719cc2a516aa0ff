//! `/snapshot`, and the calls of an instance that make one or go back to one.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    super::{
        refusal::Refusal,
        snapshots::{self, KIND},
    },
    field::Id,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/snapshot",
        operation: "list-snapshots",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "GET",
        path: "/snapshot/{id}",
        operation: "get-snapshot",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/snapshot/{id}",
        operation: "delete-snapshot",
        handler: |call| Ok(json!(snapshots::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "POST",
        path: "/instance/{id}:create-snapshot",
        operation: "create-snapshot",
        handler: |call| Ok(json!(snapshots::create(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "POST",
        path: "/instance/{instance-id}:revert-snapshot",
        operation: "revert-instance-to-snapshot",
        handler: revert,
    },
];

/// `revert-instance-to-snapshot`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revert {
    id: Id<Uuid>,
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let snapshots: Vec<_> = state.snapshots.values().collect();
    json!({ "snapshots": snapshots })
}

fn get(call: &Call<'_>) -> Answer {
    let id: Uuid = call.id("id")?;
    let state = call.cloud.state();
    let snapshot = state.snapshots.get(&id);
    Ok(json!(snapshot.ok_or_else(|| Refusal::not_found(KIND, id))?))
}

fn revert(call: &Call<'_>) -> Answer {
    let Id(snapshot) = call.body::<Revert>()?.id;
    let instance = call.id("instance-id")?;
    Ok(json!(snapshots::revert(call.cloud, instance, snapshot)?))
}
