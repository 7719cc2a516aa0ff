//! What the client takes from its environment: proxies and CA certificates.
//!
//! Each case runs this test program again with the environment under test, since a process must
//! not change its own.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use exoscale::{Client, ClientConfig, ids::PoolId};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
};

use crate::support::{Reply, Server, config, json, secret};

/// Names the endpoint to call, and so tells a child from the test run itself.
const ENDPOINT: &str = "CLIENT_TEST_ENDPOINT";

/// A CA certificate that nobody uses: TLS cannot be set up with none at all.
fn ca_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/integration/ca.pem")
}

async fn run_child(endpoint: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "environment::child_process", "--nocapture"])
        .env(ENDPOINT, endpoint);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.output().await.unwrap()
}

/// The child: makes one write and prints what came of it. In an ordinary run it does nothing.
#[tokio::test]
async fn child_process() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let settings = if endpoint == "at-vie-1" {
        ClientConfig::for_zone(&endpoint, "EXO1".parse().unwrap(), secret()).unwrap()
    } else {
        config(&endpoint)
    };
    match Client::new(ClientConfig {
        retries: 0,
        ..settings
    }) {
        Err(error) => println!("no client: {error}"),
        Ok(client) => match client.scale_instance_pool(PoolId::random(), 1).await {
            Ok(_) => println!("scaled"),
            Err(error) => println!("ambiguous={} {error}", error.is_ambiguous()),
        },
    }
}

#[tokio::test]
async fn an_https_endpoint_is_reached_through_the_proxy_that_the_environment_names() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let first_line = tokio::spawn(async move {
        let (stream, _) = proxy.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        line
    });
    let ca = ca_file();
    let environment = [
        ("HTTPS_PROXY", address.as_str()),
        ("SSL_CERT_FILE", ca.to_str().unwrap()),
    ];
    let output = run_child("at-vie-1", &environment).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("scale-instance-pool at api-at-vie-1.exoscale.com: unreachable"),
        "{text}"
    );
    assert!(
        text.contains("ambiguous=false"),
        "a refusing proxy let nothing through: {text}"
    );
    assert_eq!(
        first_line.await.unwrap(),
        "CONNECT api-at-vie-1.exoscale.com:443 HTTP/1.1\r\n"
    );
}

#[tokio::test]
async fn a_plain_endpoint_needs_neither_proxy_nor_certificates() {
    let id = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    let body = format!(r#"{{"id":"{id}","state":"pending"}}"#);
    let server = Server::start(move |_, _| -> Reply { json(200, body.clone()) }).await;
    let environment = [
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    let output = run_child(&server.endpoint, &environment).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("scaled"), "{text}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn missing_certificates_are_an_error_that_names_the_remedy() {
    let environment = [("SSL_CERT_FILE", "/nonexistent")];
    let output = run_child("at-vie-1", &environment).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("no client: cannot set up TLS") && text.contains("SSL_CERT_FILE"),
        "{text}"
    );
}
