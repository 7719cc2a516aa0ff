//! Private networks. There is one network here, so what a managed one leases to an instance is the
//! loopback address that the instance has anyway: whoever is told it reaches the instance. An
//! address that a client asks for is leased as asked; nothing listens there.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use exoscale::{
    ids::{InstanceId, PrivateNetworkId},
    models::{Operation, PrivateNetworkRef},
    private_networks::Lease,
};
use serde::Serialize;

use super::{
    cloud::{Cloud, State},
    instances::Instance,
    quotas, references,
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
    pub(crate) settings: NetworkSettings,
    /// Addresses that were asked for.
    asked: BTreeMap<InstanceId, Ipv4Addr>,
}

/// What a client says of a network.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct NetworkSettings {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// These three are set for a managed network, which leases addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_ip: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) netmask: Option<Ipv4Addr>,
    /// Absent when there are none: Terraform tells the two apart.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<DhcpOptions>,
}

/// What a managed network tells its instances besides.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DhcpOptions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) routers: Vec<Ipv4Addr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dns_servers: Vec<Ipv4Addr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ntp_servers: Vec<Ipv4Addr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) domain_search: Vec<String>,
}

impl NetworkSettings {
    fn check(&self) -> Result<(), Refusal> {
        let range = (self.start_ip, self.end_ip, self.netmask);
        let (Some(start), Some(end), Some(mask)) = range else {
            let fields = [
                ("start-ip", self.start_ip),
                ("end-ip", self.end_ip),
                ("netmask", self.netmask),
            ];
            let absent = fields.iter().find(|(_, address)| address.is_none());
            return match absent {
                Some((field, _)) if fields.iter().any(|(_, address)| address.is_some()) => {
                    let problem = "is missing: a range needs start-ip, end-ip and netmask";
                    Err(Refusal::invalid(*field, problem))
                }
                _ => Ok(()),
            };
        };
        if mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() != 32 {
            return Err(Refusal::invalid(
                "netmask",
                "is no netmask such as 255.255.255.0",
            ));
        }
        if end < start {
            return Err(Refusal::invalid(
                "end-ip",
                format!("is below start-ip {start}"),
            ));
        }
        self.check_member("end-ip", end)
    }

    /// Refuses an address outside of a managed network.
    fn check_member(&self, field: &str, address: Ipv4Addr) -> Result<(), Refusal> {
        let (Some(start), Some(mask)) = (self.start_ip, self.netmask) else {
            let problem = format!("{KIND} {:?} leases no addresses", self.name);
            return Err(Refusal::invalid(field, problem));
        };
        if address & mask == start & mask {
            return Ok(());
        }
        let problem = format!("is not in the network of start-ip {start}, netmask {mask}");
        Err(Refusal::invalid(field, problem))
    }
}

/// `POST /private-network`.
pub(crate) fn create(cloud: &Arc<Cloud>, settings: NetworkSettings) -> Result<Operation, Refusal> {
    settings.check()?;
    let mut state = cloud.state();
    quotas::check(cloud, &state, KIND)?;
    let id = PrivateNetworkId::random();
    let network = PrivateNetwork {
        id,
        settings,
        asked: BTreeMap::new(),
    };
    state.private_networks.insert(id, network);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /private-network/{id}` and the reset of a field.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: PrivateNetworkId,
    change: impl FnOnce(&mut NetworkSettings),
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let network = find(&mut state, id)?;
    let mut settings = network.settings.clone();
    change(&mut settings);
    settings.check()?;
    network.settings = settings;
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /private-network/{id}`; not while something names it.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: PrivateNetworkId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    find(&mut state, id)?;
    references::check_unused(&state, (KIND, FIELD), id.0)?;
    state.private_networks.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /private-network/{id}:attach`, with the address that the instance is to have.
pub(crate) fn attach(
    cloud: &Arc<Cloud>,
    id: PrivateNetworkId,
    instance: InstanceId,
    address: Option<Ipv4Addr>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    check_free(&mut state, id, instance, address)?;
    references::attach(&mut state, (KIND, FIELD), id.0, instance)?;
    ask_for(&mut state, id, instance, address)?;
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /private-network/{id}:detach`.
pub(crate) fn detach(
    cloud: &Arc<Cloud>,
    id: PrivateNetworkId,
    instance: InstanceId,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    find(&mut state, id)?;
    references::detach(&mut state, (KIND, FIELD), id.0, instance)?;
    ask_for(&mut state, id, instance, None)?;
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /private-network/{id}:update-ip`.
pub(crate) fn update_ip(
    cloud: &Arc<Cloud>,
    id: PrivateNetworkId,
    instance: InstanceId,
    address: Option<Ipv4Addr>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    check_free(&mut state, id, instance, address)?;
    let found = state.instances.get(&instance);
    if !found.is_some_and(|found| is_in(found, id)) {
        let what = "instance of the private-network";
        return Err(Refusal::not_found(what, instance));
    }
    ask_for(&mut state, id, instance, address)?;
    Ok(cloud.complete(&mut state, KIND, id.0))
}

fn ask_for(
    state: &mut State,
    id: PrivateNetworkId,
    instance: InstanceId,
    address: Option<Ipv4Addr>,
) -> Result<(), Refusal> {
    let asked = &mut find(state, id)?.asked;
    asked.remove(&instance);
    asked.extend(address.map(|address| (instance, address)));
    Ok(())
}

/// Refuses an address that the network does not have, or that another instance has.
fn check_free(
    state: &mut State,
    id: PrivateNetworkId,
    instance: InstanceId,
    address: Option<Ipv4Addr>,
) -> Result<(), Refusal> {
    let network = find(state, id)?.clone();
    let Some(address) = address else {
        return Ok(());
    };
    network.settings.check_member("ip", address)?;
    let has_it = |lease: &Lease| lease.ip == Some(address) && lease.instance_id != Some(instance);
    if leases(state, &network).iter().any(has_it) {
        let problem = format!("{KIND} {id} leased {address} to another instance");
        return Err(Refusal::Conflict(problem));
    }
    Ok(())
}

fn find(state: &mut State, id: PrivateNetworkId) -> Result<&mut PrivateNetwork, Refusal> {
    let network = state.private_networks.get_mut(&id);
    network.ok_or_else(|| Refusal::not_found(KIND, id))
}

/// The networks that an instance is in.
pub(crate) fn of(instance: &Instance) -> Vec<PrivateNetworkRef> {
    let named = instance.settings.further.get(FIELD).cloned();
    // They were checked when they were taken.
    named
        .and_then(|named| serde_json::from_value(named).ok())
        .unwrap_or_default()
}

fn is_in(instance: &Instance, network: PrivateNetworkId) -> bool {
    of(instance).iter().any(|named| named.id == network)
}

/// What a network has leased.
pub(crate) fn leases(state: &State, network: &PrivateNetwork) -> Vec<Lease> {
    if network.settings.start_ip.is_none() {
        return Vec::new();
    }
    let instances = state.instances.values();
    let members = instances.filter(|instance| is_in(instance, network.id));
    let lease = |instance: &Instance| {
        let asked = network.asked.get(&instance.id).copied();
        let address = asked.or(instance.booted.then_some(instance.ip))?;
        Some(Lease {
            ip: Some(address),
            instance_id: Some(instance.id),
        })
    };
    members.filter_map(lease).collect()
}
