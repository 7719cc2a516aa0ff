//! Every answer is checked against the API's own description, where that lies beside the checkout.

mod local_cloud_support;

use std::{collections::BTreeSet, env, fs, path::Path};

use autoscaler::local_cloud::catalog;
use local_cloud_support::{Api, new_pool, new_service};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The description of the API (in `OpenAPI` 3.0), which is too large to be part of the project.
struct Description(Value);

impl Description {
    fn load() -> Option<Self> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/exoscale-openapi.yaml");
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
    fn answer(&self, method: &Method, path: &str) -> (&str, &Value) {
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

    /// What is wrong with `value`, each with its place. Fields that the schema does not name are
    /// wrong too: the real API would not answer them.
    fn problems(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = self
                .0
                .pointer(pointer)
                .expect("the reference leads somewhere");
            return self.problems(target, value, place, found);
        }
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

/// Calls, and checks the answer; remembers which operations were checked.
struct Checked {
    api: Api,
    description: Description,
    operations: BTreeSet<String>,
}

impl Checked {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let reply = self.api.call(method.clone(), path, body).await;
        assert_eq!(
            reply.status,
            StatusCode::OK,
            "{method} {path}: {}",
            reply.body
        );
        let plain = path.split('?').next().unwrap();
        let (operation, schema) = self.description.answer(&method, plain);
        let mut problems = Vec::new();
        self.description
            .problems(schema, &reply.body, operation, &mut problems);
        assert!(problems.is_empty(), "{method} {path}: {problems:#?}");
        self.operations.insert(operation.to_owned());
        reply.body
    }

    async fn get(&mut self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    /// A change; its operation is polled, with a check each time, until it has ended well.
    async fn change(&mut self, method: Method, path: &str, body: Option<Value>) -> String {
        let mut operation = self.call(method, path, body).await;
        let path = format!("/operation/{}", operation["id"].as_str().unwrap());
        while operation["state"] == "pending" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            operation = self.get(&path).await;
        }
        assert_eq!(operation["state"], "success", "{operation}");
        operation["reference"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn every_answer_fits_the_description() {
    let Some(description) = Description::load() else {
        return;
    };
    let api = Api::without_processes().await;
    let mut checked = Checked {
        api,
        description,
        operations: BTreeSet::new(),
    };
    checked.get("/zone").await;
    for kind in &*catalog::INSTANCE_TYPES {
        checked
            .get(&format!("/instance-type/{}", kind.core.id))
            .await;
    }
    checked.get("/instance-type").await;
    for template in &*catalog::TEMPLATES {
        checked
            .get(&format!("/template/{}", template.core.id))
            .await;
    }
    checked.get("/template?visibility=private").await;
    checked.get("/quota").await;
    checked.get("/quota/instance").await;

    let pool = pool_changes(&mut checked).await;
    balancer_changes(&mut checked, &pool).await;
    checked
        .change(Method::DELETE, &format!("/instance-pool/{pool}"), None)
        .await;

    let served = autoscaler::local_cloud::operations_served();
    let missed: Vec<_> = served
        .filter(|operation| !checked.operations.contains(*operation))
        .collect();
    assert!(
        missed.is_empty(),
        "served, but not checked here: {missed:?}"
    );
    checked.api.cloud.stop().await;
}

async fn pool_changes(checked: &mut Checked) -> String {
    let pool = checked
        .change(Method::POST, "/instance-pool", Some(new_pool(3)))
        .await;
    let path = format!("/instance-pool/{pool}");
    let all = format!("/instance?manager-id={pool}&manager-type=instance-pool");
    // Once while the members boot, once when they run.
    checked.get(&all).await;
    checked
        .api
        .until("members with addresses", |status| {
            status.pools[0]
                .members
                .iter()
                .all(|member| member.state == autoscaler::exoscale::models::InstanceState::Running)
        })
        .await;
    let members = checked.get(&all).await;
    let member = |index: usize| {
        members["instances"][index]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    checked.get(&format!("/instance/{}", member(0))).await;
    checked.get(&path).await;
    checked.get("/instance-pool").await;
    checked
        .change(Method::PUT, &path, Some(json!({ "description": "new" })))
        .await;
    checked
        .change(Method::DELETE, &format!("{path}/description"), None)
        .await;
    checked
        .change(
            Method::PUT,
            &format!("{path}:scale"),
            Some(json!({ "size": 4 })),
        )
        .await;
    let victims = json!({ "instances": [member(0)] });
    checked
        .change(Method::PUT, &format!("{path}:evict"), Some(victims))
        .await;
    checked
        .change(Method::DELETE, &format!("/instance/{}", member(1)), None)
        .await;
    checked.get(&path).await;
    pool
}

async fn balancer_changes(checked: &mut Checked, pool: &str) {
    let body = json!({ "name": "front", "labels": { "a": "b" } });
    let balancer = checked
        .change(Method::POST, "/load-balancer", Some(body))
        .await;
    let path = format!("/load-balancer/{balancer}");
    let service = new_service(pool.parse().unwrap());
    checked
        .change(Method::POST, &format!("{path}/service"), Some(service))
        .await;
    let document = checked.get(&path).await;
    let service = format!(
        "{path}/service/{}",
        document["services"][0]["id"].as_str().unwrap()
    );
    assert!(
        !document["services"][0]["healthcheck-status"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    checked.get(&service).await;
    checked.get("/load-balancer").await;
    checked
        .change(Method::PUT, &path, Some(json!({ "description": "new" })))
        .await;
    checked
        .change(Method::DELETE, &format!("{path}/description"), None)
        .await;
    checked
        .change(
            Method::PUT,
            &service,
            Some(json!({ "strategy": "maglev-hash" })),
        )
        .await;
    checked.change(Method::DELETE, &service, None).await;
    checked.change(Method::DELETE, &path, None).await;
}
