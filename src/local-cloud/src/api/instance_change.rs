//! `/instance`: the calls that make and change instances of no pool.

use std::sync::Arc;

use serde_json::json;

use super::{
    super::{
        instances::{Instance, InstanceSettings},
        references,
        refusal::Refusal,
        standalone::{self, NewInstance},
    },
    body::Form,
    machine::{disk_size, further, instance_type, template, user_data},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/instance",
        operation: "create-instance",
        handler: create,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}",
        operation: "update-instance",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/instance/{id}/{field}",
        operation: "reset-instance-field",
        handler: reset,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:start",
        operation: "start-instance",
        handler: start,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:stop",
        operation: "stop-instance",
        handler: |call| Ok(json!(standalone::stop(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:reboot",
        operation: "reboot-instance",
        handler: |call| Ok(json!(standalone::reboot(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:scale",
        operation: "scale-instance",
        handler: scale,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:resize-disk",
        operation: "resize-instance-disk",
        handler: resize_disk,
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:add-protection",
        operation: "add-instance-protection",
        handler: |call| protect(call, true),
    },
    Route {
        method: "PUT",
        path: "/instance/{id}:remove-protection",
        operation: "remove-instance-protection",
        handler: |call| protect(call, false),
    },
];

/// Fields that are kept and answered, and have no effect here.
const FURTHER: [(&str, Form); 10] = [
    ("anti-affinity-groups", Form::Objects),
    ("application-consistent-snapshot-enabled", Form::Boolean),
    ("deploy-target", Form::Object),
    ("ipv6-enabled", Form::Boolean),
    ("public-ip-assignment", PUBLIC_IP),
    ("secureboot-enabled", Form::Boolean),
    ("security-groups", Form::Objects),
    ("ssh-key", Form::Object),
    ("ssh-keys", Form::Objects),
    ("tpm-enabled", Form::Boolean),
];

const PUBLIC_IP: Form = Form::Word(&["inet4", "dual", "none"]);

fn create(call: &Call<'_>) -> Answer {
    let own = [
        "name",
        "instance-type",
        "template",
        "disk-size",
        "user-data",
        "labels",
        "auto-start",
    ];
    let known: Vec<_> = own
        .into_iter()
        .chain(FURTHER.map(|(name, _)| name))
        .collect();
    let fields = call.fields(&known)?;
    let mut further = further(&fields, &FURTHER)?;
    references::normalise(&mut further, &call.cloud.state())?;
    let new = NewInstance {
        name: fields.text("name", 1..=255)?,
        start: fields.boolean("auto-start")?.unwrap_or(true),
        settings: InstanceSettings {
            instance_type: fields.require("instance-type", instance_type(&fields)?)?,
            template: fields.require("template", template(call, &fields)?)?,
            disk_size: fields.require("disk-size", disk_size(&fields)?)?,
            instance_prefix: None,
            user_data: user_data(&fields)?,
            labels: fields.labels("labels")?.unwrap_or_default(),
            further,
        },
    };
    Ok(json!(standalone::create(call.cloud, new)?))
}

/// Changes settings that can be changed while it runs; a boot reads its user-data.
fn update(call: &Call<'_>) -> Answer {
    let fields = call.fields(&[
        "name",
        "user-data",
        "labels",
        "public-ip-assignment",
        "application-consistent-snapshot-enabled",
    ])?;
    let name = fields.text("name", 1..=255)?;
    let data = user_data(&fields)?;
    let labels = fields.labels("labels")?;
    let further = further(&fields, &FURTHER)?;
    change(call, false, |instance| {
        instance.name = name.unwrap_or_else(|| instance.name.clone());
        let settings = Arc::make_mut(&mut instance.settings);
        settings.labels = labels.unwrap_or_else(|| settings.labels.clone());
        if fields.has("user-data") {
            settings.user_data = data;
        }
        settings.further.extend(further);
        Ok(())
    })
}

fn reset(call: &Call<'_>) -> Answer {
    if call.text("field") != "labels" {
        return Err(Refusal::invalid("field", "must be labels"));
    }
    change(call, false, |instance| {
        Arc::make_mut(&mut instance.settings).labels.clear();
        Ok(())
    })
}

fn start(call: &Call<'_>) -> Answer {
    if !call.body.is_empty() {
        let fields = call.fields(&["rescue-profile"])?;
        if fields.has("rescue-profile") {
            return Err(Refusal::Unsupported(
                "a start with a rescue-profile".to_owned(),
            ));
        }
    }
    Ok(json!(standalone::start(call.cloud, call.id("id")?)?))
}

fn scale(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["instance-type"])?;
    let kind = fields.require("instance-type", instance_type(&fields)?)?;
    change(call, true, |instance| {
        Arc::make_mut(&mut instance.settings).instance_type = kind;
        Ok(())
    })
}

fn resize_disk(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["disk-size"])?;
    let size = fields.require("disk-size", disk_size(&fields)?)?;
    change(call, true, |instance| {
        let settings = Arc::make_mut(&mut instance.settings);
        if size < settings.disk_size {
            let problem = format!("must be at least {}: a disk only grows", settings.disk_size);
            return Err(Refusal::invalid("disk-size", problem));
        }
        settings.disk_size = size;
        Ok(())
    })
}

fn protect(call: &Call<'_>, protected: bool) -> Answer {
    change(call, false, |instance| {
        if let Some(own) = &mut instance.standalone {
            own.protected = protected;
        }
        Ok(())
    })
}

fn change(
    call: &Call<'_>,
    needs_stop: bool,
    change: impl FnOnce(&mut Instance) -> Result<(), Refusal>,
) -> Answer {
    let operation = standalone::update(call.cloud, call.id("id")?, needs_stop, change)?;
    Ok(json!(operation))
}
