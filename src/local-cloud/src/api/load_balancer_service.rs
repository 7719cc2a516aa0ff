//! `/load-balancer/{id}/service`.

use std::net::IpAddr;

use exoscale::{
    ids::{LoadBalancerId, PoolId, ServiceId},
    models::{HealthCheck, PoolRef, ServerStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{
        load_balancer_services::{self, LoadBalancerService, ServiceSettings},
        load_balancers::Phase,
        nlb::{self, Protocol, Strategy},
        refusal::Refusal,
        status,
    },
    body::{Change, Object},
    field::{Description, Name, Port, Reference, Size, Text, Word},
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

/// `add-service-to-load-balancer`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AddService {
    name: Name,
    description: Option<Description>,
    instance_pool: Reference<PoolId>,
    protocol: Word<Protocol>,
    strategy: Word<Strategy>,
    port: Port,
    target_port: Port,
    healthcheck: Object<HealthCheckBody>,
}

/// `update-load-balancer-service`. What it does not name stays.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct UpdateService {
    name: Option<Text<0, 255>>,
    description: Change<Description>,
    protocol: Option<Word<Protocol>>,
    strategy: Option<Word<Strategy>>,
    port: Option<Port>,
    target_port: Option<Port>,
    healthcheck: Option<Object<HealthCheckBody>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct HealthCheckBody {
    mode: Option<Word<HealthCheckKind>>,
    port: Option<Port>,
    uri: Option<Text<1, 255>>,
    interval: Option<Size<5, 300>>,
    timeout: Option<Size<2, 60>>,
    retries: Option<Size<1, 20>>,
    #[serde(default)]
    tls_sni: Change<Text<1, 255>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HealthCheckKind {
    Tcp,
    Http,
    Https,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ServiceView<'a> {
    id: ServiceId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    state: Phase,
    protocol: Protocol,
    strategy: Strategy,
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
            protocol: settings.protocol,
            strategy: settings.strategy,
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
    let body: AddService = call.body()?;
    let Reference(pool) = body.instance_pool;
    let settings = ServiceSettings {
        name: body.name.0,
        description: Description::text(body.description),
        protocol: body.protocol.0,
        strategy: body.strategy.0,
        port: body.port.0,
        target_port: body.target_port.0,
        healthcheck: health_check(body.healthcheck, None)?,
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
    let body: UpdateService = call.body()?;
    let (id, service) = ids(call)?;
    let mut settings = current_settings(call, id, service)?;
    if let Some(Text(name)) = body.name.filter(|name| !name.0.is_empty()) {
        settings.name = name;
    }
    body.description
        .apply(&mut settings.description, |description| description.0);
    settings.protocol = body
        .protocol
        .map_or(settings.protocol, |protocol| protocol.0);
    settings.strategy = body
        .strategy
        .map_or(settings.strategy, |strategy| strategy.0);
    settings.port = body.port.map_or(settings.port, |port| port.0);
    settings.target_port = body.target_port.map_or(settings.target_port, |port| port.0);
    if let Some(changes) = body.healthcheck {
        settings.healthcheck = health_check(changes, Some(&settings.healthcheck))?;
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

/// The health check. What an update does not name stays; what a creation does not name takes the
/// defaults of the API's description (interval 10 s, timeout 2 s) and of `exo` (1 retry).
fn health_check(
    Object(body): Object<HealthCheckBody>,
    current: Option<&HealthCheck>,
) -> Result<HealthCheck, Refusal> {
    let missing = |field: &str| Refusal::invalid(format!("healthcheck.{field}"), "is missing");
    let mode = match body.mode {
        Some(Word(HealthCheckKind::Tcp)) => "tcp".to_owned(),
        Some(Word(HealthCheckKind::Http)) => "http".to_owned(),
        Some(Word(HealthCheckKind::Https)) => "https".to_owned(),
        None => current
            .map(|current| current.mode.clone())
            .ok_or_else(|| missing("mode"))?,
    };
    let port = body.port.map(|port| port.0).or(current.map(|c| c.port));
    let interval = body.interval.map(|seconds| seconds.0);
    let timeout = body.timeout.map(|seconds| seconds.0);
    let retries = body.retries.map(|count| count.0);
    let uri = body.uri.map(|uri| uri.0);
    let uri = uri.or_else(|| current.and_then(|current| current.uri.clone()));
    let mut tls_sni = current.and_then(|current| current.tls_sni.clone());
    body.tls_sni.apply(&mut tls_sni, |name| Some(name.0));
    let found = HealthCheck {
        port: port.ok_or_else(|| missing("port"))?,
        uri: if mode == "tcp" {
            None
        } else {
            Some(uri.ok_or_else(|| missing("uri"))?)
        },
        mode,
        interval: interval.or(current.map(|c| c.interval)).unwrap_or(10),
        timeout: timeout.or(current.map(|c| c.timeout)).unwrap_or(2),
        retries: retries.or(current.map(|c| c.retries)).unwrap_or(1),
        tls_sni,
    };
    if found.timeout > found.interval {
        let problem = format!("must be at most the interval of {} s", found.interval);
        return Err(Refusal::invalid("healthcheck.timeout", problem));
    }
    if found.uri.as_ref().is_some_and(|uri| !uri.starts_with('/')) {
        return Err(Refusal::invalid("healthcheck.uri", "must begin with /"));
    }
    let sni = found.tls_sni.as_deref();
    if sni.is_some_and(|name| !nlb::is_domain(name)) {
        let problem = "must be a domain such as example.net";
        return Err(Refusal::invalid("healthcheck.tls-sni", problem));
    }
    Ok(found)
}
