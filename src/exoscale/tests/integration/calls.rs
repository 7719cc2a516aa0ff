//! What the client's calls look like on the wire, and how their answers are read.

use std::time::Duration;

use exoscale::{
    Client, ErrorKind,
    calls::{ApiCall, Outcome},
    ids::{InstanceId, LoadBalancerId, OperationId, PoolId, PrivateNetworkId, TemplateId},
    models::{InstanceState, Operation, OperationState, PoolState},
    signature::SignatureError,
    templates::{BootMode, NewTemplate},
};
use serde_json::{Value, json as value};

use crate::support::{KEY, Reply, Seen, Server, json};

const ID: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";

fn pool_id() -> PoolId {
    ID.parse().unwrap()
}

fn operation(state: &str) -> Reply {
    json(
        200,
        format!(r#"{{"id":"{ID}","state":"{state}","reference":{{"id":"{ID}"}}}}"#),
    )
}

/// Answers every call of the client with the smallest document that is valid.
fn small_answers(_: usize, request: &Seen) -> Reply {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v2/instance") => value!({"instances": []}),
        ("GET", "/v2/template") => value!({"templates": [{"id": ID, "name": "slow-app"}]}),
        ("GET", path) if path.starts_with("/v2/instance-pool/") => {
            value!({"id": ID, "size": 2, "state": "running"})
        }
        ("GET", path)
            if path.starts_with("/v2/load-balancer/")
                || path.starts_with("/v2/private-network/") =>
        {
            value!({"id": ID})
        }
        _ => value!({"id": ID, "state": "pending"}),
    };
    json(200, body.to_string())
}

fn now() -> u64 {
    jiff::Timestamp::now().as_second().try_into().unwrap()
}

/// What the API's description says, in the order of the test below.
const EXPECTED: [&str; 10] = [
    "GET /v2/instance-pool/ID",
    "GET /v2/instance",
    "GET /v2/load-balancer/ID",
    "GET /v2/private-network/ID",
    "GET /v2/operation/ID",
    "GET /v2/template",
    "PUT /v2/instance-pool/ID:scale",
    "PUT /v2/instance-pool/ID:evict",
    "POST /v2/template",
    "DELETE /v2/template/ID",
];

fn template() -> NewTemplate {
    NewTemplate {
        name: "slow-app".to_owned(),
        url: "https://images.example/slow-app.qcow2".to_owned(),
        checksum: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        ssh_key_enabled: true,
        password_enabled: false,
        boot_mode: BootMode::Uefi,
        default_user: "root".to_owned(),
    }
}

#[tokio::test]
async fn every_call_is_signed_and_goes_where_the_api_expects_it() {
    let server = Server::start(small_answers).await;
    let client = Client::new(server.config()).unwrap();
    let balancer = LoadBalancerId(pool_id().0);
    client.get_instance_pool(pool_id()).await.unwrap();
    client.list_pool_members(pool_id()).await.unwrap();
    client.get_load_balancer(balancer).await.unwrap();
    let network = PrivateNetworkId(pool_id().0);
    client.get_private_network(network).await.unwrap();
    client
        .get_operation(OperationId(pool_id().0))
        .await
        .unwrap();
    let templates = client.list_registered_templates().await.unwrap();
    assert_eq!(templates[0].name, "slow-app");
    client.scale_instance_pool(pool_id(), 3).await.unwrap();
    client
        .evict_instance_pool_members(pool_id(), &[InstanceId(pool_id().0)])
        .await
        .unwrap();
    client.register_template(&template()).await.unwrap();
    client
        .delete_template(TemplateId(pool_id().0))
        .await
        .unwrap();

    let seen = server.seen();
    let lines: Vec<String> = seen
        .iter()
        .map(|s| format!("{} {}", s.method, s.path))
        .collect();
    assert_eq!(lines, EXPECTED.map(|line| line.replace("ID", ID)));
    for request in &seen {
        assert_eq!(
            request.verify(now()),
            Ok(KEY),
            "{} {}",
            request.method,
            request.path
        );
    }
    let body = |n: usize| serde_json::from_slice::<Value>(&seen[n].body).unwrap();
    assert_eq!(body(6), value!({"size": 3}));
    assert_eq!(body(7), value!({"instances": [ID]}));
    assert_eq!(body(8)["boot-mode"], "uefi");

    let counted = client.calls();
    assert_eq!(
        counted.len(),
        ApiCall::ALL.len(),
        "each operation was called"
    );
    assert!(
        counted
            .iter()
            .all(|entry| entry.count == 1 && entry.outcome == Outcome::Ok)
    );
    assert_eq!(server.connections(), 1, "calls share a connection");
}

#[tokio::test]
async fn query_arguments_are_signed_and_the_signature_lasts_ten_minutes() {
    let server = Server::start(small_answers).await;
    let client = Client::new(server.config()).unwrap();
    client.list_pool_members(pool_id()).await.unwrap();

    let seen = &server.seen()[0];
    assert_eq!(
        seen.query,
        format!("manager-id={ID}&manager-type=instance-pool")
    );
    let header = seen.authorization.as_deref().unwrap();
    assert!(
        header.contains(",signed-query-args=manager-id;manager-type,"),
        "{header}"
    );
    assert_eq!(seen.verify(now() + 590 - 60), Ok(KEY));
    assert!(matches!(
        seen.verify(now() + 601),
        Err(SignatureError::Expired { .. })
    ));

    let mut changed = seen.clone();
    changed.query = changed.query.replace("3f4d", "3f4e");
    assert_eq!(changed.verify(now()), Err(SignatureError::WrongSignature));
}

