//! `/instance-pool`.

use exoscale::{
    ids::{InstanceId, InstanceTypeId, TemplateId},
    models::{self, InstanceRef},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    super::{
        instances::InstanceSettings,
        pools::{self, InstancePool, NewPool},
        references,
        refusal::Refusal,
        user_data::UserData,
    },
    body::{Change, kept},
    field::{
        Description, Ids, Labels, Name, Objects, Reference, Size, Text, UNBOUNDED, Whole, Word,
    },
    machine::{self, DiskSize, PublicIpAssignment, instance_type, template},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/instance-pool",
        operation: "list-instance-pools",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "POST",
        path: "/instance-pool",
        operation: "create-instance-pool",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/instance-pool/{id}",
        operation: "get-instance-pool",
        handler: get,
    },
    Route {
        method: "PUT",
        path: "/instance-pool/{id}",
        operation: "update-instance-pool",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/instance-pool/{id}",
        operation: "delete-instance-pool",
        handler: |call| Ok(json!(pools::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "PUT",
        path: "/instance-pool/{id}:scale",
        operation: "scale-instance-pool",
        handler: scale,
    },
    Route {
        method: "PUT",
        path: "/instance-pool/{id}:evict",
        operation: "evict-instance-pool-members",
        handler: evict,
    },
    Route {
        method: "DELETE",
        path: "/instance-pool/{id}/{field}",
        operation: "reset-instance-pool-field",
        handler: reset,
    },
];

/// `create-instance-pool`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CreatePool {
    #[serde(skip_serializing)]
    name: Name,
    #[serde(skip_serializing)]
    size: Size<1, UNBOUNDED>,
    #[serde(skip_serializing)]
    instance_type: Reference<InstanceTypeId>,
    #[serde(skip_serializing)]
    template: Reference<TemplateId>,
    #[serde(skip_serializing)]
    disk_size: DiskSize,
    #[serde(skip_serializing)]
    description: Option<Description>,
    #[serde(skip_serializing)]
    instance_prefix: Option<Text<1, 30>>,
    #[serde(skip_serializing)]
    user_data: Option<machine::UserData>,
    #[serde(skip_serializing)]
    labels: Option<Labels>,
    // Kept and answered, without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    anti_affinity_groups: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_consistent_snapshot_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_target: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elastic_ips: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_available: Option<Whole<u64, 0, { u64::MAX }>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_networks: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip_assignment: Option<Word<PublicIpAssignment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_groups: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_key: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_keys: Option<Objects>,
}

/// `update-instance-pool`. A null clears what may be absent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(super) struct UpdatePool {
    #[serde(skip_serializing)]
    name: Option<Name>,
    #[serde(skip_serializing)]
    instance_type: Option<Reference<InstanceTypeId>>,
    #[serde(skip_serializing)]
    template: Option<Reference<TemplateId>>,
    #[serde(skip_serializing)]
    disk_size: Option<DiskSize>,
    #[serde(skip_serializing)]
    description: Change<Description>,
    #[serde(skip_serializing)]
    instance_prefix: Change<Text<1, 30>>,
    #[serde(skip_serializing)]
    user_data: Change<machine::UserData>,
    #[serde(skip_serializing)]
    labels: Option<Labels>,
    // Kept and answered, without effect here.
    #[serde(skip_serializing_if = "Change::is_keep")]
    anti_affinity_groups: Change<Objects>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    application_consistent_snapshot_enabled: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    deploy_target: Change<Map<String, Value>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    elastic_ips: Change<Objects>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    ipv6_enabled: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    min_available: Change<Whole<u64, 0, { u64::MAX }>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    private_networks: Change<Objects>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    public_ip_assignment: Change<Word<PublicIpAssignment>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    security_groups: Change<Objects>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    ssh_key: Change<Map<String, Value>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    ssh_keys: Change<Objects>,
}

/// `scale-instance-pool`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalePool {
    size: Size<0, UNBOUNDED>,
}

/// `evict-instance-pool-members`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvictMembers {
    instances: Ids<InstanceId>,
}

/// What `reset-instance-pool-field` may reset.
const RESETTABLE: [&str; 10] = [
    "anti-affinity-groups",
    "description",
    "labels",
    "security-groups",
    "elastic-ips",
    "private-networks",
    "ssh-key",
    "user-data",
    "deploy-target",
    "ipv6-enabled",
];

/// What "none" is shown as, for clients that read a field without asking whether it is there.
const NONE: [(&str, &str); 7] = [
    ("anti-affinity-groups", "[]"),
    ("application-consistent-snapshot-enabled", "false"),
    ("elastic-ips", "[]"),
    ("min-available", "0"),
    ("private-networks", "[]"),
    ("security-groups", "[]"),
    ("ssh-keys", "[]"),
];

