//! From what a person writes to what the API takes: names become references, texts become base64,
//! and what is usual is added.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    super::{api, cloud::Cloud},
    Mistake,
};

/// Fields that refer to one resource, and its kind.
const ONE: [(&str, &str); 4] = [
    ("template", "template"),
    ("instance-type", "instance-type"),
    ("instance-pool", "instance-pool"),
    ("security-group", "security-group"),
];

/// Fields that refer to several.
const SEVERAL: [(&str, &str); 4] = [
    ("anti-affinity-groups", "anti-affinity-group"),
    ("elastic-ips", "elastic-ip"),
    ("private-networks", "private-network"),
    ("security-groups", "security-group"),
];

/// Completes the fields of an entry.
pub(super) fn complete(
    cloud: &Arc<Cloud>,
    place: &str,
    kind: &str,
    fields: &mut Map<String, Value>,
) -> Result<(), Mistake> {
    for (field, usual) in usual(kind, fields) {
        fields.entry(field).or_insert(usual);
    }
    for (field, value) in fields.iter_mut() {
        let place = format!("{place}.{field}");
        let named = |list: &[(&str, &'static str)]| {
            let entry = list.iter().find(|(name, _)| name == field);
            entry.map(|(_, kind)| *kind)
        };
        if let Some(of) = named(&ONE) {
            refer(cloud, &place, of, value)?;
        } else if let (Some(of), Value::Array(items)) = (named(&SEVERAL), &mut *value) {
            for item in items {
                refer(cloud, &place, of, item)?;
            }
        } else if field == "role-id" {
            refer(cloud, &place, "iam-role", value)?;
            *value = value["id"].take();
        } else if field == "ssh-key" {
            *value = by_name(value);
        } else if let ("ssh-keys", Value::Array(items)) = (field.as_str(), &mut *value) {
            for item in items {
                *item = by_name(item);
            }
        } else if let ("user-data", Value::String(text)) = (field.as_str(), &mut *value) {
            *text = BASE64_STANDARD.encode(&text);
        }
    }
    Ok(())
}

/// What an entry has when it does not say.
fn usual(kind: &str, fields: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    match kind {
        "instance-pool" | "instance" => vec![
            ("template", json!("slow-app")),
            ("instance-type", json!("standard.tiny")),
            ("disk-size", json!(10)),
        ],
        "rules" => vec![
            ("flow-direction", json!("ingress")),
            ("protocol", json!("tcp")),
        ],
        "services" => {
            let port = fields.get("port").cloned().unwrap_or_default();
            let target = fields.get("target-port").cloned().unwrap_or(port);
            vec![
                ("protocol", json!("tcp")),
                ("strategy", json!("round-robin")),
                ("target-port", target.clone()),
                ("healthcheck", json!({ "mode": "tcp", "port": target })),
            ]
        }
        _ => Vec::new(),
    }
}

fn by_name(value: &Value) -> Value {
    match value {
        Value::String(name) => json!({ "name": name }),
        other => other.clone(),
    }
}

/// Replaces a name by a reference.
fn refer(cloud: &Arc<Cloud>, place: &str, kind: &str, value: &mut Value) -> Result<(), Mistake> {
    let Value::String(name) = value else {
        return Ok(());
    };
    let known = known(cloud, kind);
    let is_id = name.parse::<Uuid>().is_ok();
    let found = known.iter().rev().find(|(known, _)| known == name);
    *value = match found {
        Some((_, id)) => json!({ "id": id }),
        None if is_id => json!({ "id": name }),
        None => {
            let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
            let problem = format!(
                "there is no {kind} {name:?}; there are: {}",
                names.join(", ")
            );
            return Err(Mistake::new(place, problem));
        }
    };
    Ok(())
}

/// The names and ids of what there is of a kind; of those with the same name the newest comes last.
fn known(cloud: &Arc<Cloud>, kind: &str) -> Vec<(String, Value)> {
    if kind == "template" {
        let state = cloud.state();
        let mut templates: Vec<_> = state.templates.all().collect();
        templates.sort_by_key(|template| template.core.created_at);
        let templates = templates.into_iter();
        return templates
            .map(|template| (template.core.name.clone(), json!(template.core.id)))
            .collect();
    }
    let listed = api::invoke(
        cloud,
        super::CLIENT,
        "GET",
        &format!("/{kind}"),
        &Value::Null,
    );
    let listed = listed.unwrap_or_default();
    let lists = listed.as_object().into_iter().flatten();
    let entries = lists.filter_map(|(_, list)| list.as_array()).flatten();
    entries
        .filter_map(|entry| {
            let name = match kind {
                "instance-type" => {
                    let part = |name: &str| entry[name].as_str();
                    format!("{}.{}", part("family")?, part("size")?)
                }
                "elastic-ip" => entry["ip"].as_str()?.to_owned(),
                _ => entry["name"].as_str()?.to_owned(),
            };
            Some((name, entry["id"].clone()))
        })
        .collect()
}
