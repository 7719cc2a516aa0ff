//! The cloud actor: the only one that calls the API.
//!
//! Reads become a [`Pool`]; changes are carried to their end: sent, and read back whenever the
//! answer left open whether they were made (guarantee G7).

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use actix::{Actor, Context, Handler, ResponseFuture};
use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    config::Config,
    drain::{Drained, Drainer},
    messages::{ActionReport, ListMembers, Perform, Ping, ReadPool},
    read_model::ReadModel,
};
use crate::{
    exoscale::{
        Client, ClientError,
        ids::{InstanceId, LoadBalancerId, PoolId},
        models::{
            HealthStatus, Instance, InstancePool, InstanceState, LoadBalancer, Operation, PoolState,
        },
    },
    policy::{Action, Failure, Member, MemberId, Outcome, Pool, Resize, Size},
};

/// How often a scale-out is sent when reading back shows that it was not made.
const WRITE_ATTEMPTS: u32 = 3;
/// Pause before it is sent again, where the API names none; grows with each attempt.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
/// A longer pause is not waited for: the alert will come again.
const MAX_WRITE_PAUSE: Duration = Duration::from_secs(15);

/// The actor.
#[derive(Clone, Debug)]
pub struct Cloud {
    api: Client,
    pool: PoolId,
    load_balancer: Option<LoadBalancerId>,
    operation_timeout: Duration,
    drainer: Drainer,
    clock: Clock,
    read_model: Arc<ReadModel>,
    stopping: CancellationToken,
}

impl Cloud {
    /// A cloud actor for the pool of `config`. When `stopping` is cancelled, drains end.
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
            operation_timeout: config.operation_timeout,
            drainer,
            clock,
            read_model,
            stopping,
        })
    }

    async fn read_pool(self, urgent: bool) -> Result<Pool, ClientError> {
        let api = if urgent {
            self.api.urgent()
        } else {
            self.api.clone()
        };
        let read_at = self.clock.now();
        let balancer = async {
            match self.load_balancer {
                Some(id) => api.get_load_balancer(id).await.map(Some),
                None => Ok(None),
            }
        };
        let read = tokio::try_join!(
            api.get_instance_pool(self.pool),
            list_members(&api, self.pool),
            balancer,
        );
        self.read_model.api_answered(read.as_ref().err());
        let (pool, instances, balancer) = read?;
        let health = balancer.as_ref().map(health_by_address);
        let now = Timestamp::now();
        let pool = Pool {
            read_at,
            size: Size(pool.size),
            running: pool.state == PoolState::Running,
            members: instances
                .iter()
                .map(|i| member(i, health.as_ref(), now))
                .collect(),
        };
        self.read_model.pool_read(&pool, &instances);
        Ok(pool)
    }

    async fn perform(self, action: Action) -> ActionReport {
        let mut write = Write {
            cloud: self,
            written_at: None,
        };
        let result = match action {
            Action::ScaleOut(resize) => write.scale_out(resize).await,
            Action::ScaleIn { resize, victims } => write.scale_in(resize, &victims).await,
        };
        let (outcome, detail) = match result {
            Ok(()) => (Outcome::Applied, None),
            Err((failure, detail)) => (Outcome::Failed(failure), Some(detail)),
        };
        ActionReport {
            outcome,
            written_at: write.written_at,
            detail,
        }
    }
}

