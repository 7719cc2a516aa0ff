//! Instance pools and the changes to them.
//!
//! Where the API's description is silent, this is what a local pool does:
//! - A change is taken while another one runs, and the last one counts. Whether Exoscale does so is
//!   not published. `exo compute instance-pool update` does not wait for its operation, so what
//!   follows it must not be refused; the Kubernetes cluster autoscaler waits for `running` first.
//!   Only a pool that is being destroyed takes no change: 409, "already being destroyed", as in
//!   <https://github.com/exoscale/terraform-provider-exoscale/issues/80>. To try a client with a
//!   busy pool, make the call fail with a fault.
//! - The pool shows the last change's state, and is `running` when all operations have ended.
//! - `:scale` removes failed members first, then the oldest. Both `:scale` and `:evict` may go
//!   down to 0, as the API's bounds for `:scale` allow; a pool cannot be created with 0.
//! - A removed member stays in the lists as `destroying` until it has ended.
//! - New members exist (in state `starting`) as soon as the call is answered; the pool is `running`
//!   again when the operation ends, which is before they have booted.
//! - A replaced member does not change the pool's state, unless it cannot be replaced.
//! - A pool whose members cannot be made is `degraded` with an `error-reason`, and can be changed.

use std::{collections::BTreeMap, sync::Arc};

use exoscale::{
    ids::{InstanceId, PoolId},
    models::{Operation, PoolErrorReason, PoolState},
};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    cloud::{Cloud, State, interrupted},
    instances::{self, InstanceSettings},
    load_balancers,
    refusal::Refusal,
};

/// The path under which the API serves pools.
const KIND: &str = "instance-pool";

#[derive(Debug)]
pub(crate) struct InstancePool {
    pub(crate) id: PoolId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) size: u32,
    pub(crate) state: PoolState,
    /// Why members are missing.
    pub(crate) error_reason: Option<PoolErrorReason>,
    pub(crate) settings: Arc<InstanceSettings>,
    /// By their places: in the order in which they were made.
    members: BTreeMap<u64, InstanceId>,
    /// How many of them were not asked to leave.
    pub(crate) staying: usize,
    /// Changes whose operations have not ended.
    changes: u32,
    /// Members in a row that died soon after they started.
    pub(crate) early_deaths: u32,
    /// Every change of size since the pool was made.
    pub(crate) resizes: Vec<Resize>,
}

/// A change of a pool's size, as the API took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Resize {
    pub at: Timestamp,
    pub from: u32,
    pub to: u32,
}

impl InstancePool {
    /// In the order in which they were made.
    pub(crate) fn members(&self) -> impl Iterator<Item = InstanceId> {
        self.members.values().copied()
    }

    /// Takes a new member, and tells its place.
    pub(crate) fn add(&mut self, member: InstanceId) -> u64 {
        let place = self
            .members
            .last_key_value()
            .map_or(0, |(last, _)| last + 1);
        self.members.insert(place, member);
        self.staying += 1;
        place
    }

    /// Forgets a member that has left.
    pub(crate) fn forget(&mut self, place: u64) {
        self.members.remove(&place);
    }

    fn resize(&mut self, to: u32) {
        let from = std::mem::replace(&mut self.size, to);
        if from != to {
            let at = Timestamp::now();
            self.resizes.push(Resize { at, from, to });
        }
    }

    fn state_at_rest(&self) -> PoolState {
        if self.error_reason.is_some() {
            PoolState::Degraded
        } else {
            PoolState::Running
        }
    }

    /// A name in Exoscale's form, `prefix-pool-instance`.
    pub(crate) fn new_member_name(&self) -> String {
        let prefix = self.settings.instance_prefix.as_deref().unwrap_or("pool");
        let pool = self.id.to_string();
        let own: String = (0..5).map(|_| fastrand::lowercase()).collect();
        format!("{prefix}-{}-{own}", pool.get(..5).unwrap_or_default())
    }
}

/// A pool that is asked for.
#[derive(Debug)]
pub(crate) struct NewPool {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) size: u32,
    pub(crate) settings: InstanceSettings,
}

