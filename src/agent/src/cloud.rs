//! The cloud actor: the only one that calls the API.
//!
//! Reads become a [`Pool`]; changes are carried to their end by [`Write`].

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Context, Handler, ResponseFuture};
use exoscale::{
    Client, ClientError, ErrorKind,
    calls::ApiCall,
    ids::{LoadBalancerId, PoolId},
    models::{HealthStatus, Instance, InstancePool, InstanceState, LoadBalancer, PoolState},
};
use jiff::Timestamp;
use policy::{Condition, HealthSource, Member, MemberId, Pool, ReadFailure, Size};
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    config::{AddressKind, Config},
    discovery::address,
    drain::Drainer,
    messages::{ActionReport, DrainMembers, GiveBack, ListMembers, Perform, Ping, ReadPool},
    read_model::ReadModel,
    write::Write,
};

/// The actor.
#[derive(Clone, Debug)]
pub struct Cloud {
    pub(super) api: Client,
    pub(super) pool: PoolId,
    load_balancer: Option<LoadBalancerId>,
    addresses: AddressKind,
    pub(super) operation_timeout: Duration,
    drainer: Drainer,
    pub(super) clock: Clock,
    pub(super) read_model: Arc<ReadModel>,
    pub(super) stopping: CancellationToken,
}

impl Cloud {
    /// A cloud actor for the pool of `config`. When `stopping` is cancelled, no write is sent a second time.
    pub fn new(
        config: &Config,
        api: Client,
        clock: Clock,
        read_model: Arc<ReadModel>,
        stopping: CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        let drainer = Drainer::new(config.drain.clone(), api.clone(), config.load_balancer)?;
        Ok(Self {
            api,
            pool: config.pool,
            load_balancer: config.load_balancer,
            addresses: config.discovery.addresses,
            operation_timeout: config.operation_timeout,
            drainer,
            clock,
            read_model,
            stopping,
        })
    }

    async fn read_pool(self, urgent: bool) -> Result<Pool, ReadFailure> {
        let api = if urgent {
            self.api.urgent()
        } else {
            self.api.clone()
        };
        let read_at = self.clock.now();
        let (pool, listed, balancer) = tokio::join!(
            api.get_instance_pool(self.pool),
            api.list_pool_members(self.pool),
            self.read_balancer(&api),
        );
        self.read_model
            .api_answered(ApiCall::GetInstancePool, &pool);
        let members = self.take_list(listed);
        let pool = pool.map_err(|error| read_failure(&error))?;
        let (members, leaving) = members.map_err(|error| read_failure(&error))?;
        let (health, by_address) = balancer;
        let now = Timestamp::now();
        let found = Pool {
            read_at,
            size: Size(pool.size),
            condition: condition(&pool.state),
            health,
            counted: counted(&pool, &leaving),
            members: members
                .iter()
                .map(|instance| {
                    let address = address(instance, self.addresses);
                    member(instance, address, by_address.as_ref(), now)
                })
                .collect(),
        };
        self.read_model.pool_read(&found, &pool, &members);
        Ok(found)
    }

    /// The members' health, and whether it is known. A balancer that cannot be read hinders no
    /// scale-out, so it does not fail the read of the pool.
    async fn read_balancer(&self, api: &Client) -> (HealthSource, Option<HashMap<Ipv4Addr, bool>>) {
        let Some(id) = self.load_balancer else {
            return (HealthSource::None, None);
        };
        let read = api.get_load_balancer(id).await;
        self.read_model
            .api_answered(ApiCall::GetLoadBalancer, &read);
        match read {
            Ok(balancer) => (
                HealthSource::LoadBalancer,
                Some(health_by_address(&balancer)),
            ),
            Err(_) => (HealthSource::Unknown, None),
        }
    }

    /// The members that stay, and who is on their way out: those neither serve nor can be removed.
    fn take_list(
        &self,
        listed: Result<Vec<Instance>, ClientError>,
    ) -> Result<(Vec<Instance>, HashSet<MemberId>), ClientError> {
        self.read_model
            .api_answered(ApiCall::ListInstances, &listed);
        let (leaving, members): (Vec<_>, Vec<_>) = listed?
            .into_iter()
            .partition(|instance| instance.state.is_leaving());
        let running = members.iter().filter(|m| m.state == InstanceState::Running);
        let addresses: Vec<IpAddr> = running.filter_map(|m| address(m, self.addresses)).collect();
        if !addresses.is_empty() {
            self.drainer.give_back_leftovers(addresses);
        }
        let leaving = leaving.iter().map(|instance| MemberId(instance.id.0));
        Ok((members, leaving.collect()))
    }
}

