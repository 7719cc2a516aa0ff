//! Elastic IPs: addresses that instances are attached to. Nothing is routed to them here, and
//! nobody is probed; they are kept and answered.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use exoscale::{
    ids::{ElasticIpId, InstanceId},
    models::Operation,
};
use serde::{Deserialize, Serialize};

use super::{
    cloud::{Cloud, State},
    quotas, references,
    refusal::Refusal,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "elastic-ip";

/// The field by which pools and instances name them.
pub(crate) const FIELD: &str = "elastic-ips";

#[derive(Debug)]
pub(crate) struct ElasticIp {
    pub(crate) id: ElasticIpId,
    /// An address of this cloud's range, which nobody else gets.
    reserved: Ipv4Addr,
    pub(crate) settings: ElasticIpSettings,
    /// The name that it leads back to.
    pub(crate) reverse_dns: Option<String>,
}

/// What a client says of one.
#[derive(Debug)]
pub(crate) struct ElasticIpSettings {
    pub(crate) family: AddressFamily,
    pub(crate) description: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Set for a managed one.
    pub(crate) healthcheck: Option<Healthcheck>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressFamily {
    #[default]
    Inet4,
    Inet6,
}

/// How Exoscale finds out whether an instance gets the traffic of a managed one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Healthcheck {
    pub(crate) mode: Mode,
    pub(crate) port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    pub(crate) interval: u32,
    pub(crate) timeout: u32,
    pub(crate) strikes_ok: u32,
    pub(crate) strikes_fail: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_sni: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_skip_verify: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Tcp,
    Http,
    Https,
}

impl ElasticIp {
    /// The address, and the length of its network: it is one address.
    pub(crate) fn address(&self) -> (IpAddr, u8) {
        match self.settings.family {
            AddressFamily::Inet4 => (self.reserved.into(), 32),
            AddressFamily::Inet6 => (self.reserved.to_ipv6_mapped().into(), 128),
        }
    }
}

/// `POST /elastic-ip`.
pub(crate) fn create(
    cloud: &Arc<Cloud>,
    settings: ElasticIpSettings,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    quotas::check(cloud, &state, KIND)?;
    let reserved = cloud.addresses().take(&[]).ok_or_else(|| {
        Refusal::Conflict("the local cloud has no free loopback address".to_owned())
    })?;
    let id = ElasticIpId::random();
    let entry = ElasticIp {
        id,
        reserved,
        settings,
        reverse_dns: None,
    };
    state.elastic_ips.insert(id, entry);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /elastic-ip/{id}` and the reset of a field.
pub(crate) fn update(
    cloud: &Arc<Cloud>,
    id: ElasticIpId,
    change: impl FnOnce(&mut ElasticIpSettings) -> Result<(), Refusal>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    change(&mut find(&mut state, id)?.settings)?;
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /elastic-ip/{id}`; not while something names it.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: ElasticIpId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let reserved = find(&mut state, id)?.reserved;
    references::check_unused(&state, (KIND, FIELD), id.0)?;
    state.elastic_ips.remove(&id);
    cloud.addresses().release(reserved);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /elastic-ip/{id}:attach` and `:detach`.
pub(crate) fn change_attachment(
    cloud: &Arc<Cloud>,
    id: ElasticIpId,
    instance: InstanceId,
    attach: bool,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    find(&mut state, id)?;
    if attach {
        references::attach(&mut state, (KIND, FIELD), id.0, instance)?;
    } else {
        references::detach(&mut state, (KIND, FIELD), id.0, instance)?;
    }
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `POST` and `DELETE /reverse-dns/elastic-ip/{id}`.
pub(crate) fn set_reverse_dns(
    cloud: &Arc<Cloud>,
    id: ElasticIpId,
    name: Option<String>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    find(&mut state, id)?.reverse_dns = name;
    Ok(cloud.complete(&mut state, "reverse-dns/elastic-ip", id.0))
}

fn find(state: &mut State, id: ElasticIpId) -> Result<&mut ElasticIp, Refusal> {
    let entry = state.elastic_ips.get_mut(&id);
    entry.ok_or_else(|| Refusal::not_found(KIND, id))
}
