//! What the client makes of refusals: those that pass, those that say that nothing is left, those
//! after which nothing was changed, and those that ask it to stay away for a while.

use std::{num::NonZeroU32, time::Duration};

use exoscale::{
    Backoff, Client, ClientConfig, ClientError, ErrorKind,
    ids::{LoadBalancerId, OperationId, PoolId},
    models::{Operation, OperationState},
};

use crate::support::{Reply, Seen, Server, config, json, was_sent};

const ID: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
const OPERATION: &str = r#"{"id":"3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e","state":"pending"}"#;

fn pool_id() -> PoolId {
    ID.parse().unwrap()
}

/// A client that tries each call once.
fn once(server: &Server) -> Client {
    let config = ClientConfig {
        retries: 0,
        request_timeout: Duration::from_millis(500),
        ..server.config()
    };
    Client::new(config).unwrap()
}

fn good(request: &Seen) -> Reply {
    match request.path.as_str() {
        "/v2/instance" => json(200, r#"{"instances":[]}"#),
        _ if request.method == "GET" => json(
            200,
            format!(r#"{{"id":"{ID}","size":2,"state":"running"}}"#),
        ),
        _ => json(200, OPERATION),
    }
}

fn message(text: &str) -> String {
    serde_json::json!({ "message": text }).to_string()
}

/// How a scale-out fails against a server that answers so.
async fn failure(reply: Reply) -> ClientError {
    let server = Server::start(move |_, _| reply.clone()).await;
    let scaled = once(&server).scale_instance_pool(pool_id(), 3).await;
    scaled.expect_err("it was refused")
}

#[tokio::test]
async fn a_lock_passes_and_is_no_missing_right() {
    for (status, text) in [
        (
            403,
            "Operation scaleInstancePool on resource 0c1b is forbidden - reason: Locked by NLB 0c1c",
        ),
        (403, "LOCKED BY: sks-nodepool 0c1c"),
        (
            403,
            "operation scaleInstancePool on resource 0c1b is locked",
        ),
        (423, "in maintenance"),
        (409, "busy"),
    ] {
        let error = failure(json(status, message(text))).await;
        assert!(
            matches!(error.kind, ErrorKind::Conflict { .. }),
            "{status} {text}: {error:?}"
        );
        assert!(error.is_retryable() && !error.is_capacity(), "{text}");
        assert!(!error.to_string().contains("IAM role"), "{error}");
    }
    let error = failure(json(403, message("Request blocked by the role's policy"))).await;
    assert!(matches!(error.kind, ErrorKind::Unauthorized { .. }));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_lack_is_told_by_what_is_said_whatever_the_status() {
    for text in [
        "Maximum number of instances exceeded",
        "No hypervisor available for this instance type",
        "The anti-affinity group is full",
    ] {
        for status in [400, 402, 403, 406, 409, 412, 422] {
            // Errors come as the API's own document and as RFC 9457's.
            for field in ["message", "error", "detail", "title"] {
                let body = serde_json::json!({ field: text }).to_string();
                let error = failure(json(status, body)).await;
                assert!(
                    error.is_capacity() && !error.is_retryable(),
                    "{status} {field} {text}: {error:?}"
                );
            }
        }
    }
    for (status, text) in [
        (400, "invalid size"),
        (413, "request body exceeds limit"),
        (429, "rate limit exceeded: 30 instances"),
        (403, "Insufficient permissions to scale the instance pool"),
    ] {
        let error = failure(json(status, message(text))).await;
        assert!(!error.is_capacity(), "{status} {text}: {error:?}");
    }
}

#[tokio::test]
async fn a_failed_operation_tells_lack_and_lock_too() {
    let ended = async |reason: &str, text: &str| {
        let server = Server::start(|_, request| good(request)).await;
        let operation = Operation {
            id: OperationId::random(),
            state: OperationState::Failure,
            reason: Some(reason.to_owned()),
            message: Some(text.to_owned()),
            reference: None,
        };
        let waited = once(&server).wait(operation, Duration::from_secs(5)).await;
        waited.expect_err("it failed")
    };
    for (reason, text) in [
        ("unavailable", ""),
        ("fault", "no suitable host found"),
        ("conflict", "anti-affinity group 0c1b is full"),
        ("forbidden", "Maximum number of instances exceeded"),
        ("partial", "quota exceeded"),
    ] {
        assert!(ended(reason, text).await.is_capacity(), "{reason} {text}");
    }
    let locked = ended("forbidden", "Locked by NLB 0c1c").await;
    assert!(locked.is_retryable() && !locked.is_capacity());
    for (reason, text) in [("incorrect", "invalid size"), ("fault", "internal error")] {
        let error = ended(reason, text).await;
        assert!(!error.is_capacity() && !error.is_retryable(), "{error}");
        assert!(!error.is_certainly_not_applied(), "the order was taken");
    }
}

#[tokio::test]
async fn an_order_that_was_taken_stays_in_doubt_when_its_operation_cannot_be_read() {
    for status in [401, 403, 404, 400] {
        let server = Server::start(move |_, request| {
            if request.path.starts_with("/v2/operation/") {
                json(status, message("no"))
            } else {
                good(request)
            }
        })
        .await;
        let client = once(&server);
        let operation = client.scale_instance_pool(pool_id(), 3).await.unwrap();
        let error = client
            .wait(operation, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(error.is_ambiguous(), "{status}: {error}");
        assert!(!error.is_certainly_not_applied(), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_write_that_certainly_did_nothing_says_so() {
    for status in [400, 401, 402, 403, 404, 409, 412, 422, 423, 429] {
        let error = failure(json(status, message("no"))).await;
        assert!(error.is_certainly_not_applied(), "{status}: {error}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v2", listener.local_addr().unwrap());
    drop(listener);
    let nobody = Client::new(config(&endpoint)).unwrap();
    let error = nobody.scale_instance_pool(pool_id(), 3).await.unwrap_err();
    assert!(error.is_certainly_not_applied(), "{error}");

    for reply in [
        Reply::Close,
        Reply::Cut,
        Reply::Hang,
        json(200, "not json"),
        json(408, message("timeout")),
        json(500, message("internal")),
        json(502, "<html>"),
        Reply::Answer(503, "retry-after: 1\r\n", message("maintenance")),
        json(504, "{}"),
    ] {
        let shown = format!("{reply:?}");
        let error = failure(reply).await;
        assert!(!error.is_certainly_not_applied(), "{shown}: {error}");
    }
}

/// Every kind of call, by a clone and an urgent one.
async fn try_everything(client: &Client) -> Vec<ClientError> {
    let balancer = LoadBalancerId(pool_id().0);
    let mut errors = Vec::new();
    for client in [client.clone(), client.urgent()] {
        errors.extend(client.get_instance_pool(pool_id()).await.err());
        errors.extend(client.list_pool_members(pool_id()).await.err());
        errors.extend(client.get_load_balancer(balancer).await.err());
        errors.extend(client.get_operation(OperationId::random()).await.err());
        errors.extend(client.scale_instance_pool(pool_id(), 3).await.err());
        errors.extend(
            client
                .evict_instance_pool_members(pool_id(), &[])
                .await
                .err(),
        );
    }
    errors
}

#[tokio::test]
async fn a_time_to_come_back_holds_for_every_call_of_the_client() {
    for status in [429, 503] {
        let server = Server::start(move |n, request| match n {
            0 => Reply::Answer(status, "retry-after: 120\r\n", String::new()),
            _ => good(request),
        })
        .await;
        let client = Client::new(server.config()).unwrap();
        let first = client.list_pool_members(pool_id()).await.unwrap_err();
        assert_eq!(first.retry_after(), Some(Duration::from_secs(120)));

        let errors = try_everything(&client).await;
        assert_eq!(server.seen().len(), 1, "{status}: nothing was sent");
        assert_eq!(errors.len(), 12, "each call failed");
        for error in errors {
            let left = error.retry_after().expect("it says when to come back");
            assert!(left > Duration::from_secs(60) && left <= Duration::from_secs(120));
            assert!(error.is_retryable() && error.is_certainly_not_applied());
            assert!(error.to_string().contains("asked for a pause"), "{error}");
        }
        let paused = client.calls().into_iter().filter(|e| !was_sent(e.outcome));
        assert_eq!(paused.map(|entry| entry.count).sum::<u64>(), 12);
    }
}

#[tokio::test]
async fn a_pause_ends_when_it_was_said_to() {
    let server = Server::start(|n, request| match n {
        0 => Reply::Answer(429, "retry-after: 1\r\n", String::new()),
        _ => good(request),
    })
    .await;
    let client = once(&server);
    client.get_instance_pool(pool_id()).await.unwrap_err();
    let error = client.get_instance_pool(pool_id()).await.unwrap_err();
    tokio::time::sleep(error.retry_after().unwrap()).await;
    client.get_instance_pool(pool_id()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn without_a_time_a_refused_client_backs_off_as_a_whole() {
    let server = Server::start(|_, _| json(429, "{}")).await;
    let minute = Backoff {
        base: Duration::from_secs(60),
        cap: Duration::from_secs(600),
    };
    let client = Client::new(ClientConfig {
        backoff: minute,
        ..server.config()
    })
    .unwrap();
    client.list_pool_members(pool_id()).await.unwrap_err();
    let errors = try_everything(&client).await;
    assert_eq!((server.seen().len(), errors.len()), (1, 12));
    let left = errors[0].retry_after().expect("a time of its own");
    assert!(left > Duration::from_secs(10) && left <= minute.base);
}

#[tokio::test]
async fn waiting_for_an_operation_outlasts_a_pause() {
    let server = Server::start(|n, request| match n {
        0 => Reply::Answer(503, "retry-after: 1\r\n", String::new()),
        _ if request.path.starts_with("/v2/operation/") => {
            json(200, OPERATION.replace("pending", "success"))
        }
        _ => good(request),
    })
    .await;
    let operation: Operation = serde_json::from_str(OPERATION).unwrap();
    let ended = once(&server).wait(operation, Duration::from_secs(30)).await;
    assert_eq!(ended.unwrap().state, OperationState::Success);
}

#[tokio::test]
async fn a_pause_costs_no_budget_and_a_spent_budget_has_its_own_kind() {
    let server = Server::start(|n, request| match n {
        0 => Reply::Answer(429, "retry-after: 1\r\n", String::new()),
        _ => good(request),
    })
    .await;
    let client = Client::new(ClientConfig {
        retries: 0,
        // Two at once.
        budget_per_minute: NonZeroU32::new(6),
        ..server.config()
    })
    .unwrap();
    client.get_instance_pool(pool_id()).await.unwrap_err();
    let mut left = Duration::ZERO;
    for _ in 0..10 {
        let error = client.get_instance_pool(pool_id()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Paused { .. }), "{error:?}");
        left = error.retry_after().unwrap();
    }
    tokio::time::sleep(left).await;
    client.get_instance_pool(pool_id()).await.unwrap();
    let spent = loop {
        if let Err(error) = client.scale_instance_pool(pool_id(), 3).await {
            break error;
        }
    };
    assert!(matches!(spent.kind, ErrorKind::BudgetExhausted { .. }));
    assert!(spent.is_certainly_not_applied() && spent.is_retryable());
}

#[tokio::test]
async fn a_refused_key_is_probed_now_and_then_and_an_operation_by_itself() {
    let minute = Duration::from_secs(60);
    for status in [401, 403] {
        let server = Server::start(move |_, request| match request.path.as_str() {
            "/v2/instance" => json(status, message("no")),
            _ => good(request),
        })
        .await;
        let client = Client::new(ClientConfig {
            probe_refused_after: minute,
            ..server.config()
        })
        .unwrap();
        client.list_pool_members(pool_id()).await.unwrap_err();
        let errors = try_everything(&client).await;
        let said = |error: &ClientError| {
            let kind = &error.kind;
            matches!(kind, ErrorKind::Unauthorized { status: s, .. } if *s == status)
        };
        assert!(errors.iter().all(said), "{errors:?}");
        // An unknown key is refused whatever it asks for, a role for what it lacks.
        let refused = if status == 401 { 12 } else { 2 };
        assert_eq!(errors.len(), refused, "{status}");
        assert_eq!(server.seen().len(), 1 + 12 - refused, "{status}");
        assert!(errors.iter().all(ClientError::is_certainly_not_applied));
    }
}

#[tokio::test]
async fn a_key_that_is_allowed_again_is_found_by_a_probe() {
    let server = Server::start(|n, request| match n {
        0..=2 => json(401, message("no")),
        _ => good(request),
    })
    .await;
    let client = Client::new(ClientConfig {
        probe_refused_after: Duration::from_millis(50),
        ..server.config()
    })
    .unwrap();
    while client.get_instance_pool(pool_id()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.seen().len(), 4);
    assert!(try_everything(&client).await.is_empty());
}
