//! `/load-balancer`.

use std::collections::BTreeMap;

use exoscale::ids::LoadBalancerId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        load_balancers::{self, LoadBalancer, Phase},
        refusal::Refusal,
    },
    body::Change,
    field::{Description, Labels, Name, Text},
    load_balancer_service as service,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/load-balancer",
        operation: "list-load-balancers",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "POST",
        path: "/load-balancer",
        operation: "create-load-balancer",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/load-balancer/{id}",
        operation: "get-load-balancer",
        handler: get,
    },
    Route {
        method: "PUT",
        path: "/load-balancer/{id}",
        operation: "update-load-balancer",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/load-balancer/{id}",
        operation: "delete-load-balancer",
        handler: |call| Ok(json!(load_balancers::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "DELETE",
        path: "/load-balancer/{id}/{field}",
        operation: "reset-load-balancer-field",
        handler: reset,
    },
];

/// `create-load-balancer`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateLoadBalancer {
    name: Name,
    description: Option<Description>,
    labels: Option<Labels>,
}

/// `update-load-balancer`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UpdateLoadBalancer {
    name: Option<Name>,
    description: Change<Description>,
    labels: Option<Labels>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct LoadBalancerView<'a> {
    id: LoadBalancerId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    state: Phase,
    created_at: jiff::Timestamp,
    ip: std::net::Ipv4Addr,
    services: Vec<service::ServiceView<'a>>,
    labels: &'a BTreeMap<String, String>,
}

impl<'a> LoadBalancerView<'a> {
    fn of(balancer: &'a LoadBalancer) -> Self {
        Self {
            id: balancer.id,
            name: &balancer.name,
            description: balancer.description.as_deref(),
            state: balancer.phase,
            created_at: balancer.created_at,
            ip: balancer.ip,
            services: balancer
                .services
                .iter()
                .map(service::ServiceView::of)
                .collect(),
            labels: &balancer.labels,
        }
    }
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let balancers: Vec<_> = state
        .load_balancers
        .values()
        .map(LoadBalancerView::of)
        .collect();
    json!({ "load-balancers": balancers })
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let balancer = state
        .load_balancers
        .get(&id)
        .ok_or_else(|| Refusal::not_found("load-balancer", id))?;
    Ok(json!(LoadBalancerView::of(balancer)))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateLoadBalancer = call.body()?;
    let operation = load_balancers::create(
        call.cloud,
        body.name.0,
        Description::text(body.description),
        body.labels.unwrap_or_default().0,
    )?;
    Ok(json!(operation))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdateLoadBalancer = call.body()?;
    let operation = load_balancers::update(call.cloud, call.id("id")?, |balancer| {
        if let Some(Text(name)) = body.name {
            balancer.name = name;
        }
        if let Some(Labels(labels)) = body.labels {
            balancer.labels = labels;
        }
        body.description
            .apply(&mut balancer.description, |description| description.0);
    })?;
    Ok(json!(operation))
}

fn reset(call: &Call<'_>) -> Answer {
    let field = call.text("field");
    if !["description", "labels"].contains(&field) {
        return Err(Refusal::invalid(
            "field",
            "must be one of description, labels",
        ));
    }
    let operation = load_balancers::update(call.cloud, call.id("id")?, |balancer| {
        if field == "labels" {
            balancer.labels.clear();
        } else {
            balancer.description = None;
        }
    })?;
    Ok(json!(operation))
}
