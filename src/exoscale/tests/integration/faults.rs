//! What the client does when the API fails: what it repeats, what it never repeats, and what its
//! errors say.

use std::time::{Duration, Instant};

use exoscale::{
    Client, ClientConfig, ErrorKind,
    calls::{ApiCall, Outcome},
    ids::PoolId,
};

use tokio::time::timeout;

use crate::support::{KEY, Reply, SECRET, Server, config, json};

/// Longer than anything takes on a busy machine; only failures wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

const ID: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
const POOL: &str = r#"{"id":"3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e","size":2,"state":"running"}"#;
const OPERATION: &str = r#"{"id":"3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e","state":"pending"}"#;

fn pool_id() -> PoolId {
    ID.parse().unwrap()
}

fn client(server: &Server) -> Client {
    Client::new(server.config()).unwrap()
}

/// A client that gives up on a request after a quarter of a second.
fn impatient(server: &Server) -> Client {
    let request_timeout = Duration::from_millis(250);
    Client::new(ClientConfig {
        request_timeout,
        ..server.config()
    })
    .unwrap()
}

fn count(client: &Client, call: ApiCall, outcome: Outcome) -> u64 {
    let entries = client.calls();
    entries
        .iter()
        .find(|e| e.call == call && e.outcome == outcome)
        .map_or(0, |e| e.count)
}

