//! Whether the caller may make a call: what its policies look at, and what they say.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    super::{
        iam::{self, Rights},
        refusal::Refusal,
    },
    iam_organization_policy::RESET,
    route::{Call, Route},
};

/// Refuses an operation that the organization's policy or the key's role does not allow. The
/// cloud's own key has no role; it may always reset the organization's policy.
pub(super) fn authorise(call: &Call<'_>, route: &Route, key: &str) -> Result<(), Refusal> {
    let Rights { organization, role } = iam::rights_of(&call.cloud.state(), key);
    let operation = route.operation;
    if (role.is_none() && operation == RESET)
        || (organization.allows_everything() && role.is_none())
    {
        return Ok(());
    }
    let bindings = bindings(call, route, key);
    if !organization.allows(operation, &bindings) {
        return Err(Refusal::Forbidden(format!(
            "the policy of the organization does not allow {operation}"
        )));
    }
    match role {
        Some(role) if !role.allows(operation, &bindings) => Err(Refusal::Forbidden(format!(
            "the role of api-key {key} does not allow {operation}"
        ))),
        _ => Ok(()),
    }
}

/// What an expression can look at.
fn bindings(call: &Call<'_>, route: &Route, key: &str) -> Value {
    let body = serde_json::from_slice(call.body).unwrap_or(Value::Null);
    let resources = resources(call, route, &body);
    json!({
        "api_key": key,
        "now": Timestamp::now().to_string(),
        "operation": route.operation,
        "parameters": parameters(call, body),
        "resource": resources,
        "resources": resources,
        "service": iam::class_of(route.operation),
        "source_ip": call.peer.map(|ip| ip.to_string()),
        "zone": call.zone.unwrap_or(&call.cloud.config.zone),
    })
}

/// The fields of the body, and the arguments of query and path.
fn parameters(call: &Call<'_>, body: Value) -> Value {
    let path = call.arguments.iter();
    let path = path.map(|(name, value)| ((*name).to_owned(), json!(value)));
    let query = call.query.iter();
    let query = query.map(|(name, value)| (name.clone(), json!(value)));
    let mut all: Map<_, _> = path.chain(query).collect();
    if let Value::Object(fields) = body {
        all.extend(fields);
    }
    underscored(Value::Object(all))
}

/// What the call is about, by its kind: the resource in the path, and those that the body names.
fn resources(call: &Call<'_>, route: &Route, body: &Value) -> Value {
    let mut found = Map::new();
    for (kind, id) in body.as_object().into_iter().flatten() {
        let id = id["id"].as_str();
        found.extend(id.and_then(|id| resource(call, kind, "id", id)));
    }
    let segments: Vec<_> = route.path.split('/').collect();
    for pair in segments.windows(2) {
        let name = pair[1]
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        if let Some((name, _)) = name {
            found.extend(resource(call, pair[0], name, call.text(name)));
        }
    }
    underscored(Value::Object(found))
}

/// As a GET of it answers.
fn resource(
    call: &Call<'_>,
    kind: &str,
    argument: &'static str,
    id: &str,
) -> Option<(String, Value)> {
    let path = format!("/{kind}/{{{argument}}}");
    let answer = call.read(&path, HashMap::from([(argument, id)]))?;
    Some((kind.to_owned(), answer))
}

/// With the names of all fields as expressions write them.
fn underscored(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (name.replace('-', "_"), underscored(value)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.into_iter().map(underscored).collect(),
        other => other,
    }
}
