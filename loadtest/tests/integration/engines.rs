//! The other ways to carry requests: hyper, HTTP/2, TLS. The server is hyper's.

use std::{error::Error as _, time::Duration};

use loadtest::{Engine, Failure, Load, Plan, Run, RunError, Summary, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};

use crate::{
    hosted::{certificate, certificate_of, host},
    support::run,
};

fn plan(url: &str, engine: Engine) -> Plan {
    let mut plan = Plan::new(
        url.parse().expect("a URL"),
        Load::Open("1s@200".parse().expect("a profile")),
    );
    plan.engine = engine;
    (plan.threads, plan.connections, plan.spread) = (2, 4, 4);
    plan.tick = Duration::from_millis(200);
    plan
}

fn assert_whole(summary: &Summary) {
    assert_eq!(
        (summary.ok, summary.failed()),
        (200, 0),
        "{:?}",
        summary.failures
    );
    assert_eq!(summary.accounts.scheduled, summary.accounts.started());
    let names: Vec<_> = summary
        .backends
        .iter()
        .map(|backend| &*backend.name)
        .collect();
    assert_eq!(names, ["i-0", "i-1"]);
}

#[tokio::test]
async fn hyper_carries_http1_as_the_own_codec_does() {
    let hosted = host(false, None).await;
    let url = format!("http://{}/", hosted.address);
    for engine in [Engine::Http1, Engine::Hyper] {
        assert_whole(&run(plan(&url, engine)).await);
    }
}

#[tokio::test]
async fn http2_shares_connections() {
    let hosted = host(true, None).await;
    let mut plan = plan(
        &format!("http://{}/", hosted.address),
        Engine::Http2 { streams: 16 },
    );
    plan.probe = false;
    let summary = run(plan.clone()).await;
    assert_whole(&summary);
    assert_eq!((summary.connected, hosted.visits.connections()), (4, 4));

    plan.connection_max_age = Some(Duration::from_millis(300));
    let summary = run(plan.clone()).await;
    assert_whole(&summary);
    assert!(
        (8..60).contains(&summary.connected),
        "{} connections",
        summary.connected
    );
}

#[tokio::test]
async fn a_stream_that_is_given_up_leaves_its_connection_to_the_others() {
    let hosted = host(true, None).await;
    let url = format!("http://{}/slow", hosted.address);
    let mut plan = plan(&url, Engine::Http2 { streams: 64 });
    (plan.timeout, plan.probe) = (Duration::from_millis(200), false);
    let summary = run(plan).await;
    assert_eq!(
        summary.failures.get(&Failure::Timeout),
        Some(&200),
        "{:?}",
        summary.failures
    );
    assert_eq!(hosted.visits.connections(), 4);
}

#[tokio::test]
async fn https_with_a_trusted_certificate_and_without() {
    for (http2, engine) in [
        (false, Engine::Http1),
        (false, Engine::Hyper),
        (true, Engine::Http2 { streams: 8 }),
    ] {
        let (_folder, file, acceptor) = certificate(http2);
        let hosted = host(http2, Some(acceptor)).await;
        let mut trusting = plan(
            &format!("https://localhost:{}/", hosted.address.port()),
            engine,
        );
        trusting.tls.ca_file = Some(file);
        assert_whole(&run(trusting.clone()).await);

        let mut careless = trusting.clone();
        careless.tls = Tls {
            insecure: true,
            ..Tls::default()
        };
        assert_whole(&run(careless).await);

        let (_other, stranger, _) = certificate(false);
        let mut strict = trusting;
        strict.tls.ca_file = Some(stranger);
        let cause = refusal(strict).await;
        assert!(cause.contains("TLS handshake failed"), "{cause}");
    }
}

