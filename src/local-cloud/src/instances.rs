//! Instances, and the life of a pool's members: `starting`, `running`, then either asked to leave
//! (`destroying`) or failed on their own (`stopped`, `error`) and replaced by their pool. The life
//! of an instance of no pool is in [`super::standalone`].

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use exoscale::{
    ids::{InstanceId, InstanceTypeId, PoolId, TemplateId},
    models::{InstanceState, Operation, PoolState},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    cloud::{Cloud, State, now},
    load_balancers, pools,
    refusal::Refusal,
    runner::InstanceSpec,
    standalone::Standalone,
    templates,
};

/// The path under which the API serves instances.
pub(crate) const KIND: &str = "instance";

/// An instance that lived at least this long (at speed 1) did not "die at once": its replacement
/// is not delayed further.
const STABLE: Duration = Duration::from_secs(60);

/// The longest grace when the whole cloud stops.
const GRACE_WHEN_STOPPING: Duration = Duration::from_secs(3);

/// The delay before a replacement doubles this many times at most, from the operation time.
const MAX_DOUBLINGS: u32 = 5;

/// What an instance is made from: its own settings, or those of its pool when it was made.
#[derive(Clone, Debug)]
pub(crate) struct InstanceSettings {
    pub(crate) instance_type: InstanceTypeId,
    pub(crate) template: TemplateId,
    /// GiB.
    pub(crate) disk_size: u32,
    /// For the names of a pool's members.
    pub(crate) instance_prefix: Option<String>,
    /// Base64.
    pub(crate) user_data: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Further fields of the API that are kept and answered, and have no effect here.
    pub(crate) further: Map<String, Value>,
}

impl InstanceSettings {
    /// `inet4`, `dual` or `none`.
    fn public_ip_assignment(&self) -> &str {
        // The older way to ask for IPv6.
        let is_enabled = self.further.get("ipv6-enabled").and_then(Value::as_bool);
        match self.further.get("public-ip-assignment") {
            Some(Value::String(word)) if word != "inet4" => word,
            _ if is_enabled == Some(true) => "dual",
            _ => "inet4",
        }
    }
}

/// One server.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) name: String,
    /// The pool that it is a member of.
    pub(crate) pool: Option<PoolId>,
    /// What only an instance of no pool has.
    pub(crate) standalone: Option<Standalone>,
    /// The name that its address leads back to.
    pub(crate) reverse_dns: Option<String>,
    pub(crate) state: InstanceState,
    pub(crate) created_at: Timestamp,
    pub(crate) ip: Ipv4Addr,
    /// The address is assigned, that is: it has booted.
    pub(crate) booted: bool,
    pub(crate) pid: Option<u32>,
    pub(crate) settings: Arc<InstanceSettings>,
    /// Cancelled to make it leave.
    pub(crate) leave: CancellationToken,
    /// Cancelled when it has left.
    pub(crate) gone: CancellationToken,
}

impl Instance {
    /// True until it is asked to leave. A failed instance still holds its place in the pool.
    pub(crate) fn stays(&self) -> bool {
        !self.leave.is_cancelled()
    }

    /// Its public address, once it has booted, if it is to have one.
    pub(crate) fn public_ip(&self) -> Option<Ipv4Addr> {
        let wants = self.settings.public_ip_assignment() != "none";
        (self.booted && wants).then_some(self.ip)
    }

    /// Its public IPv6 address: the same one in the form that IPv6 has for it.
    pub(crate) fn ipv6_address(&self) -> Option<Ipv6Addr> {
        let wants = self.settings.public_ip_assignment() == "dual";
        (self.booted && wants).then(|| self.ip.to_ipv6_mapped())
    }

    /// True when a load balancer forwards to it.
    pub(crate) fn is_target(&self) -> bool {
        self.booted && self.stays()
    }

    /// True when it failed and waits for its replacement.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.state, InstanceState::Error | InstanceState::Stopped)
    }
}

/// Makes a new member of `pool` and starts its life. Does nothing when no address is free; the
/// pool tries again when one is released.
pub(crate) fn create(cloud: &Arc<Cloud>, state: &mut State, pool: PoolId) -> Option<InstanceId> {
    let template = templates::name(state, state.pools.get(&pool)?.settings.template);
    let Some(ip) = cloud
        .addresses()
        .take(&cloud.config.runner.ports(&template))
    else {
        tracing::error!(%pool, "no free loopback address for a new instance");
        return None;
    };
    let entry = state.pools.get_mut(&pool)?;
    let instance = Instance {
        id: InstanceId::random(),
        name: entry.new_member_name(),
        pool: Some(pool),
        standalone: None,
        reverse_dns: None,
        state: InstanceState::Starting,
        created_at: now(),
        ip,
        booted: false,
        pid: None,
        settings: Arc::clone(&entry.settings),
        leave: cloud.stopping.child_token(),
        gone: CancellationToken::new(),
    };
    let id = instance.id;
    let life = Life {
        cloud: Arc::clone(cloud),
        pool,
        leave: instance.leave.clone(),
        spec: InstanceSpec {
            id,
            name: instance.name.clone(),
            template,
            ip,
            metadata_url: cloud.metadata_url(id),
            environment: cloud.environment_of_instances(),
        },
    };
    entry.members.push(id);
    state.instances.insert(id, instance);
    cloud.spawn(life.run());
    Some(id)
}

/// Makes an instance leave; the token is cancelled when it has left.
pub(crate) fn make_leave(state: &mut State, id: InstanceId) -> Option<CancellationToken> {
    let instance = state.instances.get_mut(&id)?;
    instance.state = InstanceState::Destroying;
    instance.leave.cancel();
    Some(instance.gone.clone())
}

