//! `/instance`: the calls that make and change instances of no pool.

use std::sync::Arc;

use exoscale::ids::{InstanceTypeId, TemplateId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    super::{
        instances::{Instance, InstanceSettings},
        references,
        refusal::Refusal,
        standalone::{self, NewInstance},
    },
    body::{Change, kept},
    field::{Labels, Name, Objects, Reference, Text, Word},
    machine::{DiskSize, PublicIpAssignment, UserData, instance_type, template},
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
        path: "/instance/{id}:reset",
        operation: "reset-instance",
        handler: reinstall,
    },
    Route {
        method: "POST",
        path: "/instance/{id}:enable-tpm",
        operation: "enable-tpm",
        handler: enable_tpm,
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

/// `create-instance`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CreateInstance {
    #[serde(skip_serializing)]
    name: Option<Name>,
    #[serde(skip_serializing)]
    instance_type: Reference<InstanceTypeId>,
    #[serde(skip_serializing)]
    template: Reference<TemplateId>,
    #[serde(skip_serializing)]
    disk_size: DiskSize,
    #[serde(skip_serializing)]
    user_data: Option<UserData>,
    #[serde(skip_serializing)]
    labels: Option<Labels>,
    #[serde(skip_serializing)]
    auto_start: Option<bool>,
    // Kept and answered, without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    anti_affinity_groups: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_consistent_snapshot_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_target: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip_assignment: Option<Word<PublicIpAssignment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secureboot_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_groups: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_key: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_keys: Option<Objects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm_enabled: Option<bool>,
}

/// `update-instance`: settings that can be changed while it runs; a boot reads its user-data.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct UpdateInstance {
    #[serde(skip_serializing)]
    name: Option<Name>,
    #[serde(skip_serializing)]
    user_data: Change<UserData>,
    #[serde(skip_serializing)]
    labels: Option<Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip_assignment: Option<Word<PublicIpAssignment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_consistent_snapshot_enabled: Option<bool>,
}

/// `start-instance`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct StartInstance {
    rescue_profile: Change<Value>,
}

/// `scale-instance`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ScaleInstance {
    instance_type: Reference<InstanceTypeId>,
}

/// `reset-instance`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct ResetInstance {
    template: Option<Reference<TemplateId>>,
    disk_size: Option<DiskSize>,
}

/// `resize-instance-disk`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ResizeDisk {
    disk_size: DiskSize,
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateInstance = call.body()?;
    let mut further = kept(&body);
    references::normalise(&mut further, &call.cloud.state())?;
    let mut settings = InstanceSettings {
        instance_type: instance_type(body.instance_type)?,
        template: template(call, body.template)?,
        disk_size: body.disk_size.0,
        instance_prefix: None,
        user_data: body.user_data.map(|data| data.0),
        labels: body.labels.unwrap_or_default().0,
        further: further.clone(),
    };
    settings.settle_addresses(&further);
    let new = NewInstance {
        name: body.name.map(|name| name.0),
        start: body.auto_start.unwrap_or(true),
        settings,
    };
    Ok(json!(standalone::create(call.cloud, new)?))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdateInstance = call.body()?;
    let further = kept(&body);
    change(call, false, |instance| {
        if let Some(Text(name)) = body.name {
            instance.name = name;
        }
        let settings = Arc::make_mut(&mut instance.settings);
        if let Some(Labels(labels)) = body.labels {
            settings.labels = labels;
        }
        body.user_data
            .apply(&mut settings.user_data, |data| Some(data.0));
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
        let body: StartInstance = call.body()?;
        if !body.rescue_profile.is_keep() {
            return Err(Refusal::Unsupported(
                "a start with a rescue-profile".to_owned(),
            ));
        }
    }
    Ok(json!(standalone::start(call.cloud, call.id("id")?)?))
}

fn scale(call: &Call<'_>) -> Answer {
    let kind = instance_type(call.body::<ScaleInstance>()?.instance_type)?;
    change(call, true, |instance| {
        Arc::make_mut(&mut instance.settings).instance_type = kind;
        Ok(())
    })
}

fn reinstall(call: &Call<'_>) -> Answer {
    let body: ResetInstance = if call.body.is_empty() {
        ResetInstance::default()
    } else {
        call.body()?
    };
    let template = body.template.map(|id| template(call, id)).transpose()?;
    let disk_size = body.disk_size.map(|size| size.0);
    let operation = standalone::reset(call.cloud, call.id("id")?, template, disk_size)?;
    Ok(json!(operation))
}

fn enable_tpm(call: &Call<'_>) -> Answer {
    change(call, false, |instance| {
        let settings = Arc::make_mut(&mut instance.settings);
        settings
            .further
            .insert("tpm-enabled".to_owned(), json!(true));
        Ok(())
    })
}

fn resize_disk(call: &Call<'_>) -> Answer {
    let size = call.body::<ResizeDisk>()?.disk_size.0;
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
