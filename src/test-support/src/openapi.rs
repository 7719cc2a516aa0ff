//! A description of an HTTP API in `OpenAPI` 3, and what of an answer does not fit it.

use std::{collections::BTreeSet, fs, path::Path};

use exoscale::ids::PoolId;
use reqwest::Method;
use serde_json::Value;

/// Words of a path's entry that are operations.
const METHODS: [&str; 7] = ["get", "head", "put", "post", "delete", "options", "patch"];

/// Words of a schema that are heeded here, or that say nothing of values.
const KEYWORDS: [&str; 19] = [
    "$ref",
    "additionalProperties",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "title",
    "type",
    "default",
];

/// A description.
pub struct Description(Value);

/// An operation of a description.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// Its id.
    pub id: &'a str,
    /// What the description says of it.
    pub entry: &'a Value,
}

impl Description {
    /// Reads a description in YAML.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Ok(Self(
            serde_yaml_ng::from_str(&text).expect("the description is YAML"),
        ))
    }

    /// One of this project's own, by its file's name in `docs/openapi`.
    pub fn own(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi");
        let description = Self::read(&Path::new(folder).join(name)).expect("it is there");
        description.check();
        description
    }

    /// The whole description.
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// Every operation, with its method and path.
    pub fn operations(&self) -> impl Iterator<Item = (Method, &str, Operation<'_>)> {
        let paths = self.0["paths"].as_object().expect("paths");
        paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            methods
                .filter(|(method, _)| METHODS.contains(&method.as_str()))
                .map(move |(method, entry)| {
                    let id = entry["operationId"].as_str().expect("an operation id");
                    let method = method.to_uppercase().parse().expect("a method");
                    (method, path.as_str(), Operation { id, entry })
                })
        })
    }

    /// The operation that a call is.
    pub fn operation(&self, method: &Method, path: &str) -> Option<Operation<'_>> {
        let fitting = self
            .operations()
            .filter(|(of, pattern, _)| of == method && fits(pattern, path));
        // A fixed segment is preferred: `/instance-pool/{id}/{field}` also fits other paths.
        let nearest = fitting.min_by_key(|(_, pattern, _)| pattern.matches('{').count());
        nearest.map(|(_, _, operation)| operation)
    }

    /// What an operation says of answers with this status, if anything.
    pub fn answer<'a>(&'a self, operation: Operation<'a>, status: u16) -> Option<&'a Value> {
        let answer = operation.entry["responses"].get(status.to_string())?;
        Some(self.resolved(answer))
    }

    /// What is wrong with an answer's kind and body: `body` is JSON where the kind says so.
    pub fn answer_problems(&self, answer: &Value, kind: &str, body: &[u8]) -> Vec<String> {
        let Some(content) = answer["content"].as_object() else {
            let is_empty = body.is_empty();
            return (!is_empty)
                .then(|| "has a body".to_owned())
                .into_iter()
                .collect();
        };
        let plain = kind.split(';').next().unwrap_or_default();
        let Some(media) = content.get(kind).or_else(|| content.get(plain)) else {
            let known: Vec<_> = content.keys().collect();
            return vec![format!("is of type {kind:?}, none of {known:?}")];
        };
        let mut found = Vec::new();
        if plain == "application/json" {
            match serde_json::from_slice(body) {
                Ok(body) => self.problems(&media["schema"], &body, "", &mut found),
                Err(error) => found.push(format!("is not JSON: {error}")),
            }
        }
        found
    }

    /// The schema of an operation's body, if it takes one in JSON.
    pub fn body<'a>(&'a self, operation: Operation<'a>) -> Option<&'a Value> {
        let schema = &operation.entry["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| self.resolved(schema))
    }

    /// What a reference leads to, where one stands.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else {
            return value;
        };
        let target = self.0.pointer(reference.trim_start_matches('#'));
        self.resolved(target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
    }

    /// What is wrong with `value`, each with its place. Fields that the schema does not name are
    /// wrong too: nobody would know that they are there.
    pub fn problems(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.choice_problems(choices, value, place, found);
        }
        let mut wrong = |what: String| found.push(format!("{place}: {what}: {value}"));
        if !is_of_type(&schema["type"], value, place) {
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
                    let others = schema.get("additionalProperties");
                    match named.or_else(|| others.filter(|others| others.is_object())) {
                        Some(schema) => self.problems(schema, item, &place, found),
                        None => found.push(format!("{place}: is not in the description")),
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn choice_problems(
        &self,
        choices: &[Value],
        value: &Value,
        place: &str,
        found: &mut Vec<String>,
    ) {
        let each = choices.iter().map(|choice| {
            let mut problems = Vec::new();
            self.problems(choice, value, place, &mut problems);
            problems
        });
        let each: Vec<_> = each.collect();
        let fitting = each.iter().filter(|problems| problems.is_empty()).count();
        if fitting != 1 {
            let all = each.concat().join("; ");
            found.push(format!("{place}: fits {fitting} of the choices: {all}"));
        }
    }

    /// Fails on what nobody would notice: a reference that leads nowhere, a keyword that is not
    /// heeded, an operation without a summary, an id that stands twice.
    fn check(&self) {
        let mut ids = BTreeSet::new();
        for (method, path, Operation { id, entry }) in self.operations() {
            assert!(ids.insert(id), "{id} stands twice");
            let about = ["summary", "responses"].map(|key| &entry[key]);
            assert!(about.iter().all(|text| !text.is_null()), "{method} {path}");
            let answers = entry["responses"].as_object().expect("answers").values();
            for answer in answers.map(|answer| self.resolved(answer)) {
                assert!(answer["description"].is_string(), "{method} {path}");
                let media = answer["content"].as_object().into_iter().flatten();
                media.for_each(|(_, media)| self.check_schema(&media["schema"]));
            }
            self.body(Operation { id, entry })
                .into_iter()
                .for_each(|schema| self.check_schema(schema));
        }
        let named = self.0["components"]["schemas"].as_object();
        for (_, schema) in named.into_iter().flatten() {
            self.check_schema(schema);
        }
    }

    fn check_schema(&self, schema: &Value) {
        self.resolved(schema);
        for word in schema
            .as_object()
            .into_iter()
            .flatten()
            .map(|(word, _)| word)
        {
            assert!(KEYWORDS.contains(&word.as_str()), "{word} is not heeded");
        }
        let properties = schema["properties"].as_object();
        let inner = properties.into_iter().flat_map(|named| named.values());
        let choices = schema["oneOf"].as_array().into_iter().flatten();
        let others = [&schema["items"], &schema["additionalProperties"]];
        let others = others.into_iter().filter(|inner| inner.is_object());
        inner
            .chain(choices)
            .chain(others)
            .for_each(|inner| self.check_schema(inner));
    }
}

/// A field that the description names, at its place, and whether the answer has it.
#[derive(Debug)]
pub struct Field {
    pub place: String,
    pub is_there: bool,
}

impl Description {
    /// All fields that an answer could have. Places have no numbers of items, and stop at what is
    /// not there.
    pub fn fields(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<Field>) {
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

/// Whether a value is of a type, or of one of several.
fn is_of_type(types: &Value, value: &Value, place: &str) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("{place}: the description has the type {other:?}"),
    };
    match types {
        Value::Array(several) => several.iter().any(is),
        one => is(one),
    }
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
        Some("uuid") => text.parse::<PoolId>().is_ok(),
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("ipv4") => text.parse::<std::net::Ipv4Addr>().is_ok(),
        Some("ip") => text.parse::<std::net::IpAddr>().is_ok(),
        Some(other) => panic!("the description has the format {other}"),
    };
    if !well_formed {
        wrong(format!("is not of format {}", schema["format"]));
    }
}

/// In version 3.0 an exclusive bound is a flag beside the bound, in 3.1 it is the bound.
fn check_number(schema: &Value, number: f64, wrong: &mut impl FnMut(String)) {
    let bound = |name: &str, exclusive: &str| {
        let bound = schema[name].as_f64();
        match &schema[exclusive] {
            Value::Bool(true) => (None, bound),
            Value::Number(exclusive) => (bound, exclusive.as_f64()),
            _ => (bound, None),
        }
    };
    let (least, above) = bound("minimum", "exclusiveMinimum");
    let (most, below) = bound("maximum", "exclusiveMaximum");
    if least.is_some_and(|least| number < least) || above.is_some_and(|above| number <= above) {
        wrong("is less than is allowed".to_owned());
    }
    if most.is_some_and(|most| number > most) || below.is_some_and(|below| number >= below) {
        wrong("is more than is allowed".to_owned());
    }
}
