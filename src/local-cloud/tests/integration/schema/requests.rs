//! Every field of a body that the API's description names is taken: clients send them all.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Api, openapi::Description};

use super::description;

/// What is refused on purpose: the operation, the field, and what the refusal says.
const REFUSED: [(&str, &str, &str); 1] = [(
    "start-instance",
    "rescue-profile",
    "does not serve a start with a rescue-profile",
)];

/// Fields whose form the description does not give.
fn sample(field: &str) -> Option<Value> {
    Some(match field {
        "checksum" => json!("0123456789abcdef0123456789abcdef"),
        "cidr" | "network" => json!("192.0.2.0/24"),
        "domain-name" | "tls-sni" => json!("www.example.com"),
        "expression" => json!("true"),
        "netmask" => json!("255.255.255.0"),
        "public-key" => json!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me"
        ),
        "uri" => json!("/health"),
        "url" => json!("https://example.com/image.qcow2"),
        "user-data" => json!("aGVsbG8sIGluc3RhbmNl"),
        _ => return None,
    })
}

/// Values that the schema allows: each word of an enumeration, both ends of a range, and each
/// field of an object alone.
fn values(description: &Description, field: &str, schema: &Value, depth: usize) -> Vec<Value> {
    let schema = description.resolved(schema);
    if let Some(sample) = sample(field) {
        return vec![sample];
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.clone();
    }
    let number = |name: &str| schema[name].as_u64();
    match schema["type"].as_str() {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => {
            let exclusive = schema["exclusiveMinimum"].as_bool().unwrap_or(false);
            let least = schema["minimum"].as_i64().unwrap_or(0) + i64::from(exclusive);
            let most = schema["maximum"].as_i64().unwrap_or(least + 1);
            vec![json!(least), json!(most)]
        }
        Some("string") => vec![match schema["format"].as_str() {
            Some("uuid") => json!(uuid::Uuid::nil()),
            Some("ipv4") => json!("192.0.2.1"),
            Some("date-time") => json!("2026-11-26T00:00:00Z"),
            _ => {
                let length = number("minLength").unwrap_or(1).max(1);
                json!("x".repeat(usize::try_from(length).unwrap()))
            }
        }],
        Some("array") if depth == 0 => vec![json!([])],
        Some("array") => {
            let items = values(description, field, &schema["items"], depth - 1);
            items.into_iter().map(|item| json!([item])).collect()
        }
        _ => object(description, schema, depth),
    }
}

fn object(description: &Description, schema: &Value, depth: usize) -> Vec<Value> {
    let Some(fields) = schema["properties"].as_object() else {
        let values = values(description, "a", &schema["additionalProperties"], depth);
        return values
            .into_iter()
            .map(|value| json!({ "a": value }))
            .collect();
    };
    if depth == 0 {
        return vec![json!({})];
    }
    let required = schema["required"].as_array().into_iter().flatten();
    let base: serde_json::Map<_, _> = required
        .filter_map(|name| {
            let name = name.as_str()?;
            let value = values(description, name, &fields[name], depth - 1);
            Some((name.to_owned(), value.into_iter().next()?))
        })
        .collect();
    let mut objects = vec![json!(base)];
    for (name, schema) in fields {
        for value in values(description, name, schema, depth - 1) {
            let mut object = base.clone();
            object.insert(name.clone(), value);
            objects.push(json!(object));
        }
    }
    objects
}

/// A body with one field is refused for want of others, or because nothing has the id; never for
/// the field itself.
#[tokio::test]
async fn every_field_of_every_body_is_taken() {
    let Some(description) = description::load() else {
        return;
    };
    let api = Api::without_processes().await;
    let mut problems = Vec::new();
    let mut checked = 0;
    for operation in local_cloud::operations_served() {
        let Some((method, path, schema)) = description::request(&description, operation) else {
            continue;
        };
        let path = path
            .replace("{id}", &uuid::Uuid::nil().to_string())
            .replace("{service-id}", &uuid::Uuid::nil().to_string());
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            for value in values(&description, field, schema, 3) {
                let body = json!({ field: value });
                let reply = call(&api, &method, &path, &body).await;
                checked += 1;
                let said = reply["message"].as_str().unwrap_or_default();
                let refused = REFUSED
                    .iter()
                    .find(|(known, name, _)| *known == operation && name == field);
                let fine = match refused {
                    Some((_, _, reason)) => said.contains(reason),
                    None => is_taken(field, said),
                };
                if !fine {
                    problems.push(format!("{operation} {body}: {said}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(checked > 300, "only {checked} bodies");
    api.cloud.stop().await;
}

async fn call(api: &Api, method: &Method, path: &str, body: &Value) -> Value {
    let reply = api.call(method.clone(), path, Some(body.clone())).await;
    reply.body
}

/// Whether what is said of a body leaves the field alone, but for what else would have to be there.
fn is_taken(field: &str, said: &str) -> bool {
    let of_field = said
        .strip_prefix(field)
        .is_some_and(|rest| rest.starts_with([':', '.']));
    let fine = [
        "not found",
        "no such",
        "is missing",
        "must hold objects with an id",
        "must have a name",
        // Of a time that is larger than another one's default.
        "must be at most the interval",
    ];
    !said.contains("is not a field") && (!of_field || fine.iter().any(|word| said.contains(word)))
}
