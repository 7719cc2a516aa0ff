//! What all parts of a local cloud share: its state, its clock, its tasks.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use exoscale::{
    ids::{
        AntiAffinityGroupId, ElasticIpId, InstanceId, LoadBalancerId, OperationId, PoolId,
        PrivateNetworkId, RoleId, SecurityGroupId,
    },
    models::{Operation, OperationState, PoolErrorReason},
    secret::{ApiKey, ApiSecret},
};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::{runtime::Handle, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    addresses::AddressRange,
    anti_affinity::AntiAffinityGroup,
    clock::Clock,
    config::LocalCloudConfig,
    elastic_ips::ElasticIp,
    faults::Faults,
    iam::{AccessKey, Role, policy::Policy},
    instances::Instance,
    intercept::Intercept,
    load_balancers::LoadBalancer,
    operations::{OperationFailure, Operations},
    pools::InstancePool,
    private_networks::PrivateNetwork,
    requests::RequestLog,
    security_groups::{self, SecurityGroup},
    snapshots::Snapshot,
    sos,
    ssh_keys::SshKey,
    templates::Templates,
};

/// All resources. Changed under one lock that is never held across an await.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) pools: BTreeMap<PoolId, InstancePool>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) load_balancers: BTreeMap<LoadBalancerId, LoadBalancer>,
    pub(crate) security_groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    pub(crate) anti_affinity_groups: BTreeMap<AntiAffinityGroupId, AntiAffinityGroup>,
    pub(crate) private_networks: BTreeMap<PrivateNetworkId, PrivateNetwork>,
    pub(crate) snapshots: BTreeMap<Uuid, Snapshot>,
    pub(crate) elastic_ips: BTreeMap<ElasticIpId, ElasticIp>,
    pub(crate) ssh_keys: BTreeMap<String, SshKey>,
    pub(crate) templates: Templates,
    pub(crate) roles: BTreeMap<RoleId, Role>,
    /// What no key of the account may do, whatever its role says.
    pub(crate) organization_policy: Policy,
    /// By the key itself.
    pub(crate) access_keys: BTreeMap<String, AccessKey>,
    pub(crate) operations: Operations,
    /// Why no pool gets a new member, when none does.
    pub(crate) shortage: Option<PoolErrorReason>,
}

impl State {
    /// What an account has before anything was made over the API.
    pub(crate) fn of_a_fresh_account(zone: &str) -> Self {
        Self {
            security_groups: security_groups::of_a_fresh_account(),
            templates: Templates::of_zone(zone),
            ..Self::default()
        }
    }
}

/// A running local cloud, as its API and its tasks see it.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) config: LocalCloudConfig,
    pub(crate) key: ApiKey,
    pub(crate) secret: ApiSecret,
    /// `http://127.0.0.1:PORT`, without the `/v2`.
    pub(crate) origin: String,
    /// Where SOS is served, `http://127.0.0.1:PORT`.
    pub(crate) sos_origin: String,
    pub(crate) sos: Mutex<sos::Store>,
    /// What answers as `api-<zone>.exoscale.com`, when it was asked for.
    pub(crate) intercept: Option<Intercept>,
    pub(crate) faults: Faults,
    pub(crate) addresses: Mutex<AddressRange>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Notified when an operation ends.
    pub(crate) finished: Notify,
    /// The caller's runtime: the HTTP server's threads end before the instances do.
    pub(crate) runtime: Handle,
    pub(crate) state: Mutex<State>,
    pub(crate) calls: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) clock: Clock,
    /// Whether what it begins with is there.
    pub(crate) is_ready: AtomicBool,
    pub(crate) requests: RequestLog,
}

