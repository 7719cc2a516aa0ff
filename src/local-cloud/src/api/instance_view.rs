//! How the API shows an instance. Fields whose value is "none" are shown as an empty list or as
//! false: clients read them without asking whether they are there.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use exoscale::{
    ids::{InstanceId, TemplateId},
    models::{InstanceState, Manager},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{
    anti_affinity, catalog, cloud::State, instances::Instance, private_networks, security_groups,
    snapshots, user_data::UserData,
};

/// What both the list and the single answer show.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct InstanceView<'a> {
    id: InstanceId,
    name: &'a str,
    state: &'a InstanceState,
    created_at: Timestamp,
    mac_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<Ipv4Addr>,
    public_ip_assignment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<Ipv6Addr>,
    instance_type: Option<&'static catalog::OfferedType>,
    template: Value,
    labels: &'a BTreeMap<String, String>,
    private_networks: Vec<Value>,
    security_groups: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_key: Option<Value>,
    ssh_keys: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<Manager>,
    /// Only in the answer for one instance.
    #[serde(flatten)]
    detail: Option<Detail<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    disk_size: u32,
    disk_encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
    anti_affinity_groups: Value,
    elastic_ips: Value,
    snapshots: Vec<Value>,
    #[serde(flatten)]
    flags: BTreeMap<&'static str, bool>,
}

/// What is on or off.
const FLAGS: [&str; 3] = [
    "application-consistent-snapshot-enabled",
    "secureboot-enabled",
    "tpm-enabled",
];

/// Shows instances, many with one template.
pub(super) struct Shown<'a> {
    state: &'a State,
    zone: &'a str,
    templates: BTreeMap<TemplateId, Value>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(state: &'a State, zone: &'a str) -> Self {
        Self {
            state,
            zone,
            templates: BTreeMap::new(),
        }
    }

    /// As in a list.
    pub(super) fn short(&mut self, instance: &'a Instance) -> InstanceView<'a> {
        let settings = &instance.settings;
        let ssh_keys = self.ssh_keys(&settings.further);
        InstanceView {
            id: instance.id,
            name: &instance.name,
            state: &instance.state,
            created_at: instance.created_at,
            mac_address: mac_address(&[instance.id.0]),
            public_ip: instance.public_ip(),
            public_ip_assignment: settings.public_ip_assignment(),
            ipv6_address: instance.ipv6_address(),
            instance_type: catalog::instance_type(settings.instance_type),
            template: self.template(settings.template),
            labels: &settings.labels,
            private_networks: private_networks(instance),
            security_groups: self.security_groups(&settings.further),
            ssh_key: ssh_keys.first().cloned(),
            ssh_keys,
            manager: instance.pool.map(|id| Manager {
                id,
                kind: "instance-pool".to_owned(),
            }),
            detail: None,
        }
    }

    /// As an answer of its own.
    pub(super) fn full(&mut self, instance: &'a Instance) -> InstanceView<'a> {
        let settings = &instance.settings;
        let is_set = |field: &str| {
            let value = settings.further.get(field);
            value.and_then(Value::as_bool).unwrap_or(false)
        };
        InstanceView {
            security_groups: list(&settings.further, security_groups::FIELD),
            detail: Some(Detail {
                disk_size: settings.disk_size,
                disk_encrypted: false,
                user_data: settings.user_data.as_ref().map(UserData::base64),
                anti_affinity_groups: list(&settings.further, anti_affinity::FIELD),
                elastic_ips: list(&settings.further, "elastic-ips"),
                snapshots: snapshots::of(self.state, instance.id),
                flags: FLAGS.map(|flag| (flag, is_set(flag))).into(),
            }),
            ..self.short(instance)
        }
    }

    fn template(&mut self, id: TemplateId) -> Value {
        let (state, zone) = (self.state, self.zone);
        let shown = self.templates.entry(id).or_insert_with(|| {
            let mut shown = json!({ "id": id });
            if let Some(template) = state.templates.get(id) {
                shown = json!(template);
                shown["zones"] = json!([zone]);
            }
            shown
        });
        shown.clone()
    }

    fn security_groups(&self, further: &Map<String, Value>) -> Value {
        let mut groups = list(further, security_groups::FIELD);
        for group in groups.as_array_mut().into_iter().flatten() {
            let id = group["id"].as_str().and_then(|id| id.parse().ok());
            let found = id.and_then(|id| self.state.security_groups.get(&id));
            if let Some(found) = found {
                group["name"] = json!(found.name);
            }
        }
        groups
    }

    /// The keys of both fields, each once. One that was deleted has no fingerprint any more.
    fn ssh_keys(&self, further: &Map<String, Value>) -> Vec<Value> {
        let many = further.get("ssh-keys").and_then(Value::as_array);
        let all = further
            .get("ssh-key")
            .into_iter()
            .chain(many.into_iter().flatten());
        let mut names: Vec<&str> = Vec::new();
        for name in all.filter_map(|key| key["name"].as_str()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let shown = |name: &str| match self.state.ssh_keys.get(name) {
            Some(key) => json!({ "name": name, "fingerprint": key.fingerprint }),
            None => json!({ "name": name }),
        };
        names.into_iter().map(shown).collect()
    }
}

fn list(further: &Map<String, Value>, field: &str) -> Value {
    further.get(field).cloned().unwrap_or_else(|| json!([]))
}

fn private_networks(instance: &Instance) -> Vec<Value> {
    let networks = private_networks::of(instance).into_iter();
    networks
        .map(|network| {
            let mac = mac_address(&[instance.id.0, network.id.0]);
            json!({ "id": network.id, "mac-address": mac })
        })
        .collect()
}

/// No network of frames is here: made of the identifiers, so that it stays, and locally
/// administered, so that it is nobody's.
fn mac_address(of: &[Uuid]) -> String {
    let mut bytes = [0x06, 0, 0, 0, 0, 0];
    for id in of {
        for (place, byte) in id.as_bytes().iter().enumerate() {
            bytes[1 + place % 5] ^= byte.rotate_left(u32::try_from(place).unwrap_or_default());
        }
    }
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}
