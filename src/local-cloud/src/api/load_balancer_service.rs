//! `/load-balancer/{id}/service`.

use std::net::IpAddr;

use exoscale::{
    ids::{LoadBalancerId, ServiceId},
    models::{HealthCheck, PoolRef, ServerStatus},
};
use serde::Serialize;
use serde_json::json;

use super::{
    super::{
        load_balancer_services::{self, LoadBalancerService, ServiceSettings},
        load_balancers::Phase,
        nlb::Strategy,
        refusal::Refusal,
        status,
    },
    body::Fields,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/load-balancer/{id}/service",
        operation: "add-service-to-load-balancer",
        handler: add,
    },
    Route {
        method: "GET",
        path: "/load-balancer/{id}/service/{service-id}",
        operation: "get-load-balancer-service",
        handler: get,
    },
    Route {
        method: "PUT",
        path: "/load-balancer/{id}/service/{service-id}",
        operation: "update-load-balancer-service",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/load-balancer/{id}/service/{service-id}",
        operation: "delete-load-balancer-service",
        handler: delete,
    },
];

/// Fields that a creation and an update share.
const FIELDS: [&str; 7] = [
    "name",
    "description",
    "protocol",
    "strategy",
    "port",
    "target-port",
    "healthcheck",
];

/// The strategies, as the API spells them.
const STRATEGIES: [(&str, Strategy); 3] = [
    ("round-robin", Strategy::RoundRobin),
    ("source-hash", Strategy::SourceHash),
    ("maglev-hash", Strategy::MaglevHash),
];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ServiceView<'a> {
    id: ServiceId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    state: Phase,
    protocol: &'static str,
    strategy: &'static str,
    port: u16,
    target_port: u16,
    instance_pool: PoolRef,
    healthcheck: &'a HealthCheck,
    healthcheck_status: Vec<ServerStatus>,
}

impl<'a> ServiceView<'a> {
    pub(super) fn of(service: &'a LoadBalancerService) -> Self {
        let settings = &service.settings;
        let verdict = |health: status::ServerHealth| ServerStatus {
            public_ip: match health.server.ip() {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(_) => None,
            },
            status: health.status,
        };
        Self {
            id: service.id,
            name: &settings.name,
            description: settings.description.as_deref(),
            state: service.phase,
            protocol: "tcp",
            strategy: STRATEGIES
                .iter()
                .find(|(_, strategy)| *strategy == settings.strategy)
                .map(|(name, _)| *name)
                .unwrap_or_default(),
            port: settings.port,
            target_port: settings.target_port,
            instance_pool: PoolRef { id: service.pool },
            healthcheck: &settings.healthcheck,
            healthcheck_status: status::server_health(service)
                .into_iter()
                .map(verdict)
                .collect(),
        }
    }
}

fn add(call: &Call<'_>) -> Answer {
    let known: Vec<_> = FIELDS.into_iter().chain(["instance-pool"]).collect();
    let fields = call.fields(&known)?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let pool = fields.require("instance-pool", fields.reference("instance-pool")?)?;
    let protocol = protocol(&fields)?;
    fields.require("protocol", protocol)?;
    let settings = ServiceSettings {
        name,
        description: fields.text("description", 0..=255)?,
        strategy: fields.require("strategy", strategy(&fields)?)?,
        port: fields.require("port", fields.port("port")?)?,
        target_port: fields.require("target-port", fields.port("target-port")?)?,
        healthcheck: fields.require("healthcheck", healthcheck(&fields, None)?)?,
    };
    Ok(json!(load_balancer_services::add(
        call.cloud,
        call.id("id")?,
        pool,
        settings
    )?))
}

fn get(call: &Call<'_>) -> Answer {
    let (id, service) = ids(call)?;
    let state = call.cloud.state();
    let balancer = state
        .load_balancers
        .get(&id)
        .ok_or_else(|| Refusal::not_found("load-balancer", id))?;
    let found = balancer.services.iter().find(|entry| entry.id == service);
    let found = found.ok_or_else(|| Refusal::not_found("load-balancer service", service))?;
    Ok(json!(ServiceView::of(found)))
}

