//! What a local cloud holds at the moment, for `GET /_local/status` and for the demo.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use exoscale::{
    ids::{InstanceId, LoadBalancerId, PoolId, ServiceId},
    models::{HealthStatus, InstanceState, Operation, PoolErrorReason, PoolState},
};
use serde::Serialize;

use super::{
    cloud::{Cloud, State},
    faults::Fault,
    instances::Instance,
    load_balancer_services::LoadBalancerService,
    load_balancers::LoadBalancer,
    nlb::{Protocol, Strategy},
    pools::{InstancePool, Resize},
    security_groups,
    traffic::{RunningService, ServiceStats},
};

/// Operations that a status shows.
const OPERATIONS_SHOWN: usize = 20;

/// Everything at one moment.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Status {
    pub endpoint: String,
    pub zone: String,
    pub speed: f64,
    pub pools: Vec<PoolStatus>,
    /// Instances of no pool.
    pub instances: Vec<MemberStatus>,
    pub balancers: Vec<LoadBalancerStatus>,
    /// How many there are of everything else that was made over the API, per kind as its path
    /// names it.
    pub others: BTreeMap<&'static str, usize>,
    /// What stands in for `api-<zone>.exoscale.com`.
    pub proxy: Option<ProxyStatus>,
    /// Calls let in so far, per operation id.
    pub calls: BTreeMap<&'static str, u64>,
    /// Faults that will still happen.
    pub faults: Vec<Fault>,
    /// The last operations, the oldest first.
    pub operations: Vec<Operation>,
}

/// The intercepting proxy.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ProxyStatus {
    /// What `HTTPS_PROXY` takes.
    pub url: String,
    /// What `SSL_CERT_FILE` takes.
    pub ca_file: PathBuf,
    /// Connections to other hosts that it refused to make.
    pub refused: u64,
}

/// An instance pool.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct PoolStatus {
    pub id: PoolId,
    pub name: String,
    pub state: PoolState,
    /// Why it is degraded.
    pub error_reason: Option<PoolErrorReason>,
    pub size: u32,
    /// What the user-data for new members is, where no image of this project reads it.
    pub ignored_user_data: Option<String>,
    pub members: Vec<MemberStatus>,
    /// Every change of size since the pool was made.
    pub resizes: Vec<Resize>,
}

/// An instance, also before it has its public address and after it was told to leave.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct MemberStatus {
    pub id: InstanceId,
    pub name: String,
    pub state: InstanceState,
    pub ip: Ipv4Addr,
    /// Absent while it boots, when it has ended, and when it is no process.
    pub pid: Option<u32>,
    /// What its user-data is, where no image of this project reads it: it boots as a plain server.
    pub ignored_user_data: Option<String>,
    /// Why it ended on its own.
    pub failure: Option<String>,
}

/// A load balancer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct LoadBalancerStatus {
    pub id: LoadBalancerId,
    pub name: String,
    pub ip: Ipv4Addr,
    pub services: Vec<ServiceStatus>,
}

/// A service of a load balancer.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ServiceStatus {
    pub id: ServiceId,
    pub name: String,
    pub protocol: Protocol,
    pub strategy: Strategy,
    /// The port that was asked for.
    pub port: u16,
    /// The address that really serves; absent when nothing does.
    pub listen: Option<SocketAddr>,
    pub servers: Vec<ServerHealth>,
    pub connections: ServiceStats,
}

/// The health check's verdict on a server.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ServerHealth {
    pub server: SocketAddr,
    pub status: HealthStatus,
}

impl Status {
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let state = cloud.state();
        Self {
            endpoint: format!("{}/v2", cloud.origin),
            zone: cloud.config.zone.clone(),
            speed: cloud.config.speed,
            pools: state
                .pools
                .values()
                .map(|pool| PoolStatus::of(pool, &state))
                .collect(),
            instances: state
                .instances
                .values()
                .filter(|instance| instance.pool.is_none())
                .map(MemberStatus::of)
                .collect(),
            others: others(&state),
            proxy: cloud.intercept.as_ref().map(|intercept| ProxyStatus {
                url: intercept.url(),
                ca_file: intercept.ca_file().to_owned(),
                refused: intercept.refused(),
            }),
            balancers: state
                .load_balancers
                .values()
                .map(LoadBalancerStatus::of)
                .collect(),
            calls: cloud.calls(),
            faults: cloud.faults.left(),
            operations: state.operations.last(OPERATIONS_SHOWN),
        }
    }
}

impl PoolStatus {
    fn of(pool: &InstancePool, state: &State) -> Self {
        let members = pool.members().filter_map(|id| state.instances.get(&id));
        Self {
            id: pool.id,
            name: pool.name.clone(),
            state: pool.state.clone(),
            error_reason: pool.error_reason.clone(),
            size: pool.size,
            ignored_user_data: pool.settings.ignored_user_data().map(str::to_owned),
            resizes: pool.resizes.clone(),
            members: members.map(MemberStatus::of).collect(),
        }
    }
}

impl MemberStatus {
    fn of(instance: &Instance) -> Self {
        Self {
            id: instance.id,
            name: instance.name.clone(),
            state: instance.state.clone(),
            ip: instance.ip,
            pid: instance.pid,
            ignored_user_data: instance.settings.ignored_user_data().map(str::to_owned),
            failure: instance.failure.clone(),
        }
    }
}

/// Templates and security groups that a local cloud begins with are not counted.
fn others(state: &State) -> BTreeMap<&'static str, usize> {
    BTreeMap::from([
        ("security-group", security_groups::made(state)),
        ("elastic-ip", state.elastic_ips.len()),
        ("anti-affinity-group", state.anti_affinity_groups.len()),
        ("private-network", state.private_networks.len()),
        ("snapshot", state.snapshots.len()),
        ("ssh-key", state.ssh_keys.len()),
        ("iam-role", state.roles.len()),
        ("api-key", state.access_keys.len()),
        ("template", state.templates.registered()),
    ])
}

impl LoadBalancerStatus {
    fn of(balancer: &LoadBalancer) -> Self {
        Self {
            id: balancer.id,
            name: balancer.name.clone(),
            ip: balancer.ip,
            services: balancer.services.iter().map(ServiceStatus::of).collect(),
        }
    }
}

impl ServiceStatus {
    fn of(service: &LoadBalancerService) -> Self {
        let running = service.running.as_deref();
        Self {
            id: service.id,
            name: service.settings.name.clone(),
            protocol: service.settings.protocol,
            strategy: service.settings.strategy,
            port: service.settings.port,
            listen: running.and_then(RunningService::listen),
            servers: server_health(service),
            connections: running.map(RunningService::stats).unwrap_or_default(),
        }
    }
}

/// The verdicts on a service's servers.
pub(crate) fn server_health(service: &LoadBalancerService) -> Vec<ServerHealth> {
    let statuses = service.running.as_deref().map(RunningService::statuses);
    statuses
        .unwrap_or_default()
        .into_iter()
        .map(|(server, well)| ServerHealth {
            server,
            status: if well {
                HealthStatus::Success
            } else {
                HealthStatus::Failure
            },
        })
        .collect()
}
