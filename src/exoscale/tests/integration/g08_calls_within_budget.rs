//! G8, the client's part: calls stay within the budget, whoever makes them and whatever fails, and
//! a scale-out is not starved by routine reads.

use std::num::NonZeroU32;

use exoscale::{Client, ClientConfig, ErrorKind, calls::Outcome, ids::PoolId};
use futures_util::future::join_all;

use crate::support::{Reply, Seen, Server, json, was_sent};

const LIMIT: u32 = 30;

fn answer(request: &Seen) -> Reply {
    let id = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    if request.method == "GET" {
        json(
            200,
            format!(r#"{{"id":"{id}","size":2,"state":"running"}}"#),
        )
    } else {
        json(200, format!(r#"{{"id":"{id}","state":"pending"}}"#))
    }
}

fn client(server: &Server, limit: u32) -> Client {
    let budget_per_minute = NonZeroU32::new(limit);
    Client::new(ClientConfig {
        budget_per_minute,
        ..server.config()
    })
    .unwrap()
}

#[tokio::test]
async fn a_flood_through_many_clones_stays_within_the_budget() {
    let server = Server::start(|_, request| answer(request)).await;
    let client = client(&server, LIMIT);
    let calls = (0..500).map(|_| {
        let client = client.clone();
        async move { client.get_instance_pool(PoolId::random()).await }
    });
    let results = join_all(calls).await;

    let sent = server.seen().len();
    assert!(sent > 0 && sent <= LIMIT as usize, "{sent} requests");
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), sent);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(
            matches!(error.kind, ErrorKind::BudgetExhausted { .. }),
            "{error}"
        );
        assert!(
            error
                .retry_after()
                .is_some_and(|wait| !wait.is_zero() && wait.as_secs() < 60)
        );
        assert!(error.is_retryable() && !error.is_ambiguous());
    }
    let counted: u64 = client
        .calls()
        .iter()
        .filter(|e| was_sent(e.outcome))
        .map(|e| e.count)
        .sum();
    assert_eq!(counted, sent as u64, "the counts agree with the wire");
}

#[tokio::test]
async fn a_scale_out_has_calls_left_when_reads_have_none() {
    let server = Server::start(|_, request| answer(request)).await;
    // Six at once, two of them reserved; the next comes after 4.6 s.
    let client = client(&server, 18);
    while client.get_instance_pool(PoolId::random()).await.is_ok() {}
    assert!(
        client
            .scale_instance_pool(PoolId::random(), 3)
            .await
            .is_err()
    );

    let urgent = client.urgent();
    urgent.get_instance_pool(PoolId::random()).await.unwrap();
    urgent
        .scale_instance_pool(PoolId::random(), 3)
        .await
        .unwrap();
    assert!(server.seen().len() <= 18);
}

#[tokio::test]
async fn retries_come_out_of_the_same_budget() {
    let server = Server::start(|_, _| json(503, r#"{"message":"maintenance"}"#)).await;
    let budget_per_minute = NonZeroU32::new(LIMIT);
    let config = ClientConfig {
        retries: 1000,
        budget_per_minute,
        ..server.config()
    };
    let client = Client::new(config).unwrap();
    let error = client
        .get_instance_pool(PoolId::random())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Api { status: 503, .. }),
        "the cause, not the budget: {error}"
    );
    let sent = server.seen().len();
    assert!(sent > 1 && sent <= LIMIT as usize, "{sent} requests");
    assert!(
        client
            .calls()
            .iter()
            .any(|e| e.outcome == Outcome::OverBudget)
    );
}
