//! `/instance`.

use exoscale::{
    ids::PoolId,
    models::{self, Manager, TemplateRef},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        anti_affinity, catalog,
        instances::{self, Instance},
        private_networks,
        refusal::Refusal,
    },
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/instance",
        operation: "list-instances",
        handler: list,
    },
    Route {
        method: "GET",
        path: "/instance/{id}",
        operation: "get-instance",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/instance/{id}",
        operation: "delete-instance",
        handler: |call| Ok(json!(instances::delete(call.cloud, call.id("id")?)?)),
    },
];

/// Further fields that both show.
const FURTHER: [&str; 4] = [
    "public-ip-assignment",
    "security-groups",
    "ssh-key",
    "ssh-keys",
];

/// What both the list and the single answer show.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InstanceView<'a> {
    #[serde(flatten)]
    core: models::Instance,
    instance_type: Option<&'static catalog::OfferedType>,
    template: TemplateRef,
    #[serde(flatten)]
    shared: Map<String, Value>,
    /// Only in the answer for one instance.
    #[serde(flatten)]
    detail: Option<Detail<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    disk_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
}

impl<'a> InstanceView<'a> {
    fn of(instance: &'a Instance) -> Self {
        let settings = &instance.settings;
        let mut shared = settings.further.clone();
        shared.retain(|name, _| FURTHER.contains(&name.as_str()));
        shared
            .entry("public-ip-assignment")
            .or_insert_with(|| json!("inet4"));
        Self {
            core: models::Instance {
                id: instance.id,
                name: instance.name.clone(),
                state: instance.state.clone(),
                created_at: Some(instance.created_at),
                public_ip: instance.public_ip(),
                ipv6_address: instance.ipv6_address(),
                private_networks: private_networks::of(instance),
                private_ip: None,
                labels: settings.labels.clone(),
                manager: instance.pool.map(|id| Manager {
                    id,
                    kind: "instance-pool".to_owned(),
                }),
            },
            instance_type: catalog::instance_type(settings.instance_type),
            template: TemplateRef {
                id: settings.template,
            },
            shared,
            detail: None,
        }
    }

    fn with_detail(instance: &'a Instance) -> Self {
        let mut view = Self::of(instance);
        let groups = instance
            .settings
            .further
            .get_key_value(anti_affinity::FIELD);
        let groups = groups.map(|(name, value)| (name.clone(), value.clone()));
        view.shared.extend(groups);
        Self {
            detail: Some(Detail {
                disk_size: instance.settings.disk_size,
                user_data: instance.settings.user_data.as_deref(),
            }),
            ..view
        }
    }
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let instance = state
        .instances
        .get(&id)
        .ok_or_else(|| Refusal::not_found("instance", id))?;
    Ok(json!(InstanceView::with_detail(instance)))
}

fn list(call: &Call<'_>) -> Answer {
    call.query_one_of("manager-type", &["instance-pool"])?;
    let manager: Option<PoolId> = call.query_id("manager-id")?;
    let ip = call.query("ip-address");
    let labels = call
        .query("labels")
        .map(parse_labels)
        .transpose()?
        .unwrap_or_default();
    let state = call.cloud.state();
    let fits = |instance: &&Instance| {
        manager.is_none_or(|manager| instance.pool == Some(manager))
            && ip.is_none_or(|ip| {
                let public = instance.public_ip();
                public.is_some_and(|public| public.to_string() == ip)
            })
            && labels.iter().all(|(name, value)| {
                instance
                    .settings
                    .labels
                    .get(name)
                    .is_some_and(|label| label == value)
            })
    };
    let instances: Vec<_> = state
        .instances
        .values()
        .filter(fits)
        .map(InstanceView::of)
        .collect();
    Ok(json!({ "instances": instances }))
}

/// The form of the `labels` filter is not described; a JSON object and `name=value,…` are taken.
fn parse_labels(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    if let Ok(Value::Object(labels)) = serde_json::from_str(text) {
        let pair = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        let pairs: Option<Vec<_>> = labels.into_iter().map(pair).collect();
        return pairs.ok_or_else(|| Refusal::invalid("labels", "must hold strings only"));
    }
    text.split(',')
        .map(|pair| match pair.split_once(['=', ':']) {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(Refusal::invalid(
                "labels",
                "must be name=value pairs with commas between",
            )),
        })
        .collect()
}
