//! Proxies: one that is strict about what it gets, and the programs of others.

use std::{fs, net::SocketAddr, process::Command, sync::atomic::Ordering};

use loadtest::{Engine, Failure, Plan, Run, report};

use super::{
    ENGINES, HTTP2, REQUESTS, assert_whole, plan,
    programs::{Running, find, free_address, start},
    refusal,
    strict_proxy::{Setup, StrictProxy},
};
use crate::{
    hosted::{certificate, host, host_at},
    support::{refusing_address, run},
};

const LOGIN: &str = "us%40er:s3cr%3At";
/// `us@er:s3cr:t`.
const AUTHORIZATION: &str = "Basic dXNAZXI6czNjcjp0";

fn through(mut plan: Plan, scheme: &str, login: &str, proxy: SocketAddr) -> Plan {
    let at = if login.is_empty() { "" } else { "@" };
    let url = format!("{scheme}://{login}{at}{proxy}");
    plan.route.proxy = Some(url.parse().expect("a proxy"));
    plan
}

#[tokio::test]
async fn an_http_proxy_passes_requests_on_or_opens_a_tunnel() {
    for (engine, tls, asked_tunnel) in [
        (Engine::Http1, false, false),
        (Engine::Hyper, false, false),
        (Engine::Http1, false, true),
        (Engine::Hyper, false, true),
        (HTTP2, false, false),
        (Engine::Http1, true, false),
        (Engine::Hyper, true, false),
        (HTTP2, true, false),
    ] {
        let http2 = engine == HTTP2;
        let (_folder, file, acceptor) = certificate(http2);
        let hosted = host(http2, tls.then_some(acceptor)).await;
        let proxy = StrictProxy::start(Setup {
            authorization: Some(AUTHORIZATION.to_owned()),
            origin: Some(hosted.address),
            ..Setup::default()
        })
        .await;
        let scheme = if tls { "https" } else { "http" };
        // The proxy finds the host: this machine cannot. (The certificate is for localhost.)
        let name = if tls {
            "localhost:81"
        } else {
            "app.invalid:81"
        };
        let plan = plan(&format!("{scheme}://{name}/x?y"), engine);
        let mut plan = through(plan, "http", LOGIN, proxy.address);
        (plan.tls.ca_file, plan.route.proxy_tunnel) = (Some(file), asked_tunnel);
        let summary = run(plan).await;
        proxy.assert_faultless();
        assert_whole(&summary);
        assert_eq!(hosted.visits.asked().0, name);
        assert!(!hosted.visits.has_header("proxy-authorization"));
        let forwarded = proxy.seen.forwarded.load(Ordering::Relaxed);
        let tunnels = proxy.seen.tunnels.load(Ordering::Relaxed);
        if tls || http2 || asked_tunnel {
            assert_eq!(forwarded, 0, "{engine:?} {tls}");
            assert!(tunnels >= summary.connected, "{tunnels}");
        } else {
            assert_eq!((forwarded, tunnels), (REQUESTS, 0), "{engine:?}");
        }
        // No report has the login.
        let shown = format!("http://{}", proxy.address);
        assert_eq!(summary.plan["proxy"], shown);
        let texts = [report::to_json(&summary, &[]), report::html(&summary, &[])];
        for secret in ["s3cr", "us@er", "us%40er", "dXNAZXI6"] {
            assert!(texts.iter().all(|text| !text.contains(secret)), "{secret}");
        }
    }
}

#[tokio::test]
async fn connect_to_goes_through_a_tunnel_to_the_other_place() {
    let hosted = host(false, None).await;
    let proxy = StrictProxy::start(Setup::default()).await;
    let plan = plan("http://app.invalid/", Engine::Http1);
    let mut plan = through(plan, "http", "", proxy.address);
    let entry = format!("app.invalid:80:localhost:{}", hosted.address.port());
    plan.route.connect_to = vec![entry.parse().expect("valid")];
    // Of no use to the proxy, which resolves the name itself.
    let entry = format!("localhost:{}:192.0.2.1", hosted.address.port());
    plan.route.resolve = vec![entry.parse().expect("valid")];
    assert_whole(&run(plan).await);
    proxy.assert_faultless();
    assert_eq!(hosted.visits.asked().0, "app.invalid");
    assert!(proxy.seen.tunnels.load(Ordering::Relaxed) >= 4);
}

