//! Draining: who may ask for it, and what changes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::instance::{Instance, PATIENCE, client};

#[tokio::test]
async fn a_drain_that_nobody_renews_ends() {
    let instance = Instance::start(&["--drain-lease", "200ms"]).await;
    instance.request(Method::POST, "/drain").await;
    let served = async { while instance.get("/health").await.status() != StatusCode::OK {} };
    time::timeout(PATIENCE, served).await.expect("it serves on");
}

#[tokio::test]
async fn a_draining_instance_serves_on_but_sends_clients_away() {
    let instance = Instance::start(&["--workers", "1"]).await;
    let request = instance.get_later("/?ms=1000");
    instance.until_in_flight(1.0).await;

    for _ in 0..2 {
        let response = instance.request(Method::POST, "/drain").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.json::<Value>().await.expect("JSON"),
            json!({"draining": true, "in_flight": 1})
        );
    }
    let health = instance.get("/health").await;
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.headers()["connection"], "close");

    let answer = request
        .await
        .expect("no panic")
        .expect("work in flight is finished");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(
        instance.get("/?ms=1").await.status(),
        StatusCode::OK,
        "late requests are served"
    );
    let drained = async { while in_flight(&instance).await != 0 {} };
    time::timeout(PATIENCE, drained)
        .await
        .expect("a caller can wait for 0");

    let response = instance.request(Method::DELETE, "/drain").await;
    assert_eq!(
        response.json::<Value>().await.expect("JSON"),
        json!({"draining": false, "in_flight": 0})
    );
    let health = instance.get("/health").await;
    assert_eq!(health.status(), StatusCode::OK);
    assert!(!health.headers().contains_key("connection"));
}

#[tokio::test]
async fn an_open_connection_is_closed_after_its_next_answer() {
    let instance = Instance::start(&[]).await;
    let mut connection = TcpStream::connect(instance.address)
        .await
        .expect("it listens");
    let request = b"GET /?ms=1 HTTP/1.1\r\nhost: slow-app\r\n\r\n";
    connection.write_all(request).await.expect("sent");
    let mut buffer = [0; 2048];
    let first = connection.read(&mut buffer).await.expect("an answer");
    assert!(!String::from_utf8_lossy(&buffer[..first]).contains("connection: close"));

    instance.request(Method::POST, "/drain").await;
    connection
        .write_all(request)
        .await
        .expect("the connection is still open");
    let mut answer = String::new();
    let to_the_end = connection.read_to_string(&mut answer);
    time::timeout(PATIENCE, to_the_end)
        .await
        .expect("the server closes it")
        .expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn with_a_token_even_loopback_must_show_it() {
    let instance = Instance::start(&["--drain-token", "hush"]).await;
    let client = client();
    for method in [Method::POST, Method::DELETE] {
        let wrong = [
            None,
            Some("Bearer hus"),
            Some("Bearer hush2"),
            Some("Basic hush"),
        ];
        for header in wrong {
            let mut request = client.request(method.clone(), instance.url("/drain"));
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let response = request.send().await.expect("an answer");
            assert_eq!(
                response.status(),
                StatusCode::UNAUTHORIZED,
                "{method} {header:?}"
            );
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(
        instance.get("/health").await.status(),
        StatusCode::OK,
        "nothing has changed"
    );
    let right = client
        .post(instance.url("/drain"))
        .bearer_auth("hush")
        .send()
        .await
        .expect("an answer");
    assert_eq!(right.status(), StatusCode::OK);
    assert_eq!(
        instance.get("/health").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

async fn in_flight(instance: &Instance) -> u64 {
    let report: Value = instance
        .request(Method::POST, "/drain")
        .await
        .json()
        .await
        .expect("JSON");
    report["in_flight"].as_u64().expect("a number")
}