/// A pool, as the API shows it.
fn view(pool: &InstancePool) -> Value {
    let settings = &pool.settings;
    let core = models::InstancePool {
        id: pool.id,
        name: pool.name.clone(),
        size: pool.size,
        state: pool.state.clone(),
        error_reason: pool.error_reason.clone(),
        instances: pool.members().map(|id| InstanceRef { id }).collect(),
    };
    let mut shown = kept(&core);
    for (field, none) in NONE {
        shown.insert(field.to_owned(), none.parse().unwrap_or_default());
    }
    shown.extend(settings.further.clone());
    let prefix = settings.instance_prefix.as_deref().unwrap_or("pool");
    let fields = [
        ("instance-type", json!({ "id": settings.instance_type })),
        ("template", json!({ "id": settings.template })),
        ("disk-size", json!(settings.disk_size)),
        ("instance-prefix", json!(prefix)),
        ("labels", json!(settings.labels)),
    ];
    let data = settings.user_data.as_ref().map(UserData::base64);
    let optional = [
        ("description", pool.description.as_deref()),
        ("user-data", data),
    ];
    let optional = optional.into_iter();
    let optional = optional.filter_map(|(field, text)| Some((field, json!(text?))));
    for (field, value) in fields.into_iter().chain(optional) {
        shown.insert(field.to_owned(), value);
    }
    Value::Object(shown)
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let pools: Vec<_> = state.pools.values().map(view).collect();
    json!({ "instance-pools": pools })
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let pool = state
        .pools
        .get(&id)
        .ok_or_else(|| Refusal::not_found("instance-pool", id))?;
    Ok(view(pool))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreatePool = call.body()?;
    let mut further = kept(&body);
    references::normalise(&mut further, &call.cloud.state())?;
    let mut settings = InstanceSettings {
        instance_type: instance_type(body.instance_type)?,
        template: template(call, body.template)?,
        disk_size: body.disk_size.0,
        instance_prefix: body.instance_prefix.map(|prefix| prefix.0),
        user_data: body.user_data.map(|data| data.0),
        labels: body.labels.unwrap_or_default().0,
        further: further.clone(),
    };
    settings.settle_addresses(&further);
    let new = NewPool {
        name: body.name.0,
        description: Description::text(body.description),
        size: body.size.0,
        settings,
    };
    Ok(json!(pools::create(call.cloud, new)?))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdatePool = call.body()?;
    let mut further = kept(&body);
    let named: Vec<_> = further.keys().cloned().collect();
    further.retain(|_, value| !value.is_null());
    references::normalise(&mut further, &call.cloud.state())?;
    let instance_type = body.instance_type.map(instance_type).transpose()?;
    let template = body.template.map(|id| template(call, id)).transpose()?;
    let operation = pools::update(call.cloud, call.id("id")?, |pool, settings| {
        if let Some(Text(name)) = body.name {
            pool.name = name;
        }
        if let Some(Labels(labels)) = body.labels {
            settings.labels = labels;
        }
        settings.instance_type = instance_type.unwrap_or(settings.instance_type);
        settings.template = template.unwrap_or(settings.template);
        settings.disk_size = body.disk_size.map_or(settings.disk_size, |size| size.0);
        body.description
            .apply(&mut pool.description, |description| description.0);
        body.instance_prefix
            .apply(&mut settings.instance_prefix, |prefix| Some(prefix.0));
        body.user_data
            .apply(&mut settings.user_data, |data| Some(data.0));
        check_addresses(settings, &further)?;
        for name in &named {
            settings.further.remove(name);
        }
        settings.further.extend(further.clone());
        settings.settle_addresses(&further);
        Ok(())
    })?;
    Ok(json!(operation))
}

/// Public addresses cannot be added to a pool that was made without, nor taken from one with.
fn check_addresses(
    settings: &InstanceSettings,
    changed: &Map<String, Value>,
) -> Result<(), Refusal> {
    let wanted = changed.get("public-ip-assignment").and_then(Value::as_str);
    let has_none = settings.public_ip_assignment() == "none";
    match wanted {
        Some(word) if (word == "none") != has_none => Err(Refusal::invalid(
            "public-ip-assignment",
            "cannot be changed from or to none",
        )),
        _ => Ok(()),
    }
}

fn scale(call: &Call<'_>) -> Answer {
    let body: ScalePool = call.body()?;
    Ok(json!(pools::scale(
        call.cloud,
        call.id("id")?,
        body.size.0
    )?))
}

fn evict(call: &Call<'_>) -> Answer {
    let Ids(victims) = call.body::<EvictMembers>()?.instances;
    if victims.is_empty() {
        return Err(Refusal::invalid(
            "instances",
            "must name at least one member",
        ));
    }
    Ok(json!(pools::evict(call.cloud, call.id("id")?, &victims)?))
}

fn reset(call: &Call<'_>) -> Answer {
    let field = call.text("field");
    if !RESETTABLE.contains(&field) {
        return Err(Refusal::invalid(
            "field",
            format!("must be one of {}", RESETTABLE.join(", ")),
        ));
    }
    let operation = pools::update(call.cloud, call.id("id")?, |pool, settings| {
        match field {
            "description" => pool.description = None,
            "labels" => settings.labels.clear(),
            "user-data" => settings.user_data = None,
            "ipv6-enabled" => {
                let off = Map::from_iter([(field.to_owned(), json!(false))]);
                settings.settle_addresses(&off);
            }
            _ => {
                settings.further.remove(field);
            }
        }
        Ok(())
    })?;
    Ok(json!(operation))
}
