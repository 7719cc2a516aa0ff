//! Addresses in private networks. A list of instances names the networks only; the addresses are
//! the networks' leases.

use std::{
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
};

use serde::{Deserialize, Serialize};

use super::{
    calls::ApiCall,
    client::Client,
    error::ClientError,
    ids::{InstanceId, PrivateNetworkId},
    lenient,
    models::Instance,
};

/// Answer of `GET /private-network/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PrivateNetwork {
    pub id: PrivateNetworkId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// None for a network without address management.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub leases: Vec<Lease>,
}

/// An address that a private network gave to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Lease {
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub ip: Option<Ipv4Addr>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub instance_id: Option<InstanceId>,
}

impl Client {
    /// `get-private-network`, with the addresses of the instances in it.
    pub async fn get_private_network(
        &self,
        id: PrivateNetworkId,
    ) -> Result<PrivateNetwork, ClientError> {
        self.send(ApiCall::GetPrivateNetwork, format!("/private-network/{id}"))
            .await
    }

    /// Adds the private addresses: one call for each network that the instances are in, whatever
    /// their number.
    pub(super) async fn add_private_addresses(
        &self,
        instances: &mut [Instance],
    ) -> Result<(), ClientError> {
        let networks = instances.iter().flat_map(|i| &i.private_networks);
        let networks: BTreeSet<PrivateNetworkId> = networks.map(|network| network.id).collect();
        let mut leased: HashMap<(PrivateNetworkId, InstanceId), Ipv4Addr> = HashMap::new();
        for network in networks {
            for lease in self.get_private_network(network).await?.leases {
                if let (Some(instance), Some(ip)) = (lease.instance_id, lease.ip) {
                    leased.insert((network, instance), ip);
                }
            }
        }
        for instance in instances {
            let mut networks = instance.private_networks.iter();
            instance.private_ip =
                networks.find_map(|network| leased.get(&(network.id, instance.id)).copied());
        }
        Ok(())
    }
}
