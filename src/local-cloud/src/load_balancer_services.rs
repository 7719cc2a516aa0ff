//! Services of load balancers: one forwarded port each, from its creation to its end.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use exoscale::{
    ids::{LoadBalancerId, PoolId, ServiceId},
    models::{HealthCheck, Operation},
};
use tokio::sync::watch;

use super::{
    cloud::{Cloud, State, interrupted},
    load_balancers::{KIND, LoadBalancer, Phase, changeable, publish_targets, targets_of},
    nlb::{Protocol, Strategy},
    operations::OperationFailure,
    refusal::Refusal,
    traffic::{RunningService, ServiceSpec, TrafficError},
};

/// Added to a port that only root may bind.
const UNPRIVILEGED_OFFSET: u16 = 8000;

/// What a service is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct ServiceSettings {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) strategy: Strategy,
    pub(crate) port: u16,
    pub(crate) target_port: u16,
    pub(crate) healthcheck: HealthCheck,
}

/// A service: one forwarded port.
#[derive(Debug)]
pub(crate) struct LoadBalancerService {
    pub(crate) id: ServiceId,
    pub(crate) pool: PoolId,
    pub(crate) settings: ServiceSettings,
    pub(crate) phase: Phase,
    pub(crate) running: Option<Arc<dyn RunningService>>,
    pub(crate) targets: watch::Sender<Vec<SocketAddr>>,
}

/// `POST /load-balancer/{id}/service`.
pub(crate) fn add(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    pool: PoolId,
    settings: ServiceSettings,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if !state.pools.contains_key(&pool) {
        return Err(Refusal::invalid(
            "instance-pool.id",
            format!("instance-pool {pool} not found"),
        ));
    }
    let target_port = settings.target_port;
    let targets = targets_of(&state, pool, target_port);
    let balancer = changeable(&mut state, id)?;
    check_unique(balancer, None, &settings)?;
    let (sender, receiver) = watch::channel(targets);
    let service = ServiceId::random();
    let spec = spec_of(cloud, balancer.ip, &settings);
    balancer.services.push(LoadBalancerService {
        id: service,
        pool,
        settings,
        phase: Phase::Creating,
        running: None,
        targets: sender,
    });
    // The API refers to the balancer, not to the new service; clients then look for it there.
    let operation = state.operations.begin(KIND, id.0);
    start(cloud, id, service, spec, receiver, &operation);
    Ok(operation)
}

/// `PUT /load-balancer/{id}/service/{service-id}`. Another port or protocol is another listener.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    service: ServiceId,
    settings: ServiceSettings,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let balancer = changeable(&mut state, id)?;
    check_unique(balancer, Some(service), &settings)?;
    let spec = spec_of(cloud, balancer.ip, &settings);
    let entry = changeable_service(balancer, service)?;
    let moved =
        (entry.settings.protocol, entry.settings.port) != (settings.protocol, settings.port);
    if !moved && let Some(running) = &entry.running {
        let refuse = |error: TrafficError| Refusal::invalid("healthcheck", error.to_string());
        running.update(spec.clone()).map_err(refuse)?;
    }
    entry.settings = settings;
    entry.phase = Phase::Updating;
    let receiver = entry.targets.subscribe();
    let pool = entry.pool;
    let previous = if moved { entry.running.take() } else { None };
    let kept = entry.running.is_some();
    publish_targets(&state, pool);
    let operation = state.operations.begin(KIND, id.0);
    if kept {
        finish_service(cloud, id, service, &operation);
    } else {
        if let Some(previous) = previous {
            cloud.spawn(async move { previous.stop().await });
        }
        start(cloud, id, service, spec, receiver, &operation);
    }
    Ok(operation)
}

/// `DELETE /load-balancer/{id}/service/{service-id}`.
pub(crate) fn delete(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    service: ServiceId,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let entry = changeable_service(changeable(&mut state, id)?, service)?;
    entry.phase = Phase::Deleting;
    if let Some(running) = entry.running.take() {
        cloud.spawn(async move { running.stop().await });
    }
    let operation = cloud.complete_after(&mut state, KIND, id.0, Vec::new(), move |state| {
        if let Some(balancer) = state.load_balancers.get_mut(&id) {
            balancer.services.retain(|entry| entry.id != service);
        }
        Ok(())
    });
    Ok(operation)
}

fn spec_of(cloud: &Cloud, ip: Ipv4Addr, settings: &ServiceSettings) -> ServiceSpec {
    ServiceSpec {
        listen: SocketAddr::from((ip, settings.port)),
        protocol: settings.protocol,
        strategy: settings.strategy,
        health: settings.healthcheck.clone(),
        speed: cloud.config.speed,
    }
}

