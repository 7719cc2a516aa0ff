//! Exoscale's API as a target: instance pools and network load balancers.

mod errors;
mod sos;
mod write;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use exoscale::{
    Client, ClientError,
    calls::ApiCall,
    models::{HealthStatus, Instance, InstancePool, InstanceState, LoadBalancer, PoolState},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use policy::{Action, Condition, HealthSource, Member, MemberId, Pool, ReadFailure, Size};
use tokio_util::sync::CancellationToken;

use self::{errors::read_failure, write::Write};
use super::{CallCount, PoolReport, TargetError};
use crate::{
    clock::Clock, config::AddressKind, lease_fence::Fence, messages::ActionReport,
    read_model::ReadModel,
};

pub(crate) use sos::sos_endpoint;

pub(crate) use exoscale::{
    Client as Api, ClientConfig,
    config::{ConfigError, DEFAULT_ZONE, Endpoint},
    ids::{LoadBalancerId, PoolId},
    secret::{ApiKey, ApiSecret},
};

/// The operations that the agent calls.
pub(crate) const OPERATIONS: [&str; 6] = [
    "get-instance-pool",
    "list-instances",
    "get-load-balancer",
    "get-operation",
    "scale-instance-pool",
    "evict-instance-pool-members",
];

/// Those of them without which nothing is known of the pool.
pub(crate) const POOL_READS: [&str; 2] = ["get-instance-pool", "list-instances"];

/// Which pool.
#[derive(Clone, Debug)]
pub struct ExoscaleConfig {
    /// The pool to scale.
    pub pool: PoolId,
    /// The load balancer before it, which knows which members are healthy.
    pub load_balancer: Option<LoadBalancerId>,
    /// How long an operation of the API may take.
    pub operation_timeout: Duration,
}

/// One instance pool. Clones share the client.
#[derive(Clone, Debug)]
pub(crate) struct Exoscale {
    api: Client,
    pool: PoolId,
    load_balancer: Option<LoadBalancerId>,
    operation_timeout: Duration,
    addresses: AddressKind,
    clock: Clock,
    read_model: Arc<ReadModel>,
    stopping: CancellationToken,
    fence: Fence,
    request_timeout: Duration,
    /// The client of the latest urgent read, which has a call left for the order that follows.
    for_order: Arc<Mutex<Option<Client>>>,
    /// The members by their public addresses, by which the load balancer knows them, as last
    /// listed.
    by_public_ip: Arc<Mutex<HashMap<Ipv4Addr, MemberId>>>,
}

impl Exoscale {
    /// The pool of `config`, whose members have addresses of this kind, reached by `api`. When
    /// `stopping` is cancelled, no write is sent a second time.
    pub(crate) fn new(
        api: Client,
        config: &ExoscaleConfig,
        addresses: AddressKind,
        clock: Clock,
        read_model: Arc<ReadModel>,
        stopping: CancellationToken,
    ) -> Self {
        let api = match addresses {
            AddressKind::Private => api.with_private_addresses(),
            AddressKind::Public | AddressKind::Ipv6 => api,
        };
        Self {
            request_timeout: api.config().request_timeout,
            api,
            pool: config.pool,
            load_balancer: config.load_balancer,
            operation_timeout: config.operation_timeout,
            addresses,
            clock,
            read_model,
            stopping,
            fence: Fence::default(),
            for_order: Arc::default(),
            by_public_ip: Arc::default(),
        }
    }

