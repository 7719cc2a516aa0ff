//! `/private-network`.

use std::net::Ipv4Addr;

use exoscale::{ids::PrivateNetworkId, private_networks::Lease};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        cloud::State,
        private_networks::{self, KIND, PrivateNetwork},
        refusal::Refusal,
    },
    body::{Fields, Form},
    machine::{description, further},
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
    let fields = call.fields(&[
        "name",
        "description",
        "start-ip",
        "end-ip",
        "netmask",
        "labels",
        "options",
    ])?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let start_ip = address(&fields, "start-ip")?;
    let mut kept = further(&fields, &[("options", Form::Object)])?;
    for field in ["end-ip", "netmask"] {
        if let Some(address) = address(&fields, field)? {
            kept.insert(field.to_owned(), json!(address));
        }
    }
    if let Some(labels) = fields.labels("labels")? {
        kept.insert("labels".to_owned(), json!(labels));
    }
    let network = PrivateNetwork {
        id: PrivateNetworkId::random(),
        name,
        description: description(&fields)?,
        start_ip,
        further: kept,
    };
    Ok(json!(private_networks::create(call.cloud, network)))
}

fn address(fields: &Fields, name: &str) -> Result<Option<Ipv4Addr>, Refusal> {
    let Some(text) = fields.text(name, 7..=15)? else {
        return Ok(None);
    };
    let address = text.parse();
    let refuse = |_| Refusal::invalid(name, format!("{text:?} is no IPv4 address"));
    address.map(Some).map_err(refuse)
}