fn update(call: &Call<'_>) -> Answer {
    let fields = call.fields(&FIELDS)?;
    let (id, service) = ids(call)?;
    protocol(&fields)?;
    let mut settings = current_settings(call, id, service)?;
    settings.name = fields
        .text("name", 0..=255)?
        .filter(|n| !n.is_empty())
        .unwrap_or(settings.name);
    if fields.has("description") {
        settings.description = fields.text("description", 0..=255)?;
    }
    settings.strategy = strategy(&fields)?.unwrap_or(settings.strategy);
    settings.port = fields.port("port")?.unwrap_or(settings.port);
    settings.target_port = fields.port("target-port")?.unwrap_or(settings.target_port);
    if let Some(changed) = healthcheck(&fields, Some(&settings.healthcheck))? {
        settings.healthcheck = changed;
    }
    Ok(json!(load_balancer_services::update(
        call.cloud, id, service, settings
    )?))
}

fn delete(call: &Call<'_>) -> Answer {
    let (id, service) = ids(call)?;
    Ok(json!(load_balancer_services::delete(
        call.cloud, id, service
    )?))
}

fn ids(call: &Call<'_>) -> Result<(LoadBalancerId, ServiceId), Refusal> {
    Ok((call.id("id")?, call.id("service-id")?))
}

fn current_settings(
    call: &Call<'_>,
    id: LoadBalancerId,
    service: ServiceId,
) -> Result<ServiceSettings, Refusal> {
    let state = call.cloud.state();
    let balancer = state
        .load_balancers
        .get(&id)
        .ok_or_else(|| Refusal::not_found("load-balancer", id))?;
    let found = balancer.services.iter().find(|entry| entry.id == service);
    found
        .map(|entry| entry.settings.clone())
        .ok_or_else(|| Refusal::not_found("load-balancer service", service))
}

/// UDP is part of the API and not forwarded here: refused instead of pretended.
fn protocol(fields: &Fields) -> Result<Option<()>, Refusal> {
    match fields.one_of("protocol", &["tcp", "udp"])? {
        Some("udp") => Err(Refusal::Unsupported(
            "load balancer services with protocol udp".to_owned(),
        )),
        other => Ok(other.map(|_| ())),
    }
}

fn strategy(fields: &Fields) -> Result<Option<Strategy>, Refusal> {
    let name = fields.one_of("strategy", &STRATEGIES.map(|(name, _)| name))?;
    let found = STRATEGIES.iter().find(|(known, _)| Some(*known) == name);
    Ok(found.map(|(_, strategy)| *strategy))
}

/// The health check. What an update does not name stays; what a creation does not name takes the
/// defaults of Exoscale's `exo` CLI (interval 10 s, timeout 5 s, 1 retry).
fn healthcheck(
    fields: &Fields,
    current: Option<&HealthCheck>,
) -> Result<Option<HealthCheck>, Refusal> {
    let Some(check) = fields.object("healthcheck")? else {
        return Ok(None);
    };
    let mode = check.one_of("mode", &["tcp", "http", "https"])?;
    let mode = check
        .require("mode", mode.or(current.map(|c| c.mode.as_str())))?
        .to_owned();
    if mode == "https" {
        return Err(Refusal::Unsupported(
            "health checks with mode https".to_owned(),
        ));
    }
    let port = check.port("port")?.or(current.map(|c| c.port));
    let uri = check
        .text("uri", 1..=255)?
        .or_else(|| current.and_then(|c| c.uri.clone()));
    let interval = check
        .integer("interval", 5..=300)?
        .or(current.map(|c| c.interval));
    let timeout = check
        .integer("timeout", 2..=60)?
        .or(current.map(|c| c.timeout));
    let retries = check
        .integer("retries", 1..=20)?
        .or(current.map(|c| c.retries));
    let found = HealthCheck {
        port: check.require("port", port)?,
        uri: if mode == "tcp" {
            None
        } else {
            Some(check.require("uri", uri)?)
        },
        mode,
        interval: interval.unwrap_or(10),
        timeout: timeout.unwrap_or(5),
        retries: retries.unwrap_or(1),
    };
    if found.timeout > found.interval {
        let problem = format!("must be at most the interval of {} s", found.interval);
        return Err(Refusal::invalid("healthcheck.timeout", problem));
    }
    if found.uri.as_ref().is_some_and(|uri| !uri.starts_with('/')) {
        return Err(Refusal::invalid("healthcheck.uri", "must begin with /"));
    }
    Ok(Some(found))
}