impl Cloud {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn addresses(&self) -> MutexGuard<'_, AddressRange> {
        self.addresses.lock()
    }

    /// Runs a task that [`super::LocalCloud::stop`] waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// The stand-in for `http://169.254.169.254` on an instance.
    pub(crate) fn metadata_url(&self, id: InstanceId) -> String {
        format!("{}/_local/metadata/{id}", self.origin)
    }

    /// Variables that lead an instance's programs to this API instead of Exoscale's.
    pub(crate) fn environment_of_instances(&self) -> Vec<(&'static str, String)> {
        match &self.intercept {
            Some(intercept) => intercept.environment(),
            None => vec![("EXOSCALE_API_ENDPOINT", format!("{}/v2", self.origin))],
        }
    }

    /// A time of the configuration at this cloud's speed.
    pub(crate) fn at_speed(&self, time: Duration) -> Duration {
        time.div_f64(self.config.speed)
    }

    /// Ends when a time of the configuration has passed at this cloud's speed.
    pub(crate) fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.clock.pass(self.at_speed(time))
    }

    pub(crate) fn operation_time(&self) -> Duration {
        self.at_speed(self.config.operation_time)
    }

    /// The operation of a change that was made at once: it ends well when its time is over.
    pub(crate) fn complete(self: &Arc<Self>, state: &mut State, kind: &str, id: Uuid) -> Operation {
        self.complete_after(state, kind, id, Vec::new(), |_| Ok(()))
    }

    /// The operation of a change that shows later: when its time is over and all of `awaited` have
    /// happened, `apply` finds the resource again, changes it, and says how the operation ended.
    pub(crate) fn complete_after(
        self: &Arc<Self>,
        state: &mut State,
        kind: &str,
        id: Uuid,
        awaited: Vec<CancellationToken>,
        apply: impl FnOnce(&mut State) -> Result<(), OperationFailure> + Send + 'static,
    ) -> Operation {
        let operation = state.operations.begin(kind, id);
        self.finish_after(operation.id, awaited, apply);
        operation
    }

    /// As [`Self::complete`], for a resource that has a name and no id. The operation's reference
    /// must have one all the same.
    pub(crate) fn complete_named(
        self: &Arc<Self>,
        state: &mut State,
        kind: &str,
        name: &str,
    ) -> Operation {
        let (link, command) = (format!("/v2/{kind}/{name}"), format!("get-{kind}"));
        let operation = state.operations.begin_at(Uuid::new_v4(), link, command);
        self.finish_after(operation.id, Vec::new(), |_| Ok(()));
        operation
    }

    /// Ends an operation that has begun, as [`Self::complete_after`] does.
    pub(crate) fn finish_after(
        self: &Arc<Self>,
        operation: OperationId,
        awaited: Vec<CancellationToken>,
        apply: impl FnOnce(&mut State) -> Result<(), OperationFailure> + Send + 'static,
    ) {
        let cloud = Arc::clone(self);
        // It begins now, not when the task first runs.
        let time = self.pass(self.config.operation_time);
        self.spawn(async move {
            let work = async {
                time.await;
                for event in &awaited {
                    event.cancelled().await;
                }
            };
            let finished = cloud.stopping.run_until_cancelled(work).await.is_some();
            let mut state = cloud.state();
            let outcome = if finished {
                apply(&mut state)
            } else {
                Err(interrupted("the local cloud is stopping"))
            };
            cloud.finish(&mut state, operation, outcome);
        });
    }

    pub(crate) fn finish(
        &self,
        state: &mut State,
        id: OperationId,
        outcome: Result<(), OperationFailure>,
    ) {
        state.operations.finish(id, outcome);
        self.finished.notify_waiters();
    }

    /// An operation, when it has ended.
    pub(crate) async fn ended(&self, id: OperationId) -> Option<Operation> {
        loop {
            let next = self.finished.notified();
            let operation = self.state().operations.get(id).cloned()?;
            if operation.state != OperationState::Pending {
                return Some(operation);
            }
            next.await;
        }
    }

    pub(crate) fn count(&self, operation: &'static str) {
        *self.calls.lock().entry(operation).or_default() += 1;
    }

    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.calls.lock().clone()
    }
}

/// An operation's end when something else came first.
pub(crate) fn interrupted(message: &str) -> OperationFailure {
    OperationFailure {
        reason: "interrupted".into(),
        message: message.to_owned(),
    }
}

/// Now, in whole seconds as the API writes times.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