    /// The same, which changes nothing but through this fence.
    pub(crate) fn behind(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// Reads the pool, its members and their health. An urgent read may use the reserve of the call
    /// budget.
    pub(crate) async fn read_pool(&self, urgent: bool) -> Result<PoolReport, ReadFailure> {
        let api = self.api_to_read(urgent).map_err(|error| {
            self.note::<()>(error.call, &Err(error.clone()));
            read_failure(&error)
        })?;
        let read_at = self.clock.now();
        let (pool, listed, balancer) = tokio::join!(
            api.get_instance_pool(self.pool),
            api.list_pool_members(self.pool),
            self.read_balancer(&api),
        );
        self.note(ApiCall::GetInstancePool, &pool);
        let listed = self.take_list(listed);
        let pool = pool.map_err(|error| read_failure(&error))?;
        let listed = listed.map_err(|error| read_failure(&error))?;
        let (health, by_address) = balancer;
        let now = Timestamp::now();
        let staying = listed.iter().filter(|i| !i.state.is_leaving());
        let members = staying.clone();
        let members = members.map(|i| member(i, self.addresses, by_address.as_ref(), now));
        Ok(PoolReport {
            pool: Pool {
                read_at,
                size: Size(pool.size),
                condition: condition(&pool.state),
                health,
                counted: counted(&pool, &listed),
                members: members.collect(),
            },
            name: pool.name,
            state: state_name(&pool.state),
            error_reason: pool.error_reason.map(|reason| reason.to_string()),
            names: staying.map(|instance| instance.name.clone()).collect(),
        })
    }

    /// A client that has all calls of a read: one without the others is of no use. An urgent read
    /// is for a scale-out, whose order is among them.
    fn api_to_read(&self, urgent: bool) -> Result<Client, ClientError> {
        let reads = 2 + u32::from(self.load_balancer.is_some());
        let first = ApiCall::GetInstancePool;
        *self.for_order.lock() = None;
        if !urgent {
            return self.api.together(first, reads);
        }
        let api = self.api.urgent().together(first, reads + 1)?;
        *self.for_order.lock() = Some(api.clone());
        Ok(api)
    }

    /// Lists the members that are not on their way out: those neither serve nor can be removed.
    /// Their health is not asked for.
    pub(crate) async fn list_members(&self) -> Result<Vec<Member>, TargetError> {
        // A decision that did not act by now needs no call any more.
        *self.for_order.lock() = None;
        let listed = self.take_list(self.api.list_pool_members(self.pool).await)?;
        let now = Timestamp::now();
        let staying = listed.iter().filter(|i| !i.state.is_leaving());
        let members = staying.map(|instance| member(instance, self.addresses, None, now));
        Ok(members.collect())
    }

    /// The members that the load balancer sends connections to: nobody where there is none.
    pub(crate) async fn served(&self) -> Result<HashSet<MemberId>, TargetError> {
        let Some(id) = self.load_balancer else {
            return Ok(HashSet::new());
        };
        let health = health_by_address(&self.api.get_load_balancer(id).await?, |some, more| {
            some | more
        });
        let by_public_ip = self.by_public_ip.lock();
        let healthy = health.iter().filter(|(_, is_healthy)| **is_healthy);
        Ok(healthy
            .filter_map(|(ip, _)| by_public_ip.get(ip).copied())
            .collect())
    }

    /// Changes the pool's size, to the end.
    pub(crate) async fn perform(&self, action: Action) -> ActionReport {
        Write::new(self.clone()).perform(action).await
    }

    /// How often each operation was called, and how that ended.
    pub(crate) fn calls(&self) -> Vec<CallCount> {
        let counts = self.api.calls().into_iter();
        let count = |entry: exoscale::calls::CallCount| CallCount {
            operation: entry.call.id(),
            outcome: entry.outcome.id(),
            count: entry.count,
        };
        counts.map(count).collect()
    }

    /// The members' health, and whether it is known. A balancer that cannot be read hinders no
    /// scale-out, so it does not fail the read of the pool.
    async fn read_balancer(&self, api: &Client) -> (HealthSource, Option<HashMap<Ipv4Addr, bool>>) {
        let Some(id) = self.load_balancer else {
            return (HealthSource::None, None);
        };
        let read = api.get_load_balancer(id).await;
        self.note(ApiCall::GetLoadBalancer, &read);
        match read {
            // The worst where several services disagree.
            Ok(balancer) => (
                HealthSource::LoadBalancer,
                Some(health_by_address(&balancer, |all, more| all & more)),
            ),
            Err(_) => (HealthSource::Unknown, None),
        }
    }

    fn take_list(
        &self,
        listed: Result<Vec<Instance>, ClientError>,
    ) -> Result<Vec<Instance>, ClientError> {
        self.note(ApiCall::ListInstances, &listed);
        let listed = listed?;
        let public = listed
            .iter()
            .filter_map(|i| Some((i.public_ip?, MemberId(i.id.0))));
        let mut by_public_ip = self.by_public_ip.lock();
        *by_public_ip = public.collect();
        Ok(listed)
    }

    fn note<T>(&self, call: ApiCall, answer: &Result<T, ClientError>) {
        let error = answer.as_ref().err().map(TargetError::from);
        self.read_model.call_ended(call.id(), error.as_ref());
    }
}

/// Where a member is found, by this kind of address.
fn address(instance: &Instance, kind: AddressKind) -> Option<IpAddr> {
    match kind {
        AddressKind::Public => instance.public_ip.map(IpAddr::from),
        AddressKind::Private => instance.private_ip.map(IpAddr::from),
        AddressKind::Ipv6 => instance.ipv6_address.map(IpAddr::from),
    }
}

fn condition(state: &PoolState) -> Condition {
    match state {
        PoolState::Running => Condition::Running,
        PoolState::Degraded => Condition::Degraded,
        _ => Condition::Busy,
    }
}

fn state_name(state: &PoolState) -> String {
    let value = serde_json::to_value(state);
    let name = value.as_ref().ok().and_then(|value| value.as_str());
    name.unwrap_or("unknown").to_owned()
}

/// Members by the pool's own count, those on their way out apart.
fn counted(pool: &InstancePool, listed: &[Instance]) -> usize {
    let leaving = listed.iter().filter(|i| i.state.is_leaving());
    let leaving: HashSet<_> = leaving.map(|instance| instance.id).collect();
    let members = pool.instances.iter();
    members
        .filter(|member| !leaving.contains(&member.id))
        .count()
}

/// Health by public address, as the balancer sees it; `merge` where several services disagree.
fn health_by_address(
    balancer: &LoadBalancer,
    merge: impl Fn(bool, bool) -> bool,
) -> HashMap<Ipv4Addr, bool> {
    let mut health = HashMap::new();
    for status in balancer.services.iter().flat_map(|s| &s.healthcheck_status) {
        if let Some(address) = status.public_ip {
            let is_well = status.status == HealthStatus::Success;
            health
                .entry(address)
                .and_modify(|known| *known = merge(*known, is_well))
                .or_insert(is_well);
        }
    }
    health
}

fn member(
    instance: &Instance,
    kind: AddressKind,
    health: Option<&HashMap<Ipv4Addr, bool>>,
    now: Timestamp,
) -> Member {
    let age = instance
        .created_at
        .map(|created| now.duration_since(created));
    Member {
        id: MemberId(instance.id.0),
        address: address(instance, kind),
        running: instance.state == InstanceState::Running,
        // A member that the balancer does not list yet is not served by it.
        healthy: health.map(|health| {
            instance
                .public_ip
                .is_some_and(|ip| health.get(&ip).copied().unwrap_or(false))
        }),
        // A date in the future tells of a clock that is wrong, not of an age.
        age: age.and_then(|age| Duration::try_from(age).ok()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_member_has_the_address_of_the_kind_asked_for() {
        let instance = serde_json::json!({ "id": uuid::Uuid::nil(), "state": "running" });
        let instance = Instance {
            public_ip: Some(Ipv4Addr::new(192, 0, 2, 7)),
            private_ip: Some(Ipv4Addr::new(10, 0, 0, 7)),
            ipv6_address: Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)),
            ..serde_json::from_value(instance).unwrap()
        };
        for (kind, expected) in [
            (AddressKind::Public, "192.0.2.7"),
            (AddressKind::Private, "10.0.0.7"),
            (AddressKind::Ipv6, "2001:db8::7"),
        ] {
            let member = member(&instance, kind, None, Timestamp::now());
            assert_eq!(member.address, Some(expected.parse().unwrap()));
        }
    }

    #[test]
    fn each_operation_is_the_apis() {
        let known: Vec<&str> = ApiCall::ALL.iter().map(|call| call.id()).collect();
        let ours = OPERATIONS.iter().chain(&POOL_READS);
        assert!(ours.clone().all(|name| known.contains(name)));
    }
}