/// `POST /instance-pool`.
pub(crate) fn create(cloud: &Arc<Cloud>, new: NewPool) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    check_quota(cloud, &state, new.size)?;
    new.settings.log_ignored_user_data(&new.name);
    let id = PoolId::random();
    state.pools.insert(
        id,
        InstancePool {
            id,
            name: new.name,
            description: new.description,
            size: new.size,
            state: PoolState::Creating,
            error_reason: None,
            settings: Arc::new(new.settings),
            members: BTreeMap::new(),
            staying: 0,
            changes: 0,
            early_deaths: 0,
            resizes: Vec::new(),
        },
    );
    fill(cloud, &mut state, id);
    Ok(complete_at_rest(cloud, &mut state, id, Vec::new()))
}

/// `PUT /instance-pool/{id}:scale`.
pub(crate) fn scale(cloud: &Arc<Cloud>, id: PoolId, size: u32) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let pool = changeable(&mut state, id)?;
    let before = pool.size;
    if size > before {
        check_quota(cloud, &state, size - before)?;
    }
    let pool = changeable(&mut state, id)?;
    pool.resize(size);
    let mut gone = Vec::new();
    if size > before {
        pool.state = PoolState::ScalingUp;
        fill(cloud, &mut state, id);
    } else if size < before {
        pool.state = PoolState::ScalingDown;
        let staying = pool.staying;
        let surplus = staying.saturating_sub(to_usize(size));
        let victims = victims(&state, id, surplus);
        gone = remove_members(&mut state, id, &victims);
    }
    Ok(complete_at_rest(cloud, &mut state, id, gone))
}

/// `PUT /instance-pool/{id}:evict`.
pub(crate) fn evict(
    cloud: &Arc<Cloud>,
    id: PoolId,
    victims: &[InstanceId],
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    changeable(&mut state, id)?;
    for victim in victims {
        let member = state
            .instances
            .get(victim)
            .filter(|i| i.pool == Some(id) && i.stays());
        if member.is_none() {
            return Err(Refusal::invalid(
                "instances",
                format!("{victim} is not a member of {id}"),
            ));
        }
    }
    let pool = changeable(&mut state, id)?;
    let evicted = u32::try_from(victims.len()).unwrap_or(u32::MAX);
    pool.resize(pool.size.saturating_sub(evicted));
    pool.state = PoolState::ScalingDown;
    let gone = remove_members(&mut state, id, victims);
    Ok(complete_at_rest(cloud, &mut state, id, gone))
}

/// `PUT /instance-pool/{id}` and the reset of a field: `change` edits the settings, which new
/// members get; members that exist keep theirs.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: PoolId,
    change: impl FnOnce(&mut InstancePool, &mut InstanceSettings) -> Result<(), Refusal>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let pool = changeable(&mut state, id)?;
    let mut settings = InstanceSettings::clone(&pool.settings);
    change(pool, &mut settings)?;
    if settings.ignored_user_data() != pool.settings.ignored_user_data() {
        settings.log_ignored_user_data(&pool.name);
    }
    pool.settings = Arc::new(settings);
    pool.state = PoolState::Updating;
    Ok(complete_at_rest(cloud, &mut state, id, Vec::new()))
}

/// `DELETE /instance-pool/{id}`.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: PoolId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let pool = state
        .pools
        .get(&id)
        .ok_or_else(|| Refusal::not_found(KIND, id))?;
    check_is_kept(pool)?;
    let members: Vec<_> = pool.members().collect();
    if let Some(balancer) = load_balancers::user_of(&state, id) {
        let reason = format!("Locked by NLB {balancer}");
        return Err(Refusal::locked("destroyInstancePool", id, reason));
    }
    if let Some(pool) = state.pools.get_mut(&id) {
        pool.state = PoolState::Destroying;
    }
    let gone = remove_members(&mut state, id, &members);
    let operation = cloud.complete_after(&mut state, KIND, id.0, gone, move |state| {
        state.pools.remove(&id);
        Ok(())
    });
    Ok(operation)
}

