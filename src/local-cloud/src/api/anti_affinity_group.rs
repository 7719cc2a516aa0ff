//! `/anti-affinity-group`.

use exoscale::{ids::AntiAffinityGroupId, models::InstanceRef};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        anti_affinity::{self, AntiAffinityGroup, FIELD, KIND},
        cloud::State,
        refusal::Refusal,
    },
    field::{Description, Name},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/anti-affinity-group",
        operation: "list-anti-affinity-groups",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "POST",
        path: "/anti-affinity-group",
        operation: "create-anti-affinity-group",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/anti-affinity-group/{id}",
        operation: "get-anti-affinity-group",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/anti-affinity-group/{id}",
        operation: "delete-anti-affinity-group",
        handler: |call| Ok(json!(anti_affinity::delete(call.cloud, call.id("id")?)?)),
    },
];

/// `create-anti-affinity-group`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAntiAffinityGroup {
    name: Name,
    description: Option<Description>,
}

#[derive(Serialize)]
struct AntiAffinityGroupView<'a> {
    id: AntiAffinityGroupId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    instances: Vec<InstanceRef>,
}

impl<'a> AntiAffinityGroupView<'a> {
    fn of(group: &'a AntiAffinityGroup, state: &State) -> Self {
        let reference = json!({ "id": group.id });
        let members = state.instances.values().filter(|instance| {
            let groups = instance.settings.further.get(FIELD);
            let groups = groups.and_then(Value::as_array);
            groups.is_some_and(|groups| groups.contains(&reference))
        });
        Self {
            id: group.id,
            name: &group.name,
            description: group.description.as_deref(),
            instances: members
                .map(|instance| InstanceRef { id: instance.id })
                .collect(),
        }
    }
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let groups = state.anti_affinity_groups.values();
    let groups: Vec<_> = groups
        .map(|group| AntiAffinityGroupView::of(group, &state))
        .collect();
    json!({ "anti-affinity-groups": groups })
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let group = state.anti_affinity_groups.get(&id);
    let group = group.ok_or_else(|| Refusal::not_found(KIND, id))?;
    Ok(json!(AntiAffinityGroupView::of(group, &state)))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateAntiAffinityGroup = call.body()?;
    Ok(json!(anti_affinity::create(
        call.cloud,
        body.name.0,
        Description::text(body.description)
    )?))
}
