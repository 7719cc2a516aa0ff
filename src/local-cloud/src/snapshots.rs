//! Snapshots of instances. An instance is a process without a disk of its own, so a snapshot keeps
//! nothing, and going back to one changes nothing but the size of the disk that the API answers.

use std::sync::Arc;

use exoscale::{ids::InstanceId, models::Operation};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    cloud::{Cloud, State, interrupted, now},
    instances,
    refusal::Refusal,
    standalone,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "snapshot";

/// How a snapshot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Snapshotting,
    Ready,
    Deleting,
}

/// A snapshot, as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Snapshot {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) state: Phase,
    pub(crate) created_at: Timestamp,
    /// GiB.
    pub(crate) size: u32,
    pub(crate) application_consistent: bool,
    pub(crate) instance: InstanceRef,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct InstanceRef {
    pub(crate) id: InstanceId,
}

/// `POST /instance/{id}:create-snapshot`.
pub(crate) fn create(cloud: &Arc<Cloud>, instance: InstanceId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let found = state.instances.get(&instance).filter(|one| one.stays());
    let found = found.ok_or_else(|| Refusal::not_found(instances::KIND, instance))?;
    let (id, created_at) = (Uuid::new_v4(), now());
    let consistent = "application-consistent-snapshot-enabled";
    let consistent = found.settings.further.get(consistent);
    let snapshot = Snapshot {
        id,
        name: format!("{}-{}", found.name, created_at.strftime("%Y%m%d%H%M%S")),
        state: Phase::Snapshotting,
        created_at,
        size: found.settings.disk_size,
        application_consistent: consistent.and_then(Value::as_bool).unwrap_or(false),
        instance: InstanceRef { id: instance },
    };
    state.snapshots.insert(id, snapshot);
    Ok(
        cloud.complete_after(&mut state, KIND, id, Vec::new(), move |state| {
            let snapshot = state.snapshots.get_mut(&id);
            let snapshot = snapshot.filter(|one| one.state == Phase::Snapshotting);
            let snapshot =
                snapshot.ok_or_else(|| interrupted("the snapshot was deleted meanwhile"))?;
            snapshot.state = Phase::Ready;
            Ok(())
        }),
    )
}

/// `DELETE /snapshot/{id}`.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: Uuid) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let snapshot = state.snapshots.get_mut(&id);
    let snapshot = snapshot.ok_or_else(|| Refusal::not_found(KIND, id))?;
    snapshot.state = Phase::Deleting;
    Ok(
        cloud.complete_after(&mut state, KIND, id, Vec::new(), move |state| {
            state.snapshots.remove(&id);
            Ok(())
        }),
    )
}

/// Snapshots go with their instance: clients read the instance of each one that is listed.
pub(crate) fn delete_of(state: &mut State, instance: InstanceId) {
    state
        .snapshots
        .retain(|_, snapshot| snapshot.instance.id != instance);
}

/// `POST /instance/{id}:revert-snapshot`, for an instance that is stopped.
pub(crate) fn revert(
    cloud: &Arc<Cloud>,
    instance: InstanceId,
    id: Uuid,
) -> Result<Operation, Refusal> {
    let size = {
        let state = cloud.state();
        let snapshot = state.snapshots.get(&id);
        let snapshot = snapshot.filter(|one| one.instance.id == instance);
        let snapshot = snapshot.ok_or_else(|| Refusal::not_found(KIND, id))?;
        if snapshot.state != Phase::Ready {
            return Err(Refusal::Conflict(format!("{KIND} {id} is not ready")));
        }
        snapshot.size
    };
    standalone::update(cloud, instance, true, |instance| {
        Arc::make_mut(&mut instance.settings).disk_size = size;
        Ok(())
    })
}

/// What an instance shows of its snapshots.
pub(crate) fn of(state: &State, instance: InstanceId) -> Vec<Value> {
    let snapshots = state.snapshots.values();
    snapshots
        .filter(|snapshot| snapshot.instance.id == instance)
        .map(|snapshot| json!({ "id": snapshot.id }))
        .collect()
}