#[tokio::test]
async fn a_proxys_addresses_are_used_in_turn() {
    let hosted = host(false, None).await;
    let proxy = StrictProxy::start(Setup {
        origin: Some(hosted.address),
        ..Setup::default()
    })
    .await;
    let url = format!("http://proxy.invalid:{}", proxy.address.port());
    let mut plan = plan("http://app.invalid/", Engine::Http1);
    plan.route.proxy = Some(url.parse().expect("a proxy"));
    // At the first nobody listens.
    let entry = format!(
        "proxy.invalid:{}:127.82.0.1,127.0.0.1",
        proxy.address.port()
    );
    plan.route.resolve = vec![entry.parse().expect("valid")];
    assert_whole(&run(plan).await);
    proxy.assert_faultless();
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_apart_and_quoted() {
    for (setup, login, parts) in [
        (
            Setup {
                refusal: Some("403 Filtered, sorry"),
                ..Setup::default()
            },
            LOGIN,
            ["did not connect to app.invalid:443", "403 Filtered, sorry"],
        ),
        (
            Setup {
                authorization: Some(AUTHORIZATION.to_owned()),
                ..Setup::default()
            },
            "us%40er:wr0ng",
            ["407", "does not accept the login"],
        ),
        (
            Setup {
                authorization: Some(AUTHORIZATION.to_owned()),
                ..Setup::default()
            },
            "",
            ["407", "--proxy http://USER:PASSWORD@HOST:PORT"],
        ),
    ] {
        let proxy = StrictProxy::start(setup).await;
        let mut plan = plan("https://app.invalid/", Engine::Http1);
        (plan.tls.insecure, plan.timeout) = (true, std::time::Duration::from_secs(10));
        let mut plan = through(plan, "http", login, proxy.address);
        let cause = refusal(plan.clone()).await;
        let error = format!("{:?}", Run::start(plan.clone()).await.expect_err("refused"));
        plan.probe = false;
        let summary = run(plan).await;
        assert_eq!(summary.failures.get(&Failure::Proxy), Some(&REQUESTS));
        let (reason, _) = summary.reasons.of(Failure::Proxy).next().expect("a reason");
        for part in parts {
            assert!(cause.contains(part), "{part}: {cause}");
            assert!(reason.contains(part), "{part}: {reason}");
        }
        let json = report::to_json(&summary, &[]);
        for secret in ["s3cr", "wr0ng", "us@er", "us%40er"] {
            assert!(!json.contains(secret) && !error.contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn a_proxy_without_a_tunnel_that_wants_a_login_is_a_status_and_a_warning() {
    let proxy = StrictProxy::start(Setup {
        authorization: Some(AUTHORIZATION.to_owned()),
        ..Setup::default()
    })
    .await;
    for engine in [Engine::Http1, Engine::Hyper] {
        let plan = through(
            plan("http://app.invalid/", engine),
            "http",
            "",
            proxy.address,
        );
        let summary = run(plan).await;
        assert_eq!(summary.statuses.get(&407), Some(&REQUESTS));
        let mut warnings = summary.warnings.iter();
        assert!(warnings.any(|warning| warning.kind == "proxy_login"));
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_or_no_proxy_is_named() {
    let (_held, nobody) = refusing_address();
    for scheme in ["http", "socks5", "socks5h"] {
        let plan = plan("http://127.0.0.1:9/", Engine::Http1);
        let cause = refusal(through(plan, scheme, LOGIN, nobody)).await;
        let part = format!("the proxy {scheme}://{nobody} refused the connection");
        assert!(cause.contains(&part), "{cause}");
        assert!(!cause.contains("s3cr"), "{cause}");
    }
    // A web server, which is none.
    let hosted = host(false, None).await;
    for scheme in ["socks5", "socks5h"] {
        let plan = plan("http://127.0.0.1:9/", Engine::Http1);
        let cause = refusal(through(plan, scheme, "", hosted.address)).await;
        assert!(
            cause.contains("it does not speak SOCKS 5") || cause.contains("it closed"),
            "{cause}"
        );
    }
}

async fn tinyproxy(folder: &tempfile::TempDir) -> Option<(Running, SocketAddr)> {
    let program = find("tinyproxy")?;
    let address = free_address();
    let config = format!(
        "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 64\nAllow 127.0.0.1\nBasicAuth user s3cret\n\
         LogLevel Critical\n",
        address.port()
    );
    let file = folder.path().join("tinyproxy.conf");
    fs::write(&file, config).expect("written");
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(&file);
    Some((start(&mut command, address).await, address))
}

#[tokio::test]
async fn tinyproxy_serves_every_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_running, proxy)) = tinyproxy(&folder).await else {
        return;
    };
    for (engine, tls) in ENGINES
        .into_iter()
        .flat_map(|engine| [(engine, false), (engine, true)])
    {
        let http2 = engine == HTTP2;
        let (_folder, file, acceptor) = certificate(http2);
        let hosted = host(http2, tls.then_some(acceptor)).await;
        let scheme = if tls { "https" } else { "http" };
        let plan = plan(
            &format!("{scheme}://localhost:{}/", hosted.address.port()),
            engine,
        );
        let mut plan = through(plan, "http", "user:s3cret", proxy);
        plan.tls.ca_file = Some(file);
        assert_whole(&run(plan).await);
        assert_eq!(hosted.visits.requests(), REQUESTS);
    }
    // A tunnel to where nobody listens.
    let (_held, nobody) = refusing_address();
    let mut plan = through(
        plan(&format!("https://{nobody}/"), Engine::Http1),
        "http",
        "user:s3cret",
        proxy,
    );
    plan.tls.insecure = true;
    let cause = refusal(plan).await;
    assert!(
        cause.contains("did not connect to 127.0.0.1") && cause.contains(": 5"),
        "{cause}"
    );
}

async fn microsocks() -> Option<(Running, SocketAddr)> {
    let program = find("microsocks")?;
    let address = free_address();
    let mut command = Command::new(program);
    command
        .args(["-i", "127.0.0.1", "-p"])
        .arg(address.port().to_string())
        .args(["-u", "user", "-P", "s3cret"])
        .stderr(std::process::Stdio::null());
    Some((start(&mut command, address).await, address))
}

#[tokio::test]
async fn microsocks_serves_every_engine_by_name_and_by_address() {
    let Some((_running, proxy)) = microsocks().await else {
        return;
    };
    for (engine, scheme) in ENGINES
        .into_iter()
        .flat_map(|engine| [(engine, "socks5"), (engine, "socks5h")])
    {
        let http2 = engine == HTTP2;
        let (_folder, file, acceptor) = certificate(http2);
        let hosted = host_at("127.0.0.1:0", http2, Some(acceptor)).await;
        let port = hosted.address.port();
        let plan = plan(&format!("https://localhost:{port}/"), engine);
        let mut plan = through(plan, scheme, "user:s3cret", proxy);
        plan.tls.ca_file = Some(file);
        // Only this machine heeds it: at the first address nobody listens.
        let entry = format!("localhost:{port}:127.83.0.1,127.0.0.1");
        plan.route.resolve = vec![entry.parse().expect("valid")];
        assert_whole(&run(plan).await);
        assert_eq!(hosted.visits.requests(), REQUESTS);
    }
    let (_held, nobody) = refusing_address();
    for (login, part) in [
        ("user:s3cret", "the connection was refused"),
        ("user:wr0ng", "does not accept the login"),
        ("", "requires a login"),
    ] {
        let plan = plan(&format!("http://{nobody}/"), Engine::Http1);
        let cause = refusal(through(plan, "socks5", login, proxy)).await;
        assert!(cause.contains(part), "{part}: {cause}");
    }
}