fn changeable_service(
    balancer: &mut LoadBalancer,
    id: ServiceId,
) -> Result<&mut LoadBalancerService, Refusal> {
    let service = balancer
        .services
        .iter_mut()
        .find(|service| service.id == id);
    let service = service.ok_or_else(|| Refusal::not_found("load-balancer service", id))?;
    if matches!(service.phase, Phase::Running | Phase::Error) {
        return Ok(service);
    }
    Err(Refusal::Conflict(format!(
        "service {id} is busy: another change is in progress"
    )))
}

/// A name can be used once per balancer, and a port once for each protocol.
fn check_unique(
    balancer: &LoadBalancer,
    this: Option<ServiceId>,
    settings: &ServiceSettings,
) -> Result<(), Refusal> {
    for other in balancer
        .services
        .iter()
        .filter(|service| Some(service.id) != this)
    {
        let place = |settings: &ServiceSettings| (settings.protocol, settings.port);
        if place(&other.settings) == place(settings) {
            let port = settings.port;
            return Err(Refusal::Conflict(format!(
                "port {port} is used by service {}",
                other.id
            )));
        }
        if other.settings.name == settings.name {
            let name = &settings.name;
            return Err(Refusal::Conflict(format!(
                "there is a service {name:?} already"
            )));
        }
    }
    Ok(())
}

/// Starts forwarding, then ends the operation.
fn start(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    service: ServiceId,
    spec: ServiceSpec,
    targets: watch::Receiver<Vec<SocketAddr>>,
    operation: &Operation,
) {
    let owner = Arc::clone(cloud);
    let operation = operation.clone();
    cloud.spawn(async move {
        let wanted = spec.listen;
        match listen(&owner, spec, targets).await {
            Ok(running) => {
                if let Some(listen) = running.listen() {
                    tracing::info!(balancer = %id, port = wanted.port(), %listen, "load balancer serves");
                }
                // Deleted or stopped meanwhile: it must not go on.
                match adopt(&owner, id, service, running) {
                    None => finish_service(&owner, id, service, &operation),
                    Some(orphan) => {
                        orphan.stop().await;
                        let outcome = Err(interrupted("the service was deleted meanwhile"));
                        owner.finish(&mut owner.state(), operation.id, outcome);
                    }
                }
            }
            Err(error) => {
                tracing::error!(balancer = %id, %wanted, %error, "load balancer does not serve");
                let mut state = owner.state();
                if let Some(entry) = find_service(&mut state, id, service) {
                    entry.phase = Phase::Error;
                }
                let message = format!("cannot serve on {wanted}: {error}");
                let failure = OperationFailure { reason: "unavailable".into(), message };
                owner.finish(&mut state, operation.id, Err(failure));
            }
        }
    });
}

/// Keeps what runs with its service; gives it back when that is gone.
fn adopt(
    cloud: &Cloud,
    id: LoadBalancerId,
    service: ServiceId,
    running: Arc<dyn RunningService>,
) -> Option<Arc<dyn RunningService>> {
    let mut state = cloud.state();
    if cloud.stopping.is_cancelled() {
        return Some(running);
    }
    let Some(entry) = find_service(&mut state, id, service) else {
        return Some(running);
    };
    entry.running = Some(running);
    None
}

/// Listens on the port asked for, or above it when only root may.
async fn listen(
    cloud: &Cloud,
    spec: ServiceSpec,
    targets: watch::Receiver<Vec<SocketAddr>>,
) -> Result<Arc<dyn RunningService>, TrafficError> {
    let first = cloud
        .config
        .forwarder
        .start(spec.clone(), targets.clone())
        .await;
    match (first, spec.listen.port().checked_add(UNPRIVILEGED_OFFSET)) {
        (Err(TrafficError::NotAllowed(_)), Some(port)) => {
            let listen = SocketAddr::new(spec.listen.ip(), port);
            cloud
                .config
                .forwarder
                .start(ServiceSpec { listen, ..spec }, targets)
                .await
        }
        (first, _) => first,
    }
}

fn finish_service(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    service: ServiceId,
    operation: &Operation,
) {
    cloud.finish_after(operation.id, Vec::new(), move |state| {
        if let Some(entry) = find_service(state, id, service) {
            entry.phase = Phase::Running;
        }
        Ok(())
    });
}

fn find_service(
    state: &mut State,
    id: LoadBalancerId,
    service: ServiceId,
) -> Option<&mut LoadBalancerService> {
    let balancer = state.load_balancers.get_mut(&id)?;
    balancer
        .services
        .iter_mut()
        .find(|entry| entry.id == service)
}
