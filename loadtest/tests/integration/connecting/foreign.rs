//! HTTP/2 and certificates against servers that others wrote: nghttpd, which is the reference, and
//! nginx.

use std::{fs, path::Path, process::Command, time::Duration};

use loadtest::{ClientCertificate, Engine, Failure};

use super::{
    ENGINES, HTTP2, REQUESTS, assert_whole,
    certificates::Authority,
    plan,
    programs::{Running, find, free_address, start},
};
use crate::support::run;

/// nghttpd with a page at `/`, and its address.
async fn nghttpd(folder: &Path, arguments: &[&str]) -> Option<(Running, String)> {
    let program = find("nghttpd")?;
    let address = free_address();
    fs::write(folder.join("index.html"), "hello").expect("written");
    let mut command = Command::new(program);
    command
        .args(["--address", "127.0.0.1", "--htdocs"])
        .arg(folder)
        .args(
            arguments
                .iter()
                .filter(|argument| argument.starts_with('-')),
        )
        .arg(address.port().to_string())
        .args(
            arguments
                .iter()
                .filter(|argument| !argument.starts_with('-')),
        );
    Some((
        start(&mut command, address).await,
        format!("localhost:{}", address.port()),
    ))
}

#[tokio::test]
async fn nghttpd_is_asked_over_cleartext_by_prior_knowledge() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--no-tls", "--max-concurrent-streams=3"];
    let Some((_server, host)) = nghttpd(folder.path(), &arguments).await else {
        return;
    };
    let url = format!("http://{host}/");
    // More streams than it takes at once wait their turn.
    let summary = run(plan(&url, HTTP2)).await;
    assert_whole(&summary);
    assert_eq!(summary.bytes_received, 5 * REQUESTS);

    // The same server, taken for one of HTTP/1.1.
    for engine in [Engine::Http1, Engine::Hyper] {
        let summary = run(plan(&url, engine)).await;
        assert_eq!((summary.ok, summary.failed()), (0, REQUESTS));
        let (reason, _) = summary
            .reasons
            .of(Failure::Protocol)
            .next()
            .expect("a reason");
        assert!(reason.contains("use --http2"), "{engine:?}: {reason}");
    }
}

#[tokio::test]
async fn nghttpd_is_asked_over_tls_by_alpn() {
    let authority = Authority::new();
    let (key, cert) = (
        authority.file("localhost.key"),
        authority.file("localhost.pem"),
    );
    let files = [key.to_str().expect("UTF-8"), cert.to_str().expect("UTF-8")];
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--verify-client", files[0], files[1]];
    let Some((_server, host)) = nghttpd(folder.path(), &arguments).await else {
        return;
    };
    let mut plan = plan(&format!("https://{host}/"), HTTP2);
    plan.tls.ca_file = Some(authority.file("ca.pem"));
    plan.tls.certificate = Some(ClientCertificate {
        certificate: authority.file("client-both.pem"),
        key: None,
    });
    let summary = run(plan.clone()).await;
    assert_whole(&summary);
    assert!(
        summary.plan["tls"].ends_with("ALPN h2"),
        "{:?}",
        summary.plan
    );

    plan.engine = Engine::Http1;
    // It lets a client in that does not offer HTTP/2, and then closes.
    let summary = run(plan.clone()).await;
    assert_eq!((summary.ok, summary.failed()), (0, REQUESTS));

    (plan.engine, plan.probe, plan.tls.certificate) = (HTTP2, false, None);
    let summary = run(plan).await;
    assert_eq!(
        summary.failures.get(&Failure::Tls),
        Some(&REQUESTS),
        "{:?} {:?}",
        summary.failures,
        summary.reasons
    );
}