/// Makes members until there are as many as wanted, or says why it cannot.
pub(crate) fn fill(cloud: &Arc<Cloud>, state: &mut State, id: PoolId) {
    let missing = missing(state, id);
    let shortage = state.shortage.clone().filter(|_| missing > 0);
    let Some(pool) = state.pools.get_mut(&id) else {
        return;
    };
    pool.error_reason = shortage;
    if matches!(pool.state, PoolState::Running | PoolState::Degraded) {
        pool.state = pool.state_at_rest();
    }
    if pool.error_reason.is_some() {
        return;
    }
    for _ in 0..missing {
        if instances::create(cloud, state, id).is_none() {
            return;
        }
    }
}

/// How many members there are less than wanted.
fn missing(state: &State, id: PoolId) -> usize {
    let pool = state.pools.get(&id);
    pool.map_or(0, |pool| to_usize(pool.size).saturating_sub(pool.staying))
}

fn to_usize(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The pool, when it may be changed.
fn changeable(state: &mut State, id: PoolId) -> Result<&mut InstancePool, Refusal> {
    let pool = state
        .pools
        .get_mut(&id)
        .ok_or_else(|| Refusal::not_found(KIND, id))?;
    check_is_kept(pool)?;
    Ok(pool)
}

fn check_is_kept(pool: &InstancePool) -> Result<(), Refusal> {
    if pool.state != PoolState::Destroying {
        return Ok(());
    }
    Err(Refusal::Conflict(format!(
        "instance-pool {} is already being destroyed",
        pool.id
    )))
}

pub(crate) fn check_quota(cloud: &Cloud, state: &State, more: u32) -> Result<(), Refusal> {
    let limit = cloud.config.instance_quota;
    let wanted = instances_wanted(state).saturating_add(more);
    if wanted <= limit {
        return Ok(());
    }
    Err(Refusal::Quota {
        resource: "instance",
        wanted,
        limit,
    })
}

/// The quota's use: what the pools are meant to hold, and the instances of no pool.
pub(crate) fn instances_wanted(state: &State) -> u32 {
    let pools = state.pools.values();
    let members: u32 = pools
        .filter(|pool| pool.state != PoolState::Destroying)
        .map(|pool| pool.size)
        .sum();
    let instances = state.instances.values();
    let own = instances.filter(|instance| instance.pool.is_none() && instance.stays());
    members.saturating_add(u32::try_from(own.count()).unwrap_or(u32::MAX))
}

/// Whom `:scale` removes: failed members first, then the oldest.
fn victims(state: &State, id: PoolId, count: usize) -> Vec<InstanceId> {
    let Some(pool) = state.pools.get(&id) else {
        return Vec::new();
    };
    let members = pool
        .members()
        .filter_map(|member| state.instances.get(&member));
    let (failed, well): (Vec<_>, Vec<_>) = members
        .filter(|instance| instance.stays())
        .partition(|instance| instance.failed());
    failed
        .into_iter()
        .chain(well)
        .take(count)
        .map(|instance| instance.id)
        .collect()
}

fn remove_members(state: &mut State, id: PoolId, victims: &[InstanceId]) -> Vec<CancellationToken> {
    let gone = victims
        .iter()
        .filter_map(|victim| instances::make_leave(state, *victim))
        .collect();
    load_balancers::publish_targets(state, id);
    gone
}

/// The operation of a change after which, if it is the last one, the pool is at rest again.
fn complete_at_rest(
    cloud: &Arc<Cloud>,
    state: &mut State,
    id: PoolId,
    gone: Vec<CancellationToken>,
) -> Operation {
    if let Some(pool) = state.pools.get_mut(&id) {
        pool.changes += 1;
    }
    cloud.complete_after(state, KIND, id.0, gone, move |state| {
        let is_complete = missing(state, id) == 0;
        match state.pools.get_mut(&id) {
            Some(pool) if pool.state != PoolState::Destroying => {
                pool.changes = pool.changes.saturating_sub(1);
                if is_complete {
                    pool.error_reason = None;
                }
                if pool.changes == 0 {
                    pool.state = pool.state_at_rest();
                }
                Ok(())
            }
            _ => Err(interrupted("the instance pool was deleted meanwhile")),
        }
    })
}