/// Why there is no connection.
async fn refusal(plan: Plan) -> String {
    let error = Run::start(plan).await.expect_err("it is refused");
    assert!(matches!(error, RunError::Unreachable { .. }), "{error}");
    let cause = error.source().expect("a cause").to_string();
    assert!(!error.to_string().contains(&cause), "once: {error}");
    cause
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_explained_with_what_to_do() {
    let localhost = || CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let mut of_a_ca = localhost();
    of_a_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut expired = localhost();
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut early = localhost();
    early.not_before = date_time_ymd(4000, 1, 1);
    let other = CertificateParams::new(vec!["other.example".to_owned()]).expect("a name");
    let nobody = CertificateParams::new(Vec::new()).expect("no name");
    for (parameters, parts) in [
        (of_a_ca, ["CA:FALSE", "--insecure"]),
        (expired, ["expired", "renew it"]),
        (early, ["not valid yet", "clock"]),
        (other, ["other.example", "subjectAltName=DNS:localhost"]),
        (
            nobody,
            ["not valid for any names", "subjectAltName=DNS:localhost"],
        ),
    ] {
        let (_folder, file, acceptor) = certificate_of(&parameters, false);
        let hosted = host(false, Some(acceptor)).await;
        let url = format!("https://localhost:{}/", hosted.address.port());
        let mut plan = plan(&url, Engine::Http1);
        plan.tls.ca_file = Some(file);
        let cause = refusal(plan).await;
        for part in parts {
            assert!(cause.contains(part), "{part}: {cause}");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_trusted_is_explained_with_what_to_do() {
    let (_folder, _, acceptor) = certificate(false);
    let hosted = host(false, Some(acceptor)).await;
    let (_other, stranger, _) = certificate(false);
    let mut plan = plan(&format!("https://{}/", hosted.address), Engine::Http1);
    plan.tls.ca_file = Some(stranger.clone());
    let cause = refusal(plan.clone()).await;
    for part in [
        "no certificate in",
        "--insecure",
        &stranger.display().to_string(),
    ] {
        assert!(cause.contains(part), "{part}: {cause}");
    }
    plan.tls.ca_file = None;
    match Run::start(plan.clone()).await.expect_err("it is refused") {
        // Where the system has no certificates at all.
        error @ RunError::Tls(_) => assert!(error.to_string().contains("--cacert"), "{error}"),
        error => {
            let cause = error.source().expect("a cause").to_string();
            assert!(cause.contains("--cacert FILE"), "{cause}");
        }
    }
    // Without a look beforehand, each request that fails says it.
    (plan.probe, plan.tls.ca_file) = (false, Some(stranger));
    let summary = run(plan).await;
    assert_eq!(summary.failures.get(&Failure::Tls), Some(&200));
    let (reason, count) = summary.reasons.of(Failure::Tls).next().expect("a reason");
    assert!(count == 200 && reason.contains("--insecure"), "{reason}");
}

#[tokio::test]
async fn a_port_without_tls_is_named_as_such() {
    let hosted = host(false, None).await;
    let mut plan = plan(&format!("https://{}/", hosted.address), Engine::Http1);
    plan.tls.insecure = true;
    let cause = refusal(plan).await;
    assert!(cause.contains("does not speak TLS"), "{cause}");
}

#[tokio::test]
async fn heads_that_are_too_large_are_named_by_every_engine() {
    for (http2, engine) in [
        (false, Engine::Http1),
        (false, Engine::Hyper),
        (true, Engine::Http2 { streams: 8 }),
    ] {
        let hosted = host(http2, None).await;
        for (path, named) in [("many", "128 headers"), ("large", "64 KiB")] {
            let summary = run(plan(&format!("http://{}/{path}", hosted.address), engine)).await;
            assert_eq!(
                (summary.ok, summary.failed()),
                (0, 200),
                "{engine:?} {path}"
            );
            let (failure, _) = summary.failures.first_key_value().expect("a failure");
            let (reason, _) = summary.reasons.of(*failure).next().expect("a reason");
            assert!(
                reason.contains(named),
                "{engine:?} {path}: {failure}: {reason}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_without_http2_is_a_failure_and_not_a_success() {
    let hosted = host(false, None).await;
    let mut plan = plan(
        &format!("http://{}/", hosted.address),
        Engine::Http2 { streams: 8 },
    );
    plan.timeout = Duration::from_secs(2);
    let summary = run(plan).await;
    assert_eq!((summary.ok, summary.failed()), (0, 200));
}
