//! `/private-network`.

use std::net::Ipv4Addr;

use exoscale::{
    ids::{InstanceId, PrivateNetworkId},
    private_networks::Lease,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        cloud::State,
        private_networks::{self, DhcpOptions, KIND, NetworkSettings, PrivateNetwork},
        refusal::Refusal,
    },
    body::{Change, Object},
    field::{Address, Description, Labels, Name, Reference, Text},
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
        method: "PUT",
        path: "/private-network/{id}",
        operation: "update-private-network",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/private-network/{id}",
        operation: "delete-private-network",
        handler: |call| Ok(json!(private_networks::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "DELETE",
        path: "/private-network/{id}/{field}",
        operation: "reset-private-network-field",
        handler: reset,
    },
    Route {
        method: "PUT",
        path: "/private-network/{id}:attach",
        operation: "attach-instance-to-private-network",
        handler: attach,
    },
    Route {
        method: "PUT",
        path: "/private-network/{id}:detach",
        operation: "detach-instance-from-private-network",
        handler: detach,
    },
    Route {
        method: "PUT",
        path: "/private-network/{id}:update-ip",
        operation: "update-private-network-instance-ip",
        handler: update_ip,
    },
];

/// `create-private-network`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CreatePrivateNetwork {
    name: Name,
    description: Option<Description>,
    start_ip: Option<Address>,
    end_ip: Option<Address>,
    netmask: Option<Address>,
    labels: Option<Labels>,
    options: Option<Object<OptionsBody>>,
}

/// `update-private-network`. What it does not name stays.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct UpdatePrivateNetwork {
    name: Option<Name>,
    description: Change<Description>,
    start_ip: Option<Address>,
    end_ip: Option<Address>,
    netmask: Option<Address>,
    labels: Option<Labels>,
    options: Option<Object<OptionsBody>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct OptionsBody {
    routers: Vec<Address>,
    dns_servers: Vec<Address>,
    ntp_servers: Vec<Address>,
    domain_search: Vec<Text<1, 255>>,
}

impl OptionsBody {
    fn options(self) -> DhcpOptions {
        let all = |addresses: Vec<Address>| addresses.into_iter().map(|entry| entry.0).collect();
        DhcpOptions {
            routers: all(self.routers),
            dns_servers: all(self.dns_servers),
            ntp_servers: all(self.ntp_servers),
            domain_search: self.domain_search.into_iter().map(|name| name.0).collect(),
        }
    }
}

/// `attach-instance-to-private-network` and `update-private-network-instance-ip`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    instance: Reference<InstanceId>,
    ip: Option<Address>,
}

/// `detach-instance-from-private-network`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detachment {
    instance: Reference<InstanceId>,
}

#[derive(Serialize)]
struct PrivateNetworkView<'a> {
    id: PrivateNetworkId,
    vni: u32,
    #[serde(flatten)]
    settings: &'a NetworkSettings,
    leases: Vec<Lease>,
}

impl<'a> PrivateNetworkView<'a> {
    fn of(network: &'a PrivateNetwork, state: &State) -> Self {
        // 24 bits, as a VXLAN's are, and never 0.
        let (number, ..) = network.id.0.as_fields();
        Self {
            id: network.id,
            vni: (number >> 8).max(1),
            settings: &network.settings,
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
    let settings = NetworkSettings {
        name: body.name.0,
        description: Description::text(body.description),
        start_ip: body.start_ip.map(|address| address.0),
        end_ip: body.end_ip.map(|address| address.0),
        netmask: body.netmask.map(|address| address.0),
        labels: body.labels.unwrap_or_default().0,
        options: body.options.map(|Object(options)| options.options()),
    };
    Ok(json!(private_networks::create(call.cloud, settings)?))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdatePrivateNetwork = call.body()?;
    let operation = private_networks::update(call.cloud, call.id("id")?, |settings| {
        if let Some(Text(name)) = body.name {
            settings.name = name;
        }
        body.description
            .apply(&mut settings.description, |description| description.0);
        let change = |setting: &mut Option<Ipv4Addr>, address: Option<Address>| {
            *setting = address.map(|address| address.0).or(*setting);
        };
        change(&mut settings.start_ip, body.start_ip);
        change(&mut settings.end_ip, body.end_ip);
        change(&mut settings.netmask, body.netmask);
        if let Some(Labels(labels)) = body.labels {
            settings.labels = labels;
        }
        if let Some(Object(options)) = body.options {
            settings.options = Some(options.options());
        }
    })?;
    Ok(json!(operation))
}

fn reset(call: &Call<'_>) -> Answer {
    if call.text("field") != "labels" {
        return Err(Refusal::invalid("field", "must be labels"));
    }
    let operation = private_networks::update(call.cloud, call.id("id")?, |settings| {
        settings.labels.clear();
    })?;
    Ok(json!(operation))
}

fn attach(call: &Call<'_>) -> Answer {
    let body: Attachment = call.body()?;
    let (id, Reference(instance)) = (call.id("id")?, body.instance);
    let address = body.ip.map(|address| address.0);
    let operation = private_networks::attach(call.cloud, id, instance, address)?;
    Ok(json!(operation))
}

fn detach(call: &Call<'_>) -> Answer {
    let Reference(instance) = call.body::<Detachment>()?.instance;
    let id = call.id("id")?;
    Ok(json!(private_networks::detach(call.cloud, id, instance)?))
}

fn update_ip(call: &Call<'_>) -> Answer {
    let body: Attachment = call.body()?;
    let (id, Reference(instance)) = (call.id("id")?, body.instance);
    let address = body.ip.map(|address| address.0);
    let operation = private_networks::update_ip(call.cloud, id, instance, address)?;
    Ok(json!(operation))
}