/// nginx with these servers, and the address of the first.
async fn nginx(authority: &Authority, servers: &str) -> Option<(Running, String)> {
    let program = find("nginx")?;
    let address = free_address();
    let folder = authority.file("nginx");
    fs::create_dir_all(&folder).expect("a folder");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    let file = |name: &str| authority.file(name).display().to_string();
    let config = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; ssl_certificate {cert}; ssl_certificate_key {key};\n{temporary}{servers} }}",
        folder = folder.display(),
        cert = file("localhost.pem"),
        key = file("localhost.key"),
        servers = servers
            .replace("ADDRESS", &address.to_string())
            .replace("CA", &file("ca.pem"))
            .replace("SOCKET", &file("socket")),
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, config).expect("written");
    let mut command = Command::new(program);
    command
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(&path)
        .args(["-e", "stderr"]);
    Some((
        start(&mut command, address).await,
        format!("localhost:{}", address.port()),
    ))
}

#[tokio::test]
async fn nginx_ends_connections_by_the_count_and_costs_no_request() {
    let authority = Authority::new();
    // A connection is announced to end after seven requests: over HTTP/2 by GOAWAY.
    let servers = "keepalive_requests 7; server { listen ADDRESS ssl http2; \
         location / { add_header X-Served-By $server_addr always; return 200 hello; } }";
    let Some((_server, host)) = nginx(&authority, servers).await else {
        return;
    };
    for engine in ENGINES {
        let mut plan = plan(&format!("https://{host}/"), engine);
        plan.tls.ca_file = Some(authority.file("ca.pem"));
        let summary = run(plan).await;
        assert_whole(&summary);
        assert!(summary.connected >= REQUESTS / 7, "{}", summary.connected);
        let (tls, http2) = (&summary.plan["tls"], engine == HTTP2);
        let protocol = if http2 { "ALPN h2" } else { "ALPN http/1.1" };
        assert!(tls.ends_with(protocol), "{engine:?}: {tls}");
        assert_eq!(summary.plan["backend_header"], "x-served-by");
        assert_eq!(&*summary.backends[0].name, "127.0.0.1");
    }
}

#[tokio::test]
async fn nginx_verifies_the_client_certificate() {
    let authority = Authority::new();
    let servers = "ssl_verify_client on; ssl_client_certificate CA; server { \
         listen ADDRESS ssl http2; return 200 $ssl_client_s_dn; }";
    let Some((_server, host)) = nginx(&authority, servers).await else {
        return;
    };
    for engine in ENGINES {
        let mut plan = plan(&format!("https://{host}/"), engine);
        plan.tls.ca_file = Some(authority.file("ca.pem"));
        let summary = run(plan.clone()).await;
        assert_eq!(summary.statuses.get(&400), Some(&REQUESTS), "{engine:?}");
        plan.tls.certificate = Some(ClientCertificate {
            certificate: authority.file("client.pem"),
            key: Some(authority.file("client.key")),
        });
        assert_whole(&run(plan).await);
    }
}

#[tokio::test]
async fn nginx_is_asked_by_a_unix_socket_and_with_http2_only_where_it_speaks_it() {
    let authority = Authority::new();
    let servers = "server { listen ADDRESS; } server { listen unix:SOCKET; return 200 hello; } \
         server { listen unix:SOCKET-2 http2; return 200 hello; }";
    let Some((_server, host)) = nginx(&authority, servers).await else {
        return;
    };
    // Where it speaks HTTP/1.1 only.
    let summary = run(plan(&format!("http://{host}/"), HTTP2)).await;
    assert_eq!(summary.failures.get(&Failure::Protocol), Some(&REQUESTS));
    let mut reasons = summary.reasons.of(Failure::Protocol);
    let (reason, _) = reasons.next().expect("a reason");
    assert!(reason.contains("leave --http2 out"), "{reason}");

    for engine in ENGINES {
        let mut plan = plan("http://app.invalid/", engine);
        let name = if engine == HTTP2 {
            "socket-2"
        } else {
            "socket"
        };
        plan.route.unix_socket = Some(authority.file(name));
        plan.connection_max_age = Some(Duration::from_millis(100));
        let summary = run(plan).await;
        assert_whole(&summary);
        assert!(summary.connected > 4, "{}", summary.connected);
    }
}
