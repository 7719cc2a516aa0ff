//! Every answer is checked against the API's own description, where that lies beside the checkout.

mod absences;
mod account;
mod description;
mod instances;
mod requests;

use std::collections::BTreeSet;

use local_cloud::catalog;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::{Api, new_pool, new_service, openapi::Description};

use absences::Fields;

/// Calls, and checks the answer; remembers which operations were checked.
struct Checked {
    api: Api,
    description: Description,
    operations: BTreeSet<String>,
    fields: Fields,
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
        let (operation, schema) = description::answer(&self.description, &method, plain);
        let mut problems = Vec::new();
        self.description
            .problems(schema, &reply.body, operation, &mut problems);
        assert!(problems.is_empty(), "{method} {path}: {problems:#?}");
        let mut fields = Vec::new();
        self.description
            .fields(schema, &reply.body, operation, &mut fields);
        self.fields.see(fields);
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
    let Some(description) = description::load() else {
        return;
    };
    let api = Api::without_processes().await;
    let mut checked = Checked {
        api,
        description,
        operations: BTreeSet::new(),
        fields: Fields::default(),
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

    account::changes(&mut checked).await;
    instances::changes(&mut checked).await;
    let pool = pool_changes(&mut checked).await;
    balancer_changes(&mut checked, &pool).await;
    checked
        .change(Method::DELETE, &format!("/instance-pool/{pool}"), None)
        .await;

    let served = local_cloud::operations_served();
    let missed: Vec<_> = served
        .filter(|operation| !checked.operations.contains(*operation))
        .collect();
    assert!(
        missed.is_empty(),
        "served, but not checked here: {missed:?}"
    );
    checked.fields.check();
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
                .all(|member| member.state == exoscale::models::InstanceState::Running)
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
    describe(checked, &path).await;
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

/// Sets a description and takes it away.
async fn describe(checked: &mut Checked, path: &str) {
    checked
        .change(Method::PUT, path, Some(json!({ "description": "new" })))
        .await;
    checked
        .change(Method::DELETE, &format!("{path}/description"), None)
        .await;
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
    describe(checked, &path).await;
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