fn read_failure(error: &ClientError) -> ReadFailure {
    let wait = error.retry_after().unwrap_or_default();
    match (&error.kind, error.call) {
        (ErrorKind::Unauthorized { .. }, _) => ReadFailure::Unauthorised,
        (ErrorKind::NotFound { .. }, ApiCall::GetInstancePool) => ReadFailure::NotFound,
        (ErrorKind::RateLimited { .. } | ErrorKind::Paused { .. }, _) => {
            ReadFailure::RateLimited(wait)
        }
        (ErrorKind::BudgetExhausted { .. }, _) => ReadFailure::BudgetSpent(wait),
        _ => ReadFailure::Unavailable,
    }
}

fn condition(state: &PoolState) -> Condition {
    match state {
        PoolState::Running => Condition::Running,
        PoolState::Degraded => Condition::Degraded,
        _ => Condition::Busy,
    }
}

/// Members by the pool's own count, those on their way out apart.
fn counted(pool: &InstancePool, leaving: &HashSet<MemberId>) -> usize {
    let ids = pool
        .instances
        .iter()
        .map(|instance| MemberId(instance.id.0));
    ids.filter(|id| !leaving.contains(id)).count()
}

/// Health by address, as the balancer sees it; the worst where several services disagree.
fn health_by_address(balancer: &LoadBalancer) -> HashMap<Ipv4Addr, bool> {
    let mut health = HashMap::new();
    for status in balancer.services.iter().flat_map(|s| &s.healthcheck_status) {
        if let Some(address) = status.public_ip {
            let is_well = status.status == HealthStatus::Success;
            health
                .entry(address)
                .and_modify(|all_well| *all_well &= is_well)
                .or_insert(is_well);
        }
    }
    health
}

fn member(
    instance: &Instance,
    address: Option<IpAddr>,
    health: Option<&HashMap<Ipv4Addr, bool>>,
    now: Timestamp,
) -> Member {
    let age = instance
        .created_at
        .map(|created| now.duration_since(created));
    Member {
        id: MemberId(instance.id.0),
        address,
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

/// Addresses of the members that run; the others have nobody to ask.
fn addresses(members: &[Member]) -> Vec<IpAddr> {
    let running = members.iter().filter(|member| member.running);
    running.filter_map(|member| member.address).collect()
}

impl Actor for Cloud {
    type Context = Context<Self>;
}

impl Handler<ReadPool> for Cloud {
    type Result = ResponseFuture<Result<Pool, ReadFailure>>;

    fn handle(&mut self, ReadPool { urgent }: ReadPool, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().read_pool(urgent))
    }
}

impl Handler<ListMembers> for Cloud {
    type Result = ResponseFuture<Result<Vec<Instance>, ClientError>>;

    fn handle(&mut self, _: ListMembers, _: &mut Self::Context) -> Self::Result {
        let cloud = self.clone();
        Box::pin(async move {
            let listed = cloud.api.list_pool_members(cloud.pool).await;
            let (members, _) = cloud.take_list(listed)?;
            Ok(members)
        })
    }
}

impl Handler<DrainMembers> for Cloud {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, order: DrainMembers, _: &mut Self::Context) -> Self::Result {
        let drainer = self.drainer.clone();
        Box::pin(async move {
            let addresses = addresses(&order.members);
            drainer.drain(&addresses, &order.given_up).await;
            if order.given_up.is_cancelled() {
                drainer.give_back(&addresses).await;
            }
        })
    }
}

impl Handler<GiveBack> for Cloud {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, GiveBack(members): GiveBack, _: &mut Self::Context) -> Self::Result {
        let drainer = self.drainer.clone();
        Box::pin(async move { drainer.give_back(&addresses(&members)).await })
    }
}

impl Handler<Perform> for Cloud {
    type Result = ResponseFuture<ActionReport>;

    fn handle(&mut self, Perform(action): Perform, _: &mut Self::Context) -> Self::Result {
        Box::pin(Write::new(self.clone()).perform(action))
    }
}

impl Handler<Ping> for Cloud {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
