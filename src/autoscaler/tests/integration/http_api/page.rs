//! `docs/http-api.md` and `docs/local-cloud-api.md`, made of the descriptions.

use std::fmt::Write as _;

use doc_page::Page;
use serde_json::{Map, Value};
use test_support::openapi::{Description, Operation};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A cell of a table: one line without the table's own sign.
fn cell(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// A table of the calls for each tag.
fn calls(description: &Description) -> String {
    let tags = description.document()["tags"].as_array().expect("tags");
    let table = |tag: &Value| {
        let name = text(tag, "name");
        let about = paragraph(text(tag, "description").trim());
        let rows = rows(description, name);
        format!("### {name}\n\n{about}| call | | answers |\n| --- | --- | --- |\n{rows}")
    };
    tags.iter().map(table).collect::<Vec<_>>().join("\n")
}

fn paragraph(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{text}\n\n")
}

/// A row for each call; methods that do the same share one.
fn rows(description: &Description, tag: &str) -> String {
    let mut rows: Vec<(Vec<String>, &str, Operation<'_>)> = Vec::new();
    for (method, path, operation) in description.operations() {
        if operation.entry["tags"][0] != tag {
            continue;
        }
        let method = method.to_string();
        match rows.last_mut() {
            Some((methods, of, _)) if *of == path && operation.entry["summary"] == "The same" => {
                methods.push(method);
            }
            _ => rows.push((vec![method], path, operation)),
        }
    }
    let rows = rows.iter().map(|(methods, path, operation)| {
        let methods: Vec<_> = methods.iter().map(|method| format!("`{method}`")).collect();
        let call = format!(
            "{} `{path}{}`",
            methods.join(", "),
            query(description, operation)
        );
        let about = about(operation);
        format!(
            "| {call} | {about} | {} |\n",
            answers(description, operation)
        )
    });
    rows.collect()
}

fn query(description: &Description, operation: &Operation<'_>) -> String {
    let parameters = operation.entry["parameters"]
        .as_array()
        .into_iter()
        .flatten();
    let parameters = parameters.map(|parameter| description.resolved(parameter));
    let mut queries = parameters.filter(|parameter| parameter["in"] == "query");
    queries.next().map_or_else(String::new, |query| {
        let asked = format!("?{}=…", text(query, "name"));
        let is_required = query["required"] == true;
        if is_required {
            asked
        } else {
            format!("[{asked}]")
        }
    })
}

fn about(operation: &Operation<'_>) -> String {
    let about = ["summary", "description"].map(|key| cell(text(operation.entry, key)));
    let about = about.iter().filter(|text| !text.is_empty());
    let about: Vec<_> = about.map(|text| text.trim_end_matches('.')).collect();
    about.join(". ")
}

/// What the page's head does not say once for all, then the other statuses.
fn answers(description: &Description, operation: &Operation<'_>) -> String {
    let answers = operation.entry["responses"].as_object().expect("answers");
    let (mut lines, mut others) = (Vec::new(), Vec::new());
    for (status, answer) in answers {
        let about = cell(text(description.resolved(answer), "description"));
        match status.as_str() {
            "200" | "409" | "503" => lines.push(format!("{status}: {about}")),
            other => others.push(other),
        }
    }
    if !others.is_empty() {
        lines.push(others.join(", "));
    }
    lines.join("<br>")
}

/// A table of the fields of each object that has a name.
fn objects(description: &Description) -> String {
    let named = description.document()["components"]["schemas"].as_object();
    let with_fields = named.expect("schemas").iter();
    let with_fields = with_fields.filter(|(_, schema)| schema["properties"].is_object());
    let table = |(name, schema): (&String, &Value)| {
        let about = match text(schema, "description") {
            "" => String::new(),
            about => paragraph(&format!("{about}.")),
        };
        let mut rows = String::new();
        add_fields(description, schema, "", &mut rows);
        format!("### {name}\n\n{about}| field | type | |\n| --- | --- | --- |\n{rows}")
    };
    with_fields.map(table).collect::<Vec<_>>().join("\n")
}

fn add_fields(description: &Description, schema: &Value, within: &str, rows: &mut String) {
    let required = schema["required"].as_array();
    let fields: &Map<String, Value> = schema["properties"].as_object().expect("fields");
    for (name, field) in fields {
        let is_there = required.is_some_and(|names| names.iter().any(|known| known == name));
        let may_lack = if is_there { "" } else { ", may be absent" };
        let about = cell(text(field, "description"));
        let kind = kind(description, field);
        // Writing to a String cannot fail.
        let _ = writeln!(rows, "| `{within}{name}` | {kind}{may_lack} | {about} |");
        let item = if field["type"] == "array" {
            (&field["items"], "[]")
        } else {
            (field, "")
        };
        if item.0["properties"].is_object() {
            let within = format!("{within}{name}{}.", item.1);
            add_fields(description, item.0, &within, rows);
        }
    }
}

/// A type in words.
fn kind(description: &Description, schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let (_, name) = reference.rsplit_once('/').expect("a name");
        let schema = description.resolved(schema);
        if schema["properties"].is_object() {
            let may_be_null = if is_nullable(schema) { " or null" } else { "" };
            return format!("[{name}](#{}){may_be_null}", name.to_lowercase());
        }
        return kind(description, schema);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choices: Vec<_> = choices.iter().map(|one| kind(description, one)).collect();
        return choices.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| match word.as_str() {
            Some(word) => format!("`{word}`"),
            None => word.to_string(),
        });
        return words.collect::<Vec<_>>().join(", ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    let types = types.into_iter().map(|kind| match kind.as_str() {
        Some("array") if schema["items"].is_null() => "list".to_owned(),
        Some("array") => format!("list of {}", self::kind(description, &schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!(
                "map to {}",
                self::kind(description, &schema["additionalProperties"])
            )
        }
        Some("string") => match schema["format"].as_str() {
            Some("date-time") => "time".to_owned(),
            Some("uuid") => "id".to_owned(),
            Some("ip" | "ipv4") => "address".to_owned(),
            _ => "text".to_owned(),
        },
        other => other.expect("a type").to_owned(),
    });
    types.collect::<Vec<_>>().join(" or ")
}

fn is_nullable(schema: &Value) -> bool {
    let types = schema["type"].as_array();
    types.is_some_and(|types| types.iter().any(|kind| kind == "null"))
}

#[test]
fn http_api_pages_are_made_of_the_descriptions() {
    for (name, file) in [
        ("http-api.md", "agent.yaml"),
        ("local-cloud-api.md", "local-cloud.yaml"),
    ] {
        let description = Description::own(file);
        let page = Page {
            name,
            test: "-p autoscaler http_api_pages",
        };
        page.has("the calls", &calls(&description));
        page.has("the objects", &objects(&description));
    }
}