#[tokio::test]
async fn a_read_is_repeated_through_passing_faults() {
    let faults = [
        json(500, r#"{"message":"oops"}"#),
        Reply::Answer(502, "", "<html>".into()),
        Reply::Close,
        Reply::Cut,
        json(429, "{}"),
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        let server = Server::start(move |n, _| {
            if n < 2 {
                fault.clone()
            } else {
                json(200, POOL)
            }
        })
        .await;
        let client = client(&server);
        let pool = client.get_instance_pool(pool_id()).await;
        assert_eq!(
            pool.map(|p| p.size).map_err(|e| e.to_string()),
            Ok(2),
            "{shown}"
        );
        assert_eq!(server.seen().len(), 3, "{shown}");
        assert_eq!(count(&client, ApiCall::GetInstancePool, Outcome::Ok), 1);
    }
}

#[tokio::test]
async fn a_read_gives_up_after_its_retries() {
    let server = Server::start(|_, _| json(503, r#"{"message":"maintenance"}"#)).await;
    let client = client(&server);
    let error = client.get_instance_pool(pool_id()).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Api {
            status: 503,
            message: "maintenance".into()
        }
    );
    assert!(error.is_retryable() && !error.is_ambiguous());
    assert_eq!(server.seen().len(), 3);
    assert_eq!(
        count(&client, ApiCall::GetInstancePool, Outcome::ServerError),
        3
    );
}

#[tokio::test]
async fn a_refusal_is_never_repeated() {
    for status in [400, 401, 403, 404, 409, 412, 422] {
        let server = Server::start(move |_, _| json(status, r#"{"message":"no"}"#)).await;
        let client = client(&server);
        let read = client.get_instance_pool(pool_id()).await.unwrap_err();
        let write = client.scale_instance_pool(pool_id(), 3).await.unwrap_err();
        assert!(!read.is_ambiguous() && !write.is_ambiguous(), "{status}");
        assert_eq!(server.seen().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn the_error_for_a_restricted_key_names_the_operation_to_allow() {
    let server = Server::start(|_, _| json(403, r#"{"message":"Forbidden"}"#)).await;
    let error = client(&server)
        .list_pool_members(pool_id())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("'list-instances'") && text.contains("127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn used_up_quota_is_told_from_a_missing_right() {
    let server = Server::start(|_, _| json(403, r#"{"message":"Quota exceeded: instance"}"#)).await;
    let error = client(&server)
        .scale_instance_pool(pool_id(), 3)
        .await
        .unwrap_err();
    assert!(
        error.is_capacity() && !error.is_retryable() && !error.is_ambiguous(),
        "{error}"
    );
}

#[tokio::test]
async fn a_rate_limited_write_is_repeated_after_the_time_asked_for() {
    let server = Server::start(|n, _| match n {
        0 => Reply::Answer(429, "retry-after: 1\r\n", String::new()),
        _ => json(200, OPERATION),
    })
    .await;
    let client = client(&server);
    let started = Instant::now();
    client.scale_instance_pool(pool_id(), 3).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.seen().len(), 2);
    assert_eq!(
        count(&client, ApiCall::ScaleInstancePool, Outcome::RateLimited),
        1
    );
}

#[tokio::test]
async fn a_longer_wait_than_the_deadline_is_left_to_the_caller() {
    let server =
        Server::start(|_, _| Reply::Answer(429, "retry-after: 120\r\n", String::new())).await;
    let error = client(&server)
        .get_instance_pool(pool_id())
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert!(error.is_retryable());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_whose_outcome_is_unknown_is_not_repeated() {
    let faults = [
        Reply::Close,
        Reply::Cut,
        Reply::Hang,
        Reply::Drip,
        Reply::Answer(500, "", "<html>".into()),
        Reply::Answer(502, "", r#"{"message":"bad gateway"}"#.into()),
        Reply::Answer(503, "", String::new()),
        Reply::Answer(504, "", String::new()),
        json(200, "not json"),
        json(200, "{}"),
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        let server = Server::start(move |_, _| fault.clone()).await;
        let error = impatient(&server)
            .scale_instance_pool(pool_id(), 3)
            .await
            .unwrap_err();
        assert!(
            error.is_ambiguous() && !error.is_retryable(),
            "{shown}: {error}"
        );
        assert!(error.to_string().contains("may have been made"), "{error}");
        assert_eq!(server.seen().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_write_that_the_api_itself_failed_is_certain_and_not_repeated() {
    let server = Server::start(|_, _| json(500, r#"{"message":"internal"}"#)).await;
    let error = client(&server)
        .scale_instance_pool(pool_id(), 3)
        .await
        .unwrap_err();
    assert!(!error.is_ambiguous() && error.is_retryable(), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_meets_a_closing_connection_is_never_made_twice() {
    for _ in 0..20 {
        let server = Server::start(|_, request| {
            Reply::AnswerAndClose(
                if request.method == "GET" {
                    POOL
                } else {
                    OPERATION
                }
                .to_owned(),
            )
        })
        .await;
        let client = client(&server);
        client.get_instance_pool(pool_id()).await.unwrap();
        // The kept connection is closing: the write finds that out in time, or it is in doubt.
        let written = client.scale_instance_pool(pool_id(), 3).await;
        let writes = server
            .seen()
            .iter()
            .filter(|request| request.method == "PUT")
            .count();
        match written {
            Ok(_) => assert_eq!(writes, 1),
            Err(error) => assert!(error.is_ambiguous() && writes <= 1, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_write_without_a_connection_is_certain_and_is_tried_again() {
    // A port that was free a moment ago, and a name that has no address.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap().to_string();
    drop(listener);
    for host in [free, format!("{}.invalid", "a".repeat(64))] {
        let client = Client::new(config(&format!("http://{host}/v2"))).unwrap();
        let error = client.scale_instance_pool(pool_id(), 3).await.unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Unreachable { .. }),
            "{error}"
        );
        assert!(error.is_retryable() && !error.is_ambiguous());
        assert_eq!(
            count(&client, ApiCall::ScaleInstancePool, Outcome::Unreachable),
            3
        );
    }
}

#[tokio::test]
async fn a_read_that_hangs_or_drips_times_out() {
    for fault in [Reply::Hang, Reply::Drip] {
        let server = Server::start(move |_, _| fault.clone()).await;
        let client = impatient(&server);
        let error = client.get_instance_pool(pool_id()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::TimedOut { .. }), "{error}");
        assert!(error.is_retryable() && !error.is_ambiguous());
        assert_eq!(
            count(&client, ApiCall::GetInstancePool, Outcome::TimedOut),
            3
        );
    }
}

#[tokio::test]
async fn one_deadline_holds_for_a_call_with_all_its_retries() {
    let server = Server::start(|_, _| json(503, "{}")).await;
    let config = ClientConfig {
        retries: u32::MAX,
        call_deadline: Duration::from_secs(1),
        ..server.config()
    };
    let client = Client::new(config).unwrap();
    // Without a deadline the retries would never end.
    let ended = timeout(PATIENCE, client.get_instance_pool(pool_id())).await;
    let error = ended.expect("it ends").unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Api { status: 503, .. }),
        "{error}"
    );
    assert!(server.seen().len() > 1);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let long = format!("[{}]", "0,".repeat(2000));
    let server = Server::start(move |_, _| json(200, long.clone())).await;
    let config = ClientConfig {
        max_body: 1000,
        ..server.config()
    };
    let error = Client::new(config)
        .unwrap()
        .get_instance_pool(pool_id())
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Malformed {
            detail: "longer than 1000 bytes".into()
        }
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server =
        Server::start(|_, _| Reply::Answer(307, "location: /v2/elsewhere\r\n", String::new()))
            .await;
    let error = client(&server)
        .get_instance_pool(pool_id())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Api { status: 307, .. }),
        "{error}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn no_text_holds_the_secret_or_a_signature() {
    let faults = [
        Reply::Close,
        Reply::Cut,
        json(200, "nonsense"),
        json(401, "{}"),
        json(403, "{}"),
        json(500, "{}"),
    ];
    for fault in faults {
        let server = Server::start(move |_, _| fault.clone()).await;
        let client = client(&server);
        let error = client.scale_instance_pool(pool_id(), 3).await.unwrap_err();
        let text = format!(
            "{error} {error:?} {client:?} {:?} {:?}",
            server.config(),
            client.calls()
        );
        assert!(
            !text.contains(SECRET) && !text.contains("signature="),
            "{text}"
        );
        assert!(text.contains(KEY), "the key's name is no secret, and helps");
        assert!(
            error
                .to_string()
                .starts_with("scale-instance-pool at 127.0.0.1:"),
            "{error}"
        );
    }
}
