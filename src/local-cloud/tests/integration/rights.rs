//! What a role's policy and the organization's allow, for a key that was made over the API.

use exoscale::secret::{ApiKey, ApiSecret};
use local_cloud::catalog;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::{Api, Reply};

/// A key with a role of its own.
struct Caller {
    key: ApiKey,
    secret: ApiSecret,
}

impl Caller {
    async fn with(api: &Api, name: &str, policy: Value) -> Self {
        let role = json!({ "name": name, "policy": policy });
        let role = api.done(api.post("/iam-role", role).await).await;
        let key = json!({ "name": name, "role-id": role });
        let key = api.post("/api-key", key).await.body;
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        Self {
            key: text("key").parse().unwrap(),
            secret: text("secret").parse().unwrap(),
        }
    }

    async fn call(&self, api: &Api, method: Method, path: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let body = body.as_bytes();
        test_support::read(api.request_as(&self.key, &self.secret, &method, path, body)).await
    }

    async fn get(&self, api: &Api, path: &str) -> Reply {
        self.call(api, Method::GET, path, None).await
    }
}

/// Denied unless a rule of the class `compute` allows it.
fn compute(rules: &[(&str, &str)]) -> Value {
    let rules: Vec<_> = rules
        .iter()
        .map(|(action, expression)| json!({ "action": action, "expression": expression }))
        .collect();
    json!({
        "default-service-strategy": "deny",
        "services": { "compute": { "type": "rules", "rules": rules } },
    })
}

fn new_instance() -> Value {
    json!({
        "name": "prod",
        "instance-type": { "id": catalog::INSTANCE_TYPES[0].core.id },
        "template": { "id": catalog::TEMPLATES[1].core.id },
        "disk-size": 10,
    })
}

