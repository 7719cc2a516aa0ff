//! The local cloud stands in for Exoscale's own hosts, and leads nowhere else.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf};

use local_cloud::LocalCloudConfig;
use reqwest::{Certificate, Method, Proxy, RequestBuilder};
use serde_json::{Value, json};
use test_support::{Api, Reply, new_pool, quick, read};
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

async fn start_through_the_proxy() -> Api {
    let mut api = start().await;
    let pem = fs::read(ca_file(&api)).unwrap();
    api.http = reqwest::Client::builder()
        .proxy(Proxy::https(proxy_url(&api)).unwrap())
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    api
}

/// A call to Exoscale's own name for the zone's API.
async fn in_zone(api: &Api, zone: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string().into_bytes());
    let call = api.request(&method, path, body.as_deref().unwrap_or_default());
    let (client, request) = call.build_split();
    let mut request = request.unwrap();
    let url = format!("https://api-{zone}.exoscale.com/v2{path}");
    *request.url_mut() = url.parse().unwrap();
    read(RequestBuilder::from_parts(client, request)).await
}

fn proxy_url(api: &Api) -> String {
    api.cloud.status().proxy.expect("it stands in").url
}

fn ca_file(api: &Api) -> PathBuf {
    api.cloud.status().proxy.expect("it stands in").ca_file
}

/// What a proxy that is asked for a tunnel answers.
async fn connect(api: &Api, request: &str) -> String {
    let proxy = proxy_url(api);
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
    let api = start_through_the_proxy().await;
    for zone in ["at-vie-1", "ch-gva-2"] {
        let zones = in_zone(&api, zone, Method::GET, "/zone", None).await;
        // Clients that came this way are led this way again.
        let endpoint = zones.body["zones"][0]["api-endpoint"].as_str().unwrap();
        assert_eq!(endpoint, "https://api-ch-gva-2.exoscale.com/v2");
    }
    // Nothing that is not signed, and nothing of the local cloud's own, is to be had this way.
    for path in ["/_local/status", "/", "/_local/page.js"] {
        let url = format!("https://api-at-vie-1.exoscale.com{path}");
        let answer = api.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
    }
    api.cloud.stop().await;
}

#[tokio::test]
async fn what_is_in_a_zone_is_there_and_in_no_other() {
    let api = start_through_the_proxy().await;
    let (home, other) = ("at-vie-1", "ch-gva-2");
    let made = in_zone(
        &api,
        home,
        Method::POST,
        "/instance-pool",
        Some(new_pool(1)),
    )
    .await;
    let pool = format!(
        "/instance-pool/{}",
        made.body["reference"]["id"].as_str().unwrap()
    );
    for (zone, pools, templates) in [(home, 1, 2), (other, 0, 0)] {
        let list = in_zone(&api, zone, Method::GET, "/instance-pool", None).await;
        assert_eq!(list.body["instance-pools"].as_array().unwrap().len(), pools);
        let list = in_zone(
            &api,
            zone,
            Method::GET,
            "/template?visibility=private",
            None,
        )
        .await;
        assert_eq!(list.body["templates"].as_array().unwrap().len(), templates);
    }
    assert_eq!(
        in_zone(&api, home, Method::GET, &pool, None).await.status,
        200
    );
    for method in [Method::GET, Method::DELETE] {
        in_zone(&api, other, method, &pool, None)
            .await
            .refused(404, "not found");
    }
    in_zone(
        &api,
        other,
        Method::POST,
        "/instance-pool",
        Some(new_pool(1)),
    )
    .await
    .refused(400, "--zone at-vie-1");
    // Groups, rights and operations are one for all zones.
    let group = json!({ "name": "group" });
    let made = in_zone(&api, other, Method::POST, "/security-group", Some(group)).await;
    let operation = format!("/operation/{}", made.body["id"].as_str().unwrap());
    assert_eq!(
        in_zone(&api, home, Method::GET, &operation, None)
            .await
            .status,
        200
    );
    let list = in_zone(&api, home, Method::GET, "/security-group", None).await;
    let groups = list.body["security-groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["name"] == "group"));
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
    let file = ca_file(&api);
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
    let error = local_cloud::LocalCloud::start(config).await.unwrap_err();
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
            { "action": "allow", "expression": "resources.spaceship.id == 'x'" },
        ] } },
    } });
    api.post("/iam-role", odd)
        .await
        .refused(400, "`resources.spaceship` is not known here");
    api.cloud.stop().await;
}
