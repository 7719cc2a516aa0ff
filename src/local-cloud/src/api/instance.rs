//! `/instance`.

use exoscale::ids::PoolId;
use serde_json::{Value, json};

use super::{
    super::{
        instances::{self, Instance},
        refusal::Refusal,
    },
    instance_view::Shown,
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

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let instance = state
        .instances
        .get(&id)
        .ok_or_else(|| Refusal::not_found("instance", id))?;
    let mut shown = Shown::new(&state, &call.cloud.config.zone);
    Ok(json!(shown.full(instance)))
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
    let mut shown = Shown::new(&state, &call.cloud.config.zone);
    let found = state.instances.values().filter(fits);
    let instances: Vec<_> = found.map(|instance| shown.short(instance)).collect();
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
