//! What pools and instances name: security groups, anti-affinity groups, private networks, elastic
//! IPs, SSH keys. Nothing that is named can be deleted, and nothing can name what is not there.

use std::sync::Arc;

use exoscale::ids::{
    AntiAffinityGroupId, ElasticIpId, InstanceId, PrivateNetworkId, SecurityGroupId,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    anti_affinity,
    cloud::State,
    elastic_ips,
    instances::{self, Instance},
    private_networks,
    refusal::Refusal,
    security_groups,
};

/// Brings the references among the fields to the API's form, which is `{"id": …}` or
/// `{"name": …}` and nothing else (clients send whole objects), and checks that they are there.
pub(crate) fn normalise(fields: &mut Map<String, Value>, state: &State) -> Result<(), Refusal> {
    let group = |id: Uuid| state.security_groups.contains_key(&SecurityGroupId(id));
    by_id(fields, security_groups::FIELD, group)?;
    let group = |id: Uuid| {
        let groups = &state.anti_affinity_groups;
        groups.contains_key(&AntiAffinityGroupId(id))
    };
    by_id(fields, anti_affinity::FIELD, group)?;
    let network = |id: Uuid| state.private_networks.contains_key(&PrivateNetworkId(id));
    by_id(fields, private_networks::FIELD, network)?;
    let elastic_ip = |id: Uuid| state.elastic_ips.contains_key(&ElasticIpId(id));
    by_id(fields, elastic_ips::FIELD, elastic_ip)?;
    if let Some(target) = fields.remove("deploy-target")
        && let Some(id) = target.get("id").and_then(Value::as_str)
    {
        return Err(Refusal::invalid("deploy-target", format!("{id} not found")));
    }
    // An empty name, or none, is how clients say "none".
    let empty = |key: &Value| key["name"].as_str().unwrap_or_default().is_empty();
    if fields.get("ssh-key").is_some_and(empty) {
        fields.remove("ssh-key");
    }
    if let Some(key) = fields.get_mut("ssh-key") {
        *key = ssh_key(key, "ssh-key", state)?;
    }
    if let Some(Value::Array(keys)) = fields.get_mut("ssh-keys") {
        for key in keys {
            *key = ssh_key(key, "ssh-keys", state)?;
        }
    }
    Ok(())
}

fn by_id(
    fields: &mut Map<String, Value>,
    field: &str,
    is_there: impl Fn(Uuid) -> bool,
) -> Result<(), Refusal> {
    let Some(Value::Array(items)) = fields.get_mut(field) else {
        return Ok(());
    };
    for item in items {
        let id = item["id"].as_str().and_then(|id| id.parse().ok());
        let id: Uuid = id.ok_or_else(|| Refusal::invalid(field, "must hold objects with an id"))?;
        if !is_there(id) {
            return Err(Refusal::invalid(field, format!("{id} not found")));
        }
        *item = json!({ "id": id });
    }
    Ok(())
}

fn ssh_key(key: &Value, field: &str, state: &State) -> Result<Value, Refusal> {
    let name = key["name"]
        .as_str()
        .ok_or_else(|| Refusal::invalid(field, "must have a name"))?;
    if !state.ssh_keys.contains_key(name) {
        return Err(Refusal::invalid(field, format!("{name:?} not found")));
    }
    Ok(json!({ "name": name }))
}

/// Refuses while a pool or an instance names `id`, which is of the kind, in the field.
pub(crate) fn check_unused(
    state: &State,
    (kind, field): (&'static str, &'static str),
    id: Uuid,
) -> Result<(), Refusal> {
    match user_of(state, field, id) {
        Some(user) => Err(Refusal::Conflict(format!("{kind} {id} is used by {user}"))),
        None => Ok(()),
    }
}

/// The pool or instance that names `id` in `field`, for a refusal's text.
fn user_of(state: &State, field: &str, id: Uuid) -> Option<String> {
    let names = |fields: &Map<String, Value>| names(fields, field, id);
    let pools = state.pools.values();
    let instances = state.instances.values();
    pools
        .filter(|pool| names(&pool.settings.further))
        .map(|pool| format!("instance-pool {}", pool.id))
        .chain(
            instances
                .filter(|instance| names(&instance.settings.further))
                .map(|instance| format!("instance {}", instance.id)),
        )
        .next()
}

/// Whether the fields name `id` in `field`.
fn names(fields: &Map<String, Value>, field: &str, id: Uuid) -> bool {
    let items = fields.get(field).and_then(Value::as_array);
    items.is_some_and(|items| items.iter().any(|item| is_reference(item, id)))
}

fn is_reference(item: &Value, id: Uuid) -> bool {
    item["id"].as_str().and_then(|text| text.parse().ok()) == Some(id)
}

/// Has an instance name `id`, which is of the kind and goes into the field. A pool's member may
/// differ from its pool in this.
pub(crate) fn attach(
    state: &mut State,
    (kind, field): (&'static str, &'static str),
    id: Uuid,
    instance: InstanceId,
) -> Result<(), Refusal> {
    let found = member(state, instance)?;
    if names(&found.settings.further, field, id) {
        return Err(Refusal::Conflict(format!(
            "instance {instance} is attached to {kind} {id} already"
        )));
    }
    let settings = Arc::make_mut(&mut found.settings);
    let entry = settings.further.entry(field).or_insert_with(|| json!([]));
    if let Some(items) = entry.as_array_mut() {
        items.push(json!({ "id": id }));
    }
    Ok(())
}

/// Has it no longer name `id`.
pub(crate) fn detach(
    state: &mut State,
    (kind, field): (&'static str, &'static str),
    id: Uuid,
    instance: InstanceId,
) -> Result<(), Refusal> {
    let found = member(state, instance)?;
    if !names(&found.settings.further, field, id) {
        return Err(Refusal::NotFound {
            what: "attachment",
            id: format!("of instance {instance} to {kind} {id}"),
        });
    }
    let settings = Arc::make_mut(&mut found.settings);
    if let Some(items) = settings
        .further
        .get_mut(field)
        .and_then(Value::as_array_mut)
    {
        items.retain(|item| !is_reference(item, id));
    }
    Ok(())
}

fn member(state: &mut State, id: InstanceId) -> Result<&mut Instance, Refusal> {
    let instance = state.instances.get_mut(&id);
    let instance = instance.filter(|instance| instance.stays());
    instance.ok_or_else(|| Refusal::not_found(instances::KIND, id))
}