#[track_caller]
fn allowed(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

/// The provider's example of a role that makes private instances only.
#[tokio::test]
async fn a_policy_looks_at_the_fields_of_a_body() {
    let api = Api::without_processes().await;
    let public = "operation == 'create-instance' && \
        (!parameters.has('public_ip_assignment') || parameters.public_ip_assignment != 'none')";
    let mut policy = compute(&[("deny", public), ("allow", "true")]);
    policy["default-service-strategy"] = json!("allow");
    policy["services"]["compute-legacy"] = json!({ "type": "deny" });
    let caller = Caller::with(&api, "private", policy).await;
    let create = async |body: Value| {
        caller
            .call(&api, Method::POST, "/instance", Some(body))
            .await
    };
    create(new_instance()).await.refused(403, "create-instance");
    for (assignment, fine) in [("inet4", false), ("dual", false), ("none", true)] {
        let mut body = new_instance();
        body["public-ip-assignment"] = json!(assignment);
        let reply = create(body).await;
        if fine {
            allowed(&reply);
        } else {
            reply.refused(403, "create-instance");
        }
    }
    // A body that is none names nothing, so the rule denies it.
    caller
        .call(&api, Method::POST, "/instance", None)
        .await
        .refused(403, "create-instance");
    allowed(&caller.get(&api, "/instance").await);
    allowed(&caller.get(&api, "/iam-role").await);
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_policy_looks_at_the_resource_of_a_call() {
    let api = Api::without_processes().await;
    let prod = api.done(api.post("/instance", new_instance()).await).await;
    let mut body = new_instance();
    body["name"] = json!("test");
    let test = api.done(api.post("/instance", body).await).await;
    let rules = [
        ("deny", "resources.instance.name == 'prod'"),
        ("allow", "true"),
    ];
    let caller = Caller::with(&api, "tester", compute(&rules)).await;
    let delete = async |id: &str| {
        let path = format!("/instance/{id}");
        caller.call(&api, Method::DELETE, &path, None).await
    };
    delete(&prod).await.refused(403, "delete-instance");
    caller
        .get(&api, &format!("/instance/{prod}"))
        .await
        .refused(403, "get-instance");
    allowed(&caller.get(&api, "/instance").await);
    allowed(&delete(&test).await);

    let rule = format!("resources.instance.id == '{prod}' && operation.startsWith('get-')");
    let caller = Caller::with(&api, "reader", compute(&[("allow", &rule)])).await;
    let path = format!("/instance/{prod}");
    allowed(&caller.get(&api, &path).await);
    caller
        .call(&api, Method::DELETE, &path, None)
        .await
        .refused(403, "delete-instance");
    caller
        .get(&api, "/instance")
        .await
        .refused(403, "list-instances");
    api.cloud.stop().await;
}

/// A rule about what a call does not have says nothing; the next one is looked at.
#[tokio::test]
async fn a_rule_that_fails_for_a_call_never_allows_it() {
    let api = Api::without_processes().await;
    for (number, expression) in [
        "parameters.nothing == 'x'",
        "resources.instance_pool.name != 'x'",
        "parameters.nothing in ['x']",
        "!(parameters.nothing == 'x')",
        "parameters.nothing",
        "operation == 'x' || parameters.nothing == 'x'",
        "parameters.nothing < 3",
        "'x' in parameters.nothing",
    ]
    .into_iter()
    .enumerate()
    {
        let policy = compute(&[("allow", expression)]);
        let caller = Caller::with(&api, &format!("role-{number}"), policy).await;
        let reply = caller.get(&api, "/instance").await;
        reply.refused(403, "list-instances");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_providers_examples_are_taken_and_answered_as_they_came() {
    let api = Api::without_processes().await;
    let policy = |class: &str, rules: Value| {
        json!({
            "default-service-strategy": "deny",
            "services": { class: { "type": "rules", "rules": rules } },
        })
    };
    for (name, policy) in [
        (
            "sos-rw-role",
            policy(
                "sos",
                json!([
                    { "action": "allow",
                      "expression": "operation in ['list-sos-buckets-usage', 'list-buckets']" },
                    { "action": "deny",
                      "expression": "!(parameters.bucket in ['my-test-bucket', 'my-other-bucket'])" },
                    { "action": "deny",
                      "expression": "operation in ['create-bucket', 'delete-bucket']" },
                    { "action": "allow", "expression": "true" },
                ]),
            ),
        ),
        (
            "my-api-role",
            policy(
                "dbaas",
                json!([
                    { "action": "deny",
                      "expression": "resources.dbaas_service.name != 'my-dbaas-instance'" },
                    { "action": "allow", "expression": "true" },
                ]),
            ),
        ),
    ] {
        let role = json!({ "name": name, "policy": policy });
        let id = api.done(api.post("/iam-role", role).await).await;
        let found = api.get(&format!("/iam-role/{id}")).await.body;
        assert_eq!(found["policy"], policy);
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_refused_by_name_and_grants_nothing() {
    let api = Api::without_processes().await;
    for (expression, said) in [
        ("", "is empty"),
        ("operation", "is not true or false"),
        ("'x'", "is not true or false"),
        ("true &&", "ends too early"),
        ("(true", "ends too early"),
        ("true true", "`true`"),
        ("identity == 'x'", "`identity`"),
        ("inIpRange(source_ip, '10.0.0.0/8')", "`inIpRange`"),
        ("operation.matches('.*')", "`matches`"),
        ("[1].exists(x, x == 1)", "`exists`"),
        (
            "timestamp(now) > timestamp('2026-01-01T00:00:00Z')",
            "`timestamp`",
        ),
        ("operation == 'a' ? true : false", "`?`"),
        ("1 + 1 == 2", "`+`"),
        ("operation == 'a", "string"),
        ("operation in 'a'", "`in`"),
        ("resources.spaceship.name == 'x'", "`resources.spaceship`"),
        ("true\u{0}", "`\\0`"),
    ] {
        let role = json!({ "name": "wrong", "policy": compute(&[("allow", expression)]) });
        let reply = api.post("/iam-role", role).await;
        reply.refused(400, said);
        assert!(
            reply.message().contains("expression"),
            "{}",
            reply.message()
        );
    }
    let deep = format!("{}true{}", "(".repeat(100_000), ")".repeat(100_000));
    let role = json!({ "name": "deep", "policy": compute(&[("allow", &deep)]) });
    api.post("/iam-role", role).await.refused(400, "too deep");
    assert_eq!(api.get("/iam-role").await.body["iam-roles"], json!([]));
    api.cloud.stop().await;
}

#[tokio::test]
async fn the_organizations_policy_holds_for_every_key_until_it_is_reset() {
    let api = Api::without_processes().await;
    let path = "/iam-organization-policy";
    let everything = json!({ "default-service-strategy": "allow", "services": {} });
    assert_eq!(api.get(path).await.body, everything);
    let caller = Caller::with(&api, "all", everything.clone()).await;
    let policy = json!({
        "default-service-strategy": "allow",
        "services": { "compute": { "type": "rules", "rules": [
            { "action": "deny", "expression": "operation == 'create-instance'" },
            { "action": "allow", "expression": "true" },
        ] } },
    });
    api.done(api.put(path, policy.clone()).await).await;
    assert_eq!(api.get(path).await.body, policy);
    let reply = caller
        .call(&api, Method::POST, "/instance", Some(new_instance()))
        .await;
    reply.refused(403, "organization");
    api.post("/instance", new_instance())
        .await
        .refused(403, "organization");
    allowed(&caller.get(&api, "/instance").await);

    let wrong = json!({ "default-service-strategy": "allow",
        "services": { "compute": { "type": "rules", "rules": [
            { "action": "deny", "expression": "identity == 'x'" }] } } });
    api.put(path, wrong).await.refused(400, "`identity`");
    assert_eq!(
        api.get(path).await.body,
        policy,
        "a refused one changes nothing"
    );

    let nothing = json!({ "default-service-strategy": "deny", "services": {} });
    api.put(path, nothing).await;
    api.get("/instance").await.refused(403, "organization");
    caller
        .call(&api, Method::POST, &format!("{path}:reset"), None)
        .await
        .refused(403, "");
    let reset = api.post(&format!("{path}:reset"), json!({})).await;
    allowed(&reset);
    assert_eq!(api.get(path).await.body, everything);
    api.cloud.stop().await;
}

/// `exo iam` shows a key with the name of its role, and deletes both.
#[tokio::test]
async fn keys_and_roles_are_listed_and_deleted() {
    let api = Api::without_processes().await;
    let role = json!({ "name": "agent", "labels": { "a": "b" },
        "permissions": ["reset-iam-organization-policy"], "max-session-ttl": 3600,
        "assume-role-policy": { "rules": [{ "action": "allow", "expression": "true" }] } });
    let id = api.done(api.post("/iam-role", role.clone()).await).await;
    let found = api.get("/iam-role").await.body["iam-roles"][0].clone();
    for (field, value) in role.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field}");
    }
    assert_eq!(found["editable"], true);
    api.post("/iam-role", role).await.refused(409, "already");
    let key = json!({ "name": "agent", "role-id": id });
    let key = api.post("/api-key", key).await.body;
    let listed = api.get("/api-key").await.body["api-keys"][0].clone();
    assert_eq!(listed["role-id"], id.as_str());
    assert_eq!(listed.get("secret"), None, "it is told once");
    api.delete(&format!("/iam-role/{id}"))
        .await
        .refused(409, "is used by api-key");
    let key = format!("/api-key/{}", key["key"].as_str().unwrap());
    api.done(api.delete(&key).await).await;
    api.get(&key).await.refused(404, "not found");
    api.done(api.delete(&format!("/iam-role/{id}")).await).await;
    api.cloud.stop().await;
}