/// The pool's members without those that are on their way out: they neither serve nor can be removed.
async fn list_members(api: &Client, pool: PoolId) -> Result<Vec<Instance>, ClientError> {
    let mut members = api.list_pool_members(pool).await?;
    members.retain(|member| !member.state.is_leaving());
    Ok(members)
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

fn member(instance: &Instance, health: Option<&HashMap<Ipv4Addr, bool>>, now: Timestamp) -> Member {
    let age = instance
        .created_at
        .map(|created| now.duration_since(created));
    Member {
        id: MemberId(instance.id.0),
        running: instance.state == InstanceState::Running,
        // A member that the balancer does not list yet is not served by it.
        healthy: health.map(|health| {
            instance
                .public_ip
                .is_some_and(|ip| health.get(&ip).copied().unwrap_or(false))
        }),
        age: age
            .and_then(|age| Duration::try_from(age).ok())
            .unwrap_or_default(),
    }
}

/// One change on its way.
struct Write {
    cloud: Cloud,
    written_at: Option<crate::policy::Moment>,
}

type Ended = Result<(), (Failure, String)>;

impl Write {
    /// Asks for the new size until the pool has it. The size is absolute, so that asking again does
    /// no harm; it is asked again only after a fresh read (guarantees G6 and G7).
    async fn scale_out(&mut self, resize: Resize) -> Ended {
        let api = self.cloud.api.urgent();
        let (pool, size) = (self.cloud.pool, resize.to().0);
        for attempt in 1.. {
            let sent = api.scale_instance_pool(pool, size).await;
            let Err(error) = self.follow(sent).await else {
                return Ok(());
            };
            let pause = error.retry_after().unwrap_or(WRITE_PAUSE * attempt);
            let may_pass = error.is_retryable() && !error.is_capacity() && pause <= MAX_WRITE_PAUSE;
            if !error.is_ambiguous() && !may_pass {
                return Err(failure(&error));
            }
            tracing::warn!(%error, attempt, "Scale-out left open; reading back.");
            if may_pass {
                sleep(pause).await;
            }
            let read = self.read_back(&api).await?;
            if Size(read.size) >= resize.to() {
                return Ok(());
            }
            if Size(read.size) != resize.from() || read.state != PoolState::Running {
                let detail = format!("somebody else changes the pool; its size is {}", read.size);
                return Err((Failure::Unknown, detail));
            }
            if attempt == WRITE_ATTEMPTS || self.cloud.stopping.is_cancelled() {
                return Err(failure(&error));
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn scale_in(&mut self, resize: Resize, victims: &[MemberId]) -> Ended {
        let api = self.cloud.api.clone();
        let addresses = self.addresses(&api, victims).await?;
        let drainer = self.cloud.drainer.clone();
        match drainer.drain(&addresses, &self.cloud.stopping).await {
            Drained::Empty => tracing::info!(?addresses, "Members are drained."),
            Drained::Unsure => tracing::warn!(?addresses, "Removing members that may be busy."),
            Drained::Cancelled => {
                return Err((Failure::Refused, "the agent stops".to_owned()));
            }
        }
        let evicted = self.evict(&api, resize, victims).await;
        if evicted.is_err() {
            // Those that are still there must not stay out of service.
            drainer.undo(&addresses).await;
        }
        evicted
    }

    async fn evict(&mut self, api: &Client, resize: Resize, victims: &[MemberId]) -> Ended {
        let ids: Vec<InstanceId> = victims.iter().map(|id| InstanceId(id.0)).collect();
        let sent = api.evict_instance_pool_members(self.cloud.pool, &ids).await;
        let Err(error) = self.follow(sent).await else {
            return Ok(());
        };
        if !error.is_ambiguous() {
            return Err(failure(&error));
        }
        tracing::warn!(%error, "Scale-in left open; reading back.");
        let read = self.read_back(api).await?;
        if Size(read.size) <= resize.to() {
            return Ok(());
        }
        let detail = "reading back shows that it was not made".to_owned();
        Err((Failure::Refused, detail))
    }

    /// Stamps the answer to a write and waits for its operation to end.
    async fn follow(&mut self, sent: Result<Operation, ClientError>) -> Result<(), ClientError> {
        self.written_at = Some(self.cloud.clock.now());
        self.cloud.read_model.api_answered(sent.as_ref().err());
        let timeout = self.cloud.operation_timeout;
        self.cloud.api.wait(sent?, timeout).await?;
        Ok(())
    }

    /// The pool now, after a change of which it is unknown whether it was made.
    async fn read_back(&mut self, api: &Client) -> Result<InstancePool, (Failure, String)> {
        let read = api.get_instance_pool(self.cloud.pool).await;
        self.written_at = Some(self.cloud.clock.now());
        read.map_err(|error| (Failure::Unknown, error.to_string()))
    }

    async fn addresses(
        &self,
        api: &Client,
        victims: &[MemberId],
    ) -> Result<Vec<Ipv4Addr>, (Failure, String)> {
        let members = list_members(api, self.cloud.pool).await;
        let members = members.map_err(|error| (Failure::Refused, error.to_string()))?;
        let leaves = |member: &&Instance| victims.contains(&MemberId(member.id.0));
        let leaving: Vec<&Instance> = members.iter().filter(leaves).collect();
        if leaving.len() < victims.len() {
            return Err((
                Failure::Refused,
                "a member chosen to leave is gone already".to_owned(),
            ));
        }
        let running = leaving.iter().filter(|m| m.state == InstanceState::Running);
        Ok(running.filter_map(|m| m.public_ip).collect())
    }
}

fn failure(error: &ClientError) -> (Failure, String) {
    let kind = if error.is_capacity() {
        Failure::NoCapacity
    } else if error.is_ambiguous() {
        Failure::Unknown
    } else {
        Failure::Refused
    };
    (kind, error.to_string())
}

impl Actor for Cloud {
    type Context = Context<Self>;
}

impl Handler<ReadPool> for Cloud {
    type Result = ResponseFuture<Result<Pool, ClientError>>;

    fn handle(&mut self, ReadPool { urgent }: ReadPool, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().read_pool(urgent))
    }
}

impl Handler<ListMembers> for Cloud {
    type Result = ResponseFuture<Result<Vec<Instance>, ClientError>>;

    fn handle(&mut self, _: ListMembers, _: &mut Self::Context) -> Self::Result {
        let cloud = self.clone();
        Box::pin(async move {
            let members = list_members(&cloud.api, cloud.pool).await;
            cloud.read_model.api_answered(members.as_ref().err());
            members
        })
    }
}

impl Handler<Perform> for Cloud {
    type Result = ResponseFuture<ActionReport>;

    fn handle(&mut self, Perform(action): Perform, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().perform(action))
    }
}

impl Handler<Ping> for Cloud {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}
