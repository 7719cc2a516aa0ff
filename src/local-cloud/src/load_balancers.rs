//! Load balancers, and who their targets are. Their services are in
//! [`super::load_balancer_services`].

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use exoscale::{
    ids::{InstanceId, LoadBalancerId, PoolId},
    models::Operation,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    cloud::{Cloud, State, now},
    load_balancer_services::LoadBalancerService,
    pools::InstancePool,
    refusal::Refusal,
};

/// The path under which the API serves load balancers.
pub(crate) const KIND: &str = "load-balancer";

/// How a load balancer or a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Creating,
    Running,
    Updating,
    Deleting,
    Error,
}

#[derive(Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) id: LoadBalancerId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) phase: Phase,
    pub(crate) created_at: Timestamp,
    pub(crate) ip: Ipv4Addr,
    pub(crate) services: Vec<LoadBalancerService>,
}

/// `POST /load-balancer`.
pub(crate) fn create(
    cloud: &Arc<Cloud>,
    name: String,
    description: Option<String>,
    labels: BTreeMap<String, String>,
) -> Result<Operation, Refusal> {
    let ip = cloud.addresses().take(&[]).ok_or_else(|| {
        Refusal::Conflict("the local cloud has no free loopback address".to_owned())
    })?;
    let mut state = cloud.state();
    let id = LoadBalancerId::random();
    state.load_balancers.insert(
        id,
        LoadBalancer {
            id,
            name,
            description,
            labels,
            phase: Phase::Creating,
            created_at: now(),
            ip,
            services: Vec::new(),
        },
    );
    let operation = cloud.complete_after(&mut state, KIND, id.0, Vec::new(), move |state| {
        if let Some(balancer) = state.load_balancers.get_mut(&id) {
            balancer.phase = Phase::Running;
        }
        Ok(())
    });
    Ok(operation)
}

/// `PUT /load-balancer/{id}` and the reset of a field.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: LoadBalancerId,
    change: impl FnOnce(&mut LoadBalancer),
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    change(changeable(&mut state, id)?);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /load-balancer/{id}`, with its services.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: LoadBalancerId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let balancer = changeable(&mut state, id)?;
    balancer.phase = Phase::Deleting;
    let stopping: Vec<_> = balancer
        .services
        .drain(..)
        .filter_map(|s| s.running)
        .collect();
    let ip = balancer.ip;
    for service in stopping {
        cloud.spawn(async move { service.stop().await });
    }
    let owner = Arc::clone(cloud);
    let operation = cloud.complete_after(&mut state, KIND, id.0, Vec::new(), move |state| {
        state.load_balancers.remove(&id);
        owner.addresses().release(ip);
        Ok(())
    });
    Ok(operation)
}

/// Tells the services that forward to a pool who its members are now.
pub(crate) fn publish_targets(state: &State, pool: PoolId) {
    let services = state
        .load_balancers
        .values()
        .flat_map(|balancer| &balancer.services);
    for service in services.filter(|service| service.pool == pool) {
        let targets = targets_of(state, pool, service.settings.target_port);
        service.targets.send_if_modified(|current| {
            let changed = *current != targets;
            *current = targets;
            changed
        });
    }
}

/// As [`publish_targets`], for one member that came or goes: looks at no other one.
pub(crate) fn publish_member(state: &State, id: InstanceId) {
    let Some(instance) = state.instances.get(&id) else {
        return;
    };
    let services = state
        .load_balancers
        .values()
        .flat_map(|balancer| &balancer.services);
    for service in services.filter(|service| Some(service.pool) == instance.pool) {
        let target = SocketAddr::from((instance.ip, service.settings.target_port));
        service.targets.send_if_modified(|current| {
            let place = current.iter().position(|known| *known == target);
            match (place, instance.is_target()) {
                (None, true) => current.push(target),
                (Some(place), false) => drop(current.remove(place)),
                _ => return false,
            }
            true
        });
    }
}

/// The balancer that forwards to a pool, if there is one.
pub(crate) fn user_of(state: &State, pool: PoolId) -> Option<LoadBalancerId> {
    let uses =
        |balancer: &&LoadBalancer| balancer.services.iter().any(|service| service.pool == pool);
    state
        .load_balancers
        .values()
        .find(uses)
        .map(|balancer| balancer.id)
}

pub(crate) fn targets_of(state: &State, pool: PoolId, port: u16) -> Vec<SocketAddr> {
    let members = state.pools.get(&pool).map(InstancePool::members);
    members
        .into_iter()
        .flatten()
        .filter_map(|member| state.instances.get(&member))
        .filter(|instance| instance.is_target())
        .map(|instance| SocketAddr::from((instance.ip, port)))
        .collect()
}

pub(crate) fn changeable(
    state: &mut State,
    id: LoadBalancerId,
) -> Result<&mut LoadBalancer, Refusal> {
    let balancer = state
        .load_balancers
        .get_mut(&id)
        .ok_or_else(|| Refusal::not_found(KIND, id))?;
    if balancer.phase == Phase::Running {
        return Ok(balancer);
    }
    Err(Refusal::Conflict(format!(
        "load-balancer {id} is busy: another change is in progress"
    )))
}