#[tokio::test]
async fn a_thousand_members_come_in_one_call() {
    let members: Vec<Value> = (0..1000)
        .map(|n| {
            value!({
                "id": InstanceId::random(),
                "name": format!("pool-{n}"),
                "state": "running",
                "created-at": "2026-11-24T10:00:00Z",
                "public-ip": format!("127.1.{}.{}", n / 250, n % 250 + 1),
                "security-groups": [{"id": ID}],
                "template": {"id": ID, "name": "slow-app"},
                "manager": {"id": ID, "type": "instance-pool"},
            })
        })
        .collect();
    let body = value!({"instances": members}).to_string();
    let server = Server::start(move |_, _| json(200, body.clone())).await;
    let client = Client::new(server.config()).unwrap();

    let listed = client.list_pool_members(pool_id()).await.unwrap();
    assert_eq!(listed.len(), 1000);
    assert!(
        listed
            .iter()
            .all(|member| member.public_ip.is_some() && member.created_at.is_some())
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn unknown_fields_and_states_are_tolerated() {
    let server = Server::start(|_, request| {
        json(200, if request.path.contains("instance-pool") {
            format!(r#"{{"id":"{ID}","size":2,"state":"reticulating","min-available":1,"x":[{{}}]}}"#)
        } else {
            format!(r#"{{"instances":[{{"id":"{ID}","state":"dreaming","new":{{"a":null}}}}],"page":1}}"#)
        })
    })
    .await;
    let client = Client::new(server.config()).unwrap();
    let pool = client.get_instance_pool(pool_id()).await.unwrap();
    assert_eq!(pool.state, PoolState::Other("reticulating".into()));
    let members = client.list_pool_members(pool_id()).await.unwrap();
    assert_eq!(members[0].state, InstanceState::Other("dreaming".into()));
    assert_eq!(members[0].public_ip, None);
}

#[tokio::test]
async fn a_document_without_its_core_is_malformed_and_never_an_empty_list() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "<html>",
        r#"{"instances":[{}]}"#,
        r#"{"size":2"#,
    ] {
        let server = Server::start(move |_, _| json(200, body)).await;
        let client = Client::new(server.config()).unwrap();
        let pool = client.get_instance_pool(pool_id()).await.unwrap_err();
        assert!(
            matches!(pool.kind, ErrorKind::Malformed { .. }),
            "{body}: {pool}"
        );
        let members = client.list_pool_members(pool_id()).await.unwrap_err();
        assert!(
            matches!(members.kind, ErrorKind::Malformed { .. }),
            "{body}: {members}"
        );
        assert!(!members.is_ambiguous() && !members.is_retryable());
        assert_eq!(server.seen().len(), 2, "a read of nonsense is not repeated");
    }
}

fn pending() -> Operation {
    serde_json::from_value(value!({"id": ID, "state": "pending"})).unwrap()
}

#[tokio::test]
async fn waiting_ends_with_the_operation_and_sits_out_passing_trouble() {
    let server = Server::start(|n, _| match n {
        0 => operation("pending"),
        1..=3 => json(503, r#"{"message":"maintenance"}"#),
        4 => Reply::Close,
        5 => operation("some-new-state"),
        _ => operation("success"),
    })
    .await;
    let client = Client::new(server.config()).unwrap();
    let ended = client
        .wait(pending(), Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!(ended.state, OperationState::Success);
    assert_eq!(server.seen().len(), 7);

    // One that has ended needs no call.
    client.wait(ended, Duration::from_secs(20)).await.unwrap();
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn a_failed_operation_says_why() {
    let server = Server::start(|_, _| {
        let body = value!({"id": ID, "state": "failure", "reason": "unavailable", "message": "No\ncapacity"});
        json(200, body.to_string())
    })
    .await;
    let client = Client::new(server.config()).unwrap();
    let error = client
        .wait(pending(), Duration::from_secs(20))
        .await
        .unwrap_err();
    let expected = ErrorKind::OperationFailed {
        reason: "unavailable".into(),
        message: "No capacity".into(),
    };
    assert_eq!(error.kind, expected);
    assert!(error.is_capacity() && !error.is_ambiguous());
}

#[tokio::test]
async fn waiting_for_an_operation_without_end_is_ambiguous() {
    let server = Server::start(|_, _| operation("pending")).await;
    let client = Client::new(server.config()).unwrap();
    let error = client
        .wait(pending(), Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TimedOut { .. }), "{error}");
    assert!(error.is_ambiguous());

    let server = Server::start(|_, _| Reply::Hang).await;
    let client = Client::new(server.config()).unwrap();
    let error = client
        .wait(pending(), Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(
        error.is_ambiguous(),
        "the limit also holds while a request hangs"
    );
}

#[tokio::test]
async fn an_operation_that_is_unknown_ends_the_wait() {
    let server = Server::start(|_, _| json(404, r#"{"message":"Not Found"}"#)).await;
    let client = Client::new(server.config()).unwrap();
    let error = client
        .wait(pending(), Duration::from_secs(20))
        .await
        .unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NotFound { .. }), "{error}");
}