/// `DELETE /instance/{id}`. The pool of a member keeps its size, so it makes another one.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: InstanceId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = state.instances.get(&id);
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if instance
        .standalone
        .as_ref()
        .is_some_and(|own| own.protected)
    {
        return Err(Refusal::Conflict(format!(
            "instance {id} is protected from deletion"
        )));
    }
    let pool = instance.pool;
    let gone: Vec<_> = make_leave(&mut state, id).into_iter().collect();
    if let Some(pool) = pool {
        load_balancers::publish_targets(&state, pool);
    }
    Ok(cloud.complete_after(&mut state, KIND, id.0, gone, |_| Ok(())))
}

/// `POST` and `DELETE /reverse-dns/instance/{id}`.
pub(crate) fn set_reverse_dns(
    cloud: &Arc<Cloud>,
    id: InstanceId,
    name: Option<String>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let instance = state.instances.get_mut(&id);
    let instance = instance.ok_or_else(|| Refusal::not_found(KIND, id))?;
    if name.is_none() && instance.reverse_dns.is_none() {
        return Err(Refusal::not_found("reverse-dns record of instance", id));
    }
    instance.reverse_dns = name;
    Ok(cloud.complete(&mut state, "reverse-dns/instance", id.0))
}

/// How long an instance may take to stop. Who stops the whole cloud waits for it.
pub(crate) fn grace(cloud: &Cloud) -> Duration {
    let grace = cloud.config.stop_grace;
    if cloud.stopping.is_cancelled() {
        grace.min(GRACE_WHEN_STOPPING)
    } else {
        grace
    }
}

/// The delay before a replacement, after so many members in a row that died early.
fn delay_after(operation_time: Duration, early_deaths: u32) -> Duration {
    operation_time * 2_u32.pow(early_deaths.min(MAX_DOUBLINGS))
}

struct Life {
    cloud: Arc<Cloud>,
    pool: PoolId,
    leave: CancellationToken,
    spec: InstanceSpec,
}

impl Life {
    async fn run(self) {
        let boot = self.cloud.pass(self.cloud.config.boot_time);
        if self.leave.run_until_cancelled(boot).await.is_some() {
            self.work().await;
        }
        self.remove();
    }

    /// From the end of the boot until the instance may be removed.
    async fn work(&self) {
        let started = Instant::now();
        match self.cloud.config.runner.start(&self.spec) {
            Ok(mut running) => {
                self.mark_running(running.pid());
                let Some(exit) = self.leave.run_until_cancelled(running.exited()).await else {
                    running.stop(grace(&self.cloud)).await;
                    return;
                };
                let state = if exit.clean {
                    InstanceState::Stopped
                } else {
                    InstanceState::Error
                };
                self.mark_failed(state, &exit.description);
            }
            Err(error) => self.mark_failed(InstanceState::Error, &error.to_string()),
        }
        let delay = self.replacement_delay(started.elapsed());
        // Either way it is removed; leaving only makes it sooner.
        let _ = self
            .leave
            .run_until_cancelled(self.cloud.clock.pass(delay))
            .await;
    }

    fn mark_running(&self, pid: Option<u32>) {
        let mut state = self.cloud.state();
        if let Some(instance) = state.instances.get_mut(&self.spec.id) {
            instance.booted = true;
            instance.pid = pid;
            if instance.stays() {
                instance.state = InstanceState::Running;
            }
        }
        load_balancers::publish_targets(&state, self.pool);
        drop(state);
        tracing::info!(instance = %self.spec.name, ip = %self.spec.ip, pid, "instance runs");
    }

    /// It stays a load balancer's target: finding out is the health check's work.
    fn mark_failed(&self, to: InstanceState, why: &str) {
        tracing::warn!(instance = %self.spec.name, %why, "instance ended on its own; its pool replaces it");
        let mut state = self.cloud.state();
        if let Some(instance) = state.instances.get_mut(&self.spec.id) {
            instance.pid = None;
            if instance.stays() {
                instance.state = to;
            }
        }
    }

    /// One operation time, doubled for each member in a row that died at once.
    fn replacement_delay(&self, lived: Duration) -> Duration {
        let mut state = self.cloud.state();
        let Some(pool) = state.pools.get_mut(&self.pool) else {
            return Duration::ZERO;
        };
        if lived >= self.cloud.at_speed(STABLE) {
            pool.early_deaths = 0;
        }
        let delay = delay_after(self.cloud.operation_time(), pool.early_deaths);
        pool.early_deaths = pool.early_deaths.saturating_add(1);
        delay
    }

    fn remove(&self) {
        let id = self.spec.id;
        self.cloud.addresses().release(self.spec.ip);
        let mut state = self.cloud.state();
        if let Some(pool) = state.pools.get_mut(&self.pool) {
            pool.members.retain(|member| *member != id);
        }
        if let Some(instance) = state.instances.remove(&id) {
            instance.gone.cancel();
        }
        let wanted = state
            .pools
            .get(&self.pool)
            .is_some_and(|p| p.state != PoolState::Destroying);
        if wanted && !self.cloud.stopping.is_cancelled() {
            pools::fill(&self.cloud, &mut state, self.pool);
        }
        load_balancers::publish_targets(&state, self.pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_come_ever_later_up_to_a_bound() {
        let delays = [0, 1, 2, 5, 6, u32::MAX].map(|n| delay_after(Duration::from_secs(3), n));
        assert_eq!(delays.map(|delay| delay.as_secs()), [3, 6, 12, 96, 96, 96]);
    }
}
