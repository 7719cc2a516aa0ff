//! The local cloud stands in for Exoscale's own hosts, and leads nowhere else.

mod local_cloud_support;

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf};

use autoscaler::local_cloud::LocalCloudConfig;
use local_cloud_support::{Api, quick, read};
use reqwest::{Certificate, Method, Proxy};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn start() -> Api {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Api::start(LocalCloudConfig {
        intercept: Some(address),
        ..quick(LocalCloudConfig::without_processes())
    })
    .await
}

fn variable(api: &Api, name: &str) -> String {
    let mut variables = api.cloud.proxy_environment().into_iter();
    variables
        .find(|(key, _)| *key == name)
        .expect("it is set")
        .1
}

/// What a proxy that is asked for a tunnel answers.
async fn connect(api: &Api, request: &str) -> String {
    let proxy = variable(api, "HTTPS_PROXY");
    let mut stream = TcpStream::connect(proxy.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn exoscales_hosts_are_answered_under_their_names() {
    let mut api = start().await;
    let pem = fs::read(variable(&api, "SSL_CERT_FILE")).unwrap();
    api.http = reqwest::Client::builder()
        .proxy(Proxy::https(variable(&api, "HTTPS_PROXY")).unwrap())
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    for host in ["api-at-vie-1.exoscale.com", "api-ch-gva-2.exoscale.com"] {
        let (client, request) = api.request(&Method::GET, "/zone", b"").build_split();
        let mut request = request.unwrap();
        *request.url_mut() = format!("https://{host}/v2/zone").parse().unwrap();
        let answer = client.execute(request).await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        let zones: serde_json::Value = answer.json().await.unwrap();
        // Clients that came this way are led this way again.
        let endpoint = zones["zones"][0]["api-endpoint"].as_str().unwrap();
        assert_eq!(endpoint, "https://api-ch-gva-2.exoscale.com/v2");
    }
    // Nothing that is not signed, and nothing of the local cloud's own, is to be had this way.
    let url = "https://api-at-vie-1.exoscale.com/_local/status";
    let answer = api.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    api.cloud.stop().await;
}

#[tokio::test]
async fn every_other_host_is_refused() {
    let api = start().await;
    for target in ["example.com:443", "sos-at-vie-1.exo.io:443", "127.0.0.1:22"] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        let answer = connect(&api, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains(&format!("not to {target}")), "{answer}");
    }
    let answer = connect(&api, "GET http://example.com/ HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let proxy = api.cloud.status().proxy.expect("there is one");
    assert_eq!(proxy.refused, 4);
    api.cloud.stop().await;
}

#[tokio::test]
async fn its_authority_is_its_owners_and_goes_with_it() {
    let api = start().await;
    let file = PathBuf::from(variable(&api, "SSL_CERT_FILE"));
    let folder = file.parent().unwrap();
    let mode = fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // The certificate alone: the key is nowhere.
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    assert!(!fs::read_to_string(&file).unwrap().contains("PRIVATE"));
    let folder = folder.to_owned();
    api.cloud.stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_taken_port_is_said_with_what_to_do() {
    let api = start().await;
    let taken = api.cloud.status().proxy.unwrap().url;
    let address = taken.trim_start_matches("http://").parse().unwrap();
    let config = LocalCloudConfig {
        intercept: Some(address),
        ..LocalCloudConfig::without_processes()
    };
    let error = autoscaler::local_cloud::LocalCloud::start(config)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("choose another with --proxy-listen"),
        "{error}"
    );
    api.cloud.stop().await;
}

#[tokio::test]
async fn a_key_may_do_what_its_role_allows_until_it_is_deleted() {
    let api = Api::without_processes().await;
    let policy = json!({
        "default-service-strategy": "deny",
        "services": { "compute": { "type": "rules", "rules": [
            { "action": "allow", "expression": "operation in ['list-instances', 'get-instance-pool']" },
        ] } },
    });
    let role = json!({ "name": "agent", "policy": policy });
    let role = api.done(api.post("/iam-role", role).await).await;
    let made = api
        .post("/api-key", json!({ "name": "agent", "role-id": role }))
        .await
        .body;
    let text = |name: &str| made[name].as_str().unwrap();
    let (key, secret) = (
        text("key").parse().unwrap(),
        text("secret").parse().unwrap(),
    );
    let call = |path: &'static str| read(api.request_as(&key, &secret, &Method::GET, path, b""));

    assert_eq!(call("/instance").await.status, 200);
    call("/load-balancer")
        .await
        .refused(403, "does not allow list-load-balancers");
    call("/api-key")
        .await
        .refused(403, "does not allow list-api-keys");
    api.delete(&format!("/iam-role/{role}"))
        .await
        .refused(409, "is used by api-key");

    api.done(api.delete(&format!("/api-key/{}", text("key"))).await)
        .await;
    call("/instance").await.refused(403, text("key"));

    let odd = json!({ "name": "odd", "policy": {
        "default-service-strategy": "deny",
        "services": { "compute": { "type": "rules", "rules": [
            { "action": "allow", "expression": "resources.instance.id == 'x'" },
        ] } },
    } });
    api.post("/iam-role", odd)
        .await
        .refused(400, "cannot evaluate the expression");
    api.cloud.stop().await;
}
