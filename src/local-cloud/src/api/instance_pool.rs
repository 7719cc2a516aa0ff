//! `/instance-pool`.

use exoscale::{
    ids::InstanceId,
    models::{self, InstanceRef, InstanceTypeRef, TemplateRef},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        instances::InstanceSettings,
        pools::{self, InstancePool, NewPool},
        references,
        refusal::Refusal,
    },
    body::Form,
    machine::{description, disk_size, further, instance_type, template, user_data},
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

/// The fields that a creation and an update share.
const FIELDS: [&str; 8] = [
    "name",
    "description",
    "instance-type",
    "template",
    "disk-size",
    "instance-prefix",
    "user-data",
    "labels",
];

/// Fields that are kept and answered, and have no effect here.
const FURTHER: [(&str, Form); 11] = [
    ("anti-affinity-groups", Form::Objects),
    ("application-consistent-snapshot-enabled", Form::Boolean),
    ("deploy-target", Form::Object),
    ("elastic-ips", Form::Objects),
    ("ipv6-enabled", Form::Boolean),
    ("min-available", Form::Count),
    ("private-networks", Form::Objects),
    (
        "public-ip-assignment",
        Form::Word(&["inet4", "dual", "none"]),
    ),
    ("security-groups", Form::Objects),
    ("ssh-key", Form::Object),
    ("ssh-keys", Form::Objects),
];

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

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InstancePoolView<'a> {
    #[serde(flatten)]
    core: models::InstancePool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    instance_type: InstanceTypeRef,
    template: TemplateRef,
    disk_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
    labels: &'a std::collections::BTreeMap<String, String>,
    #[serde(flatten)]
    further: &'a Map<String, Value>,
}

impl<'a> InstancePoolView<'a> {
    fn of(pool: &'a InstancePool) -> Self {
        let settings = &pool.settings;
        Self {
            core: models::InstancePool {
                id: pool.id,
                name: pool.name.clone(),
                size: pool.size,
                state: pool.state.clone(),
                error_reason: pool.error_reason.clone(),
                instances: pool
                    .members
                    .iter()
                    .map(|id| InstanceRef { id: *id })
                    .collect(),
            },
            description: pool.description.as_deref(),
            instance_type: InstanceTypeRef {
                id: settings.instance_type,
            },
            template: TemplateRef {
                id: settings.template,
            },
            disk_size: settings.disk_size,
            instance_prefix: settings.instance_prefix.as_deref(),
            user_data: settings.user_data.as_deref(),
            labels: &settings.labels,
            further: &settings.further,
        }
    }
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let pools: Vec<_> = state.pools.values().map(InstancePoolView::of).collect();
    json!({ "instance-pools": pools })
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let pool = state
        .pools
        .get(&id)
        .ok_or_else(|| Refusal::not_found("instance-pool", id))?;
    Ok(json!(InstancePoolView::of(pool)))
}

fn create(call: &Call<'_>) -> Answer {
    let known: Vec<_> = FIELDS
        .into_iter()
        .chain(["size"])
        .chain(FURTHER.map(|(name, _)| name))
        .collect();
    let fields = call.fields(&known)?;
    let mut further = further(&fields, &FURTHER)?;
    references::normalise(&mut further, &call.cloud.state())?;
    further
        .entry("public-ip-assignment")
        .or_insert_with(|| json!("inet4"));
    further
        .entry("ipv6-enabled")
        .or_insert_with(|| json!(false));
    let new = NewPool {
        name: fields.require("name", fields.text("name", 1..=255)?)?,
        description: description(&fields)?,
        size: fields.require("size", fields.integer("size", 1..=u32::MAX)?)?,
        settings: InstanceSettings {
            instance_type: fields.require("instance-type", instance_type(&fields)?)?,
            template: fields.require("template", template(call, &fields)?)?,
            disk_size: fields.require("disk-size", disk_size(&fields)?)?,
            instance_prefix: fields.text("instance-prefix", 1..=30)?,
            user_data: user_data(&fields)?,
            labels: fields.labels("labels")?.unwrap_or_default(),
            further,
        },
    };
    Ok(json!(pools::create(call.cloud, new)?))
}

fn update(call: &Call<'_>) -> Answer {
    let known: Vec<_> = FIELDS
        .into_iter()
        .chain(FURTHER.map(|(name, _)| name))
        .collect();
    let fields = call.fields(&known)?;
    let name = fields.text("name", 1..=255)?;
    let instance_type = instance_type(&fields)?;
    let template = template(call, &fields)?;
    let disk_size = disk_size(&fields)?;
    let description = description(&fields)?;
    let prefix = fields.text("instance-prefix", 1..=30)?;
    let user_data = user_data(&fields)?;
    let labels = fields.labels("labels")?;
    let mut further = further(&fields, &FURTHER)?;
    references::normalise(&mut further, &call.cloud.state())?;
    let operation = pools::update(call.cloud, call.id("id")?, |pool, settings| {
        pool.name = name.unwrap_or_else(|| pool.name.clone());
        settings.instance_type = instance_type.unwrap_or(settings.instance_type);
        settings.template = template.unwrap_or(settings.template);
        settings.disk_size = disk_size.unwrap_or(settings.disk_size);
        settings.labels = labels.unwrap_or_else(|| settings.labels.clone());
        // A null clears what may be absent.
        if fields.has("description") {
            pool.description = description;
        }
        if fields.has("instance-prefix") {
            settings.instance_prefix = prefix;
        }
        if fields.has("user-data") {
            settings.user_data = user_data;
        }
        for (name, _) in FURTHER.iter().filter(|(name, _)| fields.has(name)) {
            settings.further.remove(*name);
        }
        settings.further.extend(further);
    })?;
    Ok(json!(operation))
}

fn scale(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["size"])?;
    let size = fields.require("size", fields.integer("size", 0..=u32::MAX)?)?;
    Ok(json!(pools::scale(call.cloud, call.id("id")?, size)?))
}

fn evict(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["instances"])?;
    let victims: Vec<InstanceId> = fields.require("instances", fields.ids("instances")?)?;
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
    let operation = pools::update(call.cloud, call.id("id")?, |pool, settings| match field {
        "description" => pool.description = None,
        "labels" => settings.labels.clear(),
        "user-data" => settings.user_data = None,
        "ipv6-enabled" => {
            settings.further.insert(field.to_owned(), json!(false));
        }
        _ => {
            settings.further.remove(field);
        }
    })?;
    Ok(json!(operation))
}
