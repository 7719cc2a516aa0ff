//! `/private-network`.

use std::net::Ipv4Addr;

use exoscale::{ids::PrivateNetworkId, private_networks::Lease};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    super::{
        cloud::State,
        private_networks::{self, KIND, PrivateNetwork},
        refusal::Refusal,
    },
    body::kept,
    field::{Address, Description, Labels, Name},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/private-network",
        operation: "list-private-networks",
        handler: |call| Ok(list(call)),
    },
    Route {
        method: "POST",
        path: "/private-network",
        operation: "create-private-network",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/private-network/{id}",
        operation: "get-private-network",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/private-network/{id}",
        operation: "delete-private-network",
        handler: |call| Ok(json!(private_networks::delete(call.cloud, call.id("id")?)?)),
    },
];

/// `create-private-network`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CreatePrivateNetwork {
    #[serde(skip_serializing)]
    name: Name,
    #[serde(skip_serializing)]
    description: Option<Description>,
    #[serde(skip_serializing)]
    start_ip: Option<Address>,
    // Kept and answered, without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_ip: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netmask: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Map<String, Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PrivateNetworkView<'a> {
    id: PrivateNetworkId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_ip: Option<Ipv4Addr>,
    #[serde(flatten)]
    further: &'a Map<String, Value>,
    leases: Vec<Lease>,
}

impl<'a> PrivateNetworkView<'a> {
    fn of(network: &'a PrivateNetwork, state: &State) -> Self {
        Self {
            id: network.id,
            name: &network.name,
            description: network.description.as_deref(),
            start_ip: network.start_ip,
            further: &network.further,
            leases: private_networks::leases(state, network),
        }
    }
}

fn list(call: &Call<'_>) -> Value {
    let state = call.cloud.state();
    let networks = state.private_networks.values();
    let networks: Vec<_> = networks
        .map(|network| PrivateNetworkView::of(network, &state))
        .collect();
    json!({ "private-networks": networks })
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let network = state.private_networks.get(&id);
    let network = network.ok_or_else(|| Refusal::not_found(KIND, id))?;
    Ok(json!(PrivateNetworkView::of(network, &state)))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreatePrivateNetwork = call.body()?;
    let network = PrivateNetwork {
        id: PrivateNetworkId::random(),
        further: kept(&body),
        name: body.name.0,
        description: Description::text(body.description),
        start_ip: body.start_ip.map(|address| address.0),
    };
    Ok(json!(private_networks::create(call.cloud, network)))
}
