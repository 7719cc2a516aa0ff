//! `docs/openapi/local-cloud.yaml` describes what is served besides Exoscale's API, and it is
//! answered as described.

use std::collections::BTreeSet;

use exoscale::models::InstanceState;
use local_cloud::{LocalCloudConfig, catalog, local_paths_served};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use test_support::{Api, new_service, openapi::Description};

#[test]
fn what_is_served_is_described_and_what_is_described_is_served() {
    let description = Description::own("local-cloud.yaml");
    let described: BTreeSet<_> = description
        .operations()
        .map(|(method, path, _)| (method.to_string(), path.to_owned()))
        .collect();
    let served: BTreeSet<_> = local_paths_served()
        .map(|(method, path)| (method.to_owned(), path))
        .collect();
    assert_eq!(served, described);
}

struct Seen {
    api: Api,
    description: Description,
    answers: BTreeSet<(String, u16)>,
}

impl Seen {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let origin = self.api.cloud.endpoint().replace("/v2", "");
        self.api.http.request(method, format!("{origin}{path}"))
    }

    /// A call, which must be answered with this status, and as described.
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>, status: u16) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = self.request(method.clone(), path).body(body);
        self.send(request, &method, path, status).await;
    }

    async fn send(&mut self, request: RequestBuilder, method: &Method, path: &str, status: u16) {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        let kind = answer.headers()["content-type"].to_str().expect("a text");
        let kind = kind.to_owned();
        let body = answer.bytes().await.expect("a body");
        let plain = path.split('?').next().expect("a path");
        let operation = self.description.operation(method, plain);
        let operation = operation.unwrap_or_else(|| panic!("{method} {path} is not described"));
        let described = self.description.answer(operation, status);
        let described =
            described.unwrap_or_else(|| panic!("{method} {path} {status} is not described"));
        let problems = self.description.answer_problems(described, &kind, &body);
        assert!(
            problems.is_empty(),
            "{method} {path} {status}: {problems:#?}"
        );
        self.answers.insert((operation.id.to_owned(), status));
    }
}

/// Each call by a name that leads here and is not this machine's.
async fn strangers(seen: &mut Seen) {
    let operations = seen.description.operations();
    let calls: Vec<_> = operations
        .map(|(method, path, _)| {
            let path = path.replace("{id}", "x").replace("{entry}", "x");
            (method, path)
        })
        .collect();
    for (method, path) in calls {
        let request = seen.request(method.clone(), &path);
        let request = request.header("host", "www.example.com");
        seen.send(request, &method, &path, 403).await;
    }
}

/// Every answer that is described was seen.
async fn check(seen: Seen) {
    let mut missed = BTreeSet::new();
    for (.., operation) in seen.description.operations() {
        let answers = operation.entry["responses"].as_object().expect("answers");
        for status in answers.keys() {
            let status: u16 = status.parse().expect("a status");
            if !seen.answers.contains(&(operation.id.to_owned(), status)) {
                missed.insert((operation.id, status));
            }
        }
    }
    assert_eq!(missed, BTreeSet::new(), "described, and not seen");
    seen.api.cloud.stop().await;
}

/// Something of every kind, with user-data and a failed call.
async fn fill(api: &Api) -> String {
    let pool = api.pool(2).await;
    let status = api
        .until("members with addresses", |status| {
            let members = &status.pools[0].members;
            members.len() == 2 && members.iter().all(|m| m.state == InstanceState::Running)
        })
        .await;
    let balancer = api.post("/load-balancer", json!({ "name": "front" })).await;
    let balancer = api.done(balancer).await;
    let path = format!("/load-balancer/{balancer}/service");
    let service = api.post(&path, new_service(pool)).await;
    api.done(service).await;
    let instance = json!({
        "name": "one",
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[1].core.id },
        "disk-size": 10,
    });
    api.done(api.post("/instance", instance).await).await;
    api.get("/no-such-thing").await;
    status.pools[0].members[0].id.to_string()
}

/// A method, what follows the address, a body, and the status of the answer.
type Call = (Method, String, Option<Value>, u16);

fn get(path: &str, status: u16) -> Call {
    (Method::GET, path.to_owned(), None, status)
}

fn looks() -> Vec<Call> {
    let files = ["/", "/_local/page.css", "/_local/page.js"];
    let documents = ["environment", "requests", "operations", "status"];
    let documents = documents.map(|name| format!("/_local/{name}"));
    let documents = documents.iter().map(String::as_str);
    let all = files.into_iter().chain(documents);
    all.map(|path| get(path, 200)).collect()
}

fn faults() -> Vec<Call> {
    let path = "/_local/faults";
    let fault = json!({ "operation": "get-quota", "count": 2, "fault": "fail", "status": 500 });
    let edits = json!([{ "path": "/name", "value": null }]);
    let edit = json!({ "operation": "*", "count": 1, "fault": "edit-answer", "edits": edits });
    let call = |method, body, status| (method, path.to_owned(), body, status);
    vec![
        call(Method::PUT, Some(json!([fault, edit])), 200),
        call(Method::POST, Some(fault), 200),
        get(path, 200),
        // What is to happen is part of the status.
        get("/_local/status", 200),
        call(Method::DELETE, None, 200),
        call(Method::PUT, Some(json!(1)), 400),
        call(Method::POST, Some(json!({})), 400),
    ]
}

fn time_and_shortage() -> Vec<Call> {
    let time = |query, status| {
        let path = format!("/_local/time{query}");
        (Method::POST, path, None, status)
    };
    let path = "/_local/shortage";
    let reason = json!({ "type": "quota-exceeded", "message": "none left" });
    vec![
        time("?advance=5m", 200),
        time("", 400),
        get(path, 200),
        (Method::PUT, path.to_owned(), Some(reason), 200),
        (Method::PUT, path.to_owned(), Some(json!([])), 400),
        get(path, 200),
        (Method::DELETE, path.to_owned(), None, 200),
    ]
}

fn of_instances(member: &str) -> Vec<Call> {
    let nobody = uuid::Uuid::nil();
    let latest = format!("/_local/metadata/{member}/latest");
    let entry = |name: &str, status| get(&format!("{latest}/meta-data/{name}"), status);
    vec![
        get(&format!("/_local/console/{member}"), 200),
        get(&format!("/_local/console/{nobody}"), 404),
        get(&format!("{latest}/user-data"), 200),
        get(&format!("/_local/metadata/{nobody}/latest/user-data"), 404),
        entry("instance-id", 200),
        entry("local-hostname", 200),
        entry("public-ipv4", 200),
        entry("availability-zone", 200),
        entry("nothing", 404),
    ]
}

#[tokio::test]
async fn every_answer_that_is_described_is_given_as_described() {
    let api = Api::without_processes().await;
    let member = fill(&api).await;
    let mut seen = Seen {
        api,
        description: Description::own("local-cloud.yaml"),
        answers: BTreeSet::new(),
    };
    let calls = [
        looks(),
        faults(),
        time_and_shortage(),
        of_instances(&member),
    ];
    for (method, path, body, status) in calls.concat() {
        seen.call(method, &path, body, status).await;
    }
    let left = seen.api.cloud.faults().left();
    assert!(left.is_empty(), "those that were wrong are not taken");
    strangers(&mut seen).await;
    // One whose seed is still being made.
    let config = LocalCloudConfig {
        is_ready: false,
        ..LocalCloudConfig::without_processes()
    };
    let seeded = std::mem::replace(&mut seen.api, Api::start(config).await);
    seeded.cloud.stop().await;
    let path = "/_local/environment";
    seen.call(Method::GET, path, None, 503).await;
    check(seen).await;
}
