//! Private networks. There is one network here, so what a managed one leases to an instance is the
//! loopback address that the instance has anyway: whoever is told it reaches the instance.

use std::{net::Ipv4Addr, sync::Arc};

use exoscale::{
    ids::PrivateNetworkId,
    models::{Operation, PrivateNetworkRef},
    private_networks::Lease,
};
use serde_json::{Map, Value};

use super::{
    cloud::{Cloud, State},
    instances::Instance,
    references,
    refusal::Refusal,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "private-network";

/// The field by which pools and instances name them.
pub(crate) const FIELD: &str = "private-networks";

/// A network of instances.
#[derive(Clone, Debug)]
pub(crate) struct PrivateNetwork {
    pub(crate) id: PrivateNetworkId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Set for a managed network, which leases addresses.
    pub(crate) start_ip: Option<Ipv4Addr>,
    /// Further fields of the API that are kept and answered.
    pub(crate) further: Map<String, Value>,
}

/// `POST /private-network`.
pub(crate) fn create(cloud: &Arc<Cloud>, network: PrivateNetwork) -> Operation {
    let mut state = cloud.state();
    let id = network.id;
    state.private_networks.insert(id, network);
    cloud.complete(&mut state, KIND, id.0)
}

/// `DELETE /private-network/{id}`; not while something names it.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: PrivateNetworkId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if !state.private_networks.contains_key(&id) {
        return Err(Refusal::not_found(KIND, id));
    }
    if let Some(user) = references::user_of(&state, FIELD, id.0) {
        return Err(Refusal::Conflict(format!("{KIND} {id} is used by {user}")));
    }
    state.private_networks.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// The networks that an instance is in.
pub(crate) fn of(instance: &Instance) -> Vec<PrivateNetworkRef> {
    let named = instance.settings.further.get(FIELD).cloned();
    // They were checked when they were taken.
    named
        .and_then(|named| serde_json::from_value(named).ok())
        .unwrap_or_default()
}

/// What a network has leased.
pub(crate) fn leases(state: &State, network: &PrivateNetwork) -> Vec<Lease> {
    if network.start_ip.is_none() {
        return Vec::new();
    }
    let is_in = |instance: &&Instance| of(instance).iter().any(|named| named.id == network.id);
    let instances = state.instances.values();
    instances
        .filter(|instance| instance.booted)
        .filter(is_in)
        .map(|instance| Lease {
            ip: Some(instance.ip),
            instance_id: Some(instance.id),
        })
        .collect()
}
