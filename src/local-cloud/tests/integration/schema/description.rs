//! The API's description, as far as answers are checked against it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use reqwest::Method;
use serde_json::Value;

/// The description of the API (in `OpenAPI` 3.0), which is too large to be part of the project. It
/// lies beside the checkout, or where `EXOSCALE_API_DESCRIPTION` says.
pub(crate) struct Description(Value);

impl Description {
    pub(crate) fn load() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data/exoscale-openapi.yaml");
        let path = env::var_os("EXOSCALE_API_DESCRIPTION").map_or(beside, PathBuf::from);
        let Ok(text) = fs::read_to_string(&path) else {
            assert!(
                env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
                "{} is not there",
                path.display()
            );
            eprintln!(
                "skipped: the API's description is not at {}",
                path.display()
            );
            return None;
        };
        Some(Self(
            serde_yaml_ng::from_str(&text).expect("the description is YAML"),
        ))
    }

    /// The operation's id and the schema of its answer.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> (&str, &Value) {
        let method = method.as_str().to_lowercase();
        let paths = self.0["paths"].as_object().expect("paths");
        let operations: Vec<_> = paths
            .iter()
            .filter(|(pattern, _)| fits(pattern, path))
            .filter_map(|(pattern, methods)| Some((pattern, methods.get(&method)?)))
            .collect();
        // A fixed segment is preferred: `/instance-pool/{id}/{field}` also fits other paths.
        let (_, operation) = operations
            .into_iter()
            .min_by_key(|(pattern, _)| pattern.matches('{').count())
            .unwrap_or_else(|| panic!("{method} {path} is not in the API's description"));
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        (
            operation["operationId"].as_str().expect("an operation id"),
            schema,
        )
    }

    /// How an operation is called, and the schema of its body, if it has one.
    pub(crate) fn request(&self, operation: &str) -> Option<(Method, &str, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths");
        paths.iter().find_map(|(path, methods)| {
            let mut methods = methods.as_object()?.iter();
            let (method, found) = methods.find(|(_, entry)| entry["operationId"] == operation)?;
            let schema = &found["requestBody"]["content"]["application/json"]["schema"];
            let method = method.to_uppercase().parse().expect("a method");
            (!schema.is_null()).then(|| (method, path.as_str(), self.resolved(schema)))
        })
    }

    /// The schema itself, where a reference to it stands.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema["$ref"].as_str() else {
            return schema;
        };
        let target = self.0.pointer(reference.trim_start_matches('#'));
        self.resolved(target.expect("the reference leads somewhere"))
    }

    /// What is wrong with `value`, each with its place. Fields that the schema does not name are
    /// wrong too: the real API would not answer them.
    pub(crate) fn problems(
        &self,
        schema: &Value,
        value: &Value,
        place: &str,
        found: &mut Vec<String>,
    ) {
        let schema = self.resolved(schema);
        let mut wrong = |what: String| found.push(format!("{place}: {what}: {value}"));
        let kind_fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            other => panic!("{place}: the description has the type {other:?}"),
        };
        if !kind_fits {
            return wrong(format!("is not of type {}", schema["type"]));
        }
        if schema["enum"]
            .as_array()
            .is_some_and(|words| !words.contains(value))
        {
            wrong(format!("is not one of {}", schema["enum"]));
        }
        match value {
            Value::String(text) => check_text(schema, text, &mut wrong),
            Value::Number(number) => check_number(schema, number.as_f64().unwrap(), &mut wrong),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.problems(&schema["items"], item, &format!("{place}/{index}"), found);
                }
            }
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    if !fields.contains_key(name.as_str().unwrap()) {
                        wrong(format!("lacks {name}"));
                    }
                }
                for (name, item) in fields {
                    let place = format!("{place}/{name}");
                    let named = schema["properties"].get(name);
                    match named.or_else(|| schema.get("additionalProperties")) {
                        Some(schema) => self.problems(schema, item, &place, found),
                        None => found.push(format!("{place}: is not in the description")),
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// A field that the description names, at its place, and whether the answer has it.
pub(crate) struct Field {
    pub(crate) place: String,
    pub(crate) is_there: bool,
}

impl Description {
    /// All fields that an answer could have. Places have no numbers of items, and stop at what is
    /// not there.
    pub(crate) fn fields(
        &self,
        schema: &Value,
        value: &Value,
        place: &str,
        found: &mut Vec<Field>,
    ) {
        let schema = self.resolved(schema);
        if let Some(items) = value.as_array() {
            for item in items {
                self.fields(&schema["items"], item, place, found);
            }
        }
        let named = schema["properties"].as_object().into_iter().flatten();
        for (name, schema) in named.filter(|_| value.is_object()) {
            let place = format!("{place}/{name}");
            let item = value.get(name);
            if let Some(item) = item {
                self.fields(schema, item, &place, found);
            }
            let is_there = item.is_some();
            found.push(Field { place, is_there });
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(path)
            .all(|(pattern, segment)| match pattern.split_once('}') {
                Some((_, verb)) => {
                    segment.ends_with(verb) && (verb.is_empty() != segment.contains(':'))
                }
                None => *pattern == segment,
            })
}

fn check_text(schema: &Value, text: &str, wrong: &mut impl FnMut(String)) {
    let length = text.chars().count() as u64;
    let least = schema["minLength"].as_u64().unwrap_or(0);
    let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    if !(least..=most).contains(&length) {
        wrong(format!("does not have {least} to {most} characters"));
    }
    let well_formed = match schema["format"].as_str() {
        None => true,
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("ipv4") => text.parse::<std::net::Ipv4Addr>().is_ok(),
        Some(other) => panic!("the description has the format {other}"),
    };
    if !well_formed {
        wrong(format!("is not of format {}", schema["format"]));
    }
}

fn check_number(schema: &Value, number: f64, wrong: &mut impl FnMut(String)) {
    let exclusive = |name: &str| schema[name].as_bool().unwrap_or(false);
    let minimum = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let maximum = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    if number < minimum || (exclusive("exclusiveMinimum") && number <= minimum) {
        wrong(format!("is less than {minimum} allows"));
    }
    if number > maximum || (exclusive("exclusiveMaximum") && number >= maximum) {
        wrong(format!("is more than {maximum} allows"));
    }
}
