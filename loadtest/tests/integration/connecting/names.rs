//! Other hosts, given addresses, Unix sockets: the request and TLS name the URL's host all the
//! same.

use std::time::Duration;

use loadtest::{Engine, Load, PlanError};
use rcgen::CertificateParams;

use super::{ENGINES, HTTP2, assert_whole, plan, refusal};
use crate::{
    hosted::{Hosted, certificate_of, host, host_at, host_unix},
    support::run,
};

/// A name that no resolver knows.
const NAME: &str = "app.invalid";

#[tokio::test]
async fn connect_to_changes_the_place_and_neither_host_nor_name_in_tls() {
    for engine in ENGINES {
        let http2 = engine == HTTP2;
        let parameters = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        let (_folder, file, acceptor) = certificate_of(&parameters, http2);
        let hosted = host(http2, Some(acceptor)).await;
        let mut plan = plan(&format!("https://{NAME}/"), engine);
        plan.tls.ca_file = Some(file);
        let port = hosted.address.port();
        for entry in [
            format!("{NAME}:443:127.0.0.1:{port}"),
            format!("::localhost:{port}"),
        ] {
            let other = "other.invalid::192.0.2.1:".parse().expect("valid");
            plan.route.connect_to = vec![other, entry.parse().expect("valid")];
            let summary = run(plan.clone()).await;
            assert_whole(&summary);
            assert!(summary.plan["connect_to"].contains(&entry), "{entry}");
            assert!(summary.plan["tls"].contains("TLSv1.3, TLS13_"));
        }
        assert_eq!(
            hosted.visits.asked(),
            (NAME.to_owned(), Some(NAME.to_owned()))
        );
    }
}

/// Servers on a port that is free on all of these addresses.
async fn host_at_each(addresses: &[&str], http2: bool) -> Vec<Hosted> {
    let first = host_at(&format!("{}:0", addresses[0]), http2, None).await;
    let port = first.address.port();
    let mut all = vec![first];
    for address in &addresses[1..] {
        all.push(host_at(&format!("{address}:{port}"), http2, None).await);
    }
    all
}

#[tokio::test]
async fn given_addresses_are_used_in_turn_and_dead_ones_passed_over() {
    for engine in ENGINES {
        let hosted = host_at_each(&["127.81.0.1", "127.81.0.2"], engine == HTTP2).await;
        let port = hosted[0].address.port();
        let mut plan = plan(&format!("http://{NAME}:{port}/"), engine);
        let entry = format!("{NAME}:{port}:127.81.0.1,127.81.0.2");
        plan.route.resolve = vec![entry.parse().expect("valid")];
        plan.probe = false;
        plan.dns_refresh = Duration::from_millis(50);
        assert_whole(&run(plan.clone()).await);
        let connections = hosted.iter().map(|hosted| hosted.visits.connections());
        assert_eq!(connections.collect::<Vec<_>>(), [2, 2]);
        assert_eq!(hosted[0].visits.asked(), (format!("{NAME}:{port}"), None));

        // Nobody listens at the last one.
        let entry = format!("*:{port}:127.81.0.1,127.81.0.2,127.81.0.3");
        plan.route.resolve = vec![entry.parse().expect("valid")];
        assert_whole(&run(plan).await);
    }
}

/// As many requests, with time to resolve a name on a busy machine.
fn long() -> Load {
    Load::Open("2s@50".parse().expect("a profile"))
}

#[tokio::test]
async fn a_given_address_stays_unless_it_makes_way_for_the_resolver() {
    let hosted = host_at_each(&["127.0.0.1", "127.81.0.4"], false).await;
    let port = hosted[0].address.port();
    let mut plan = plan(&format!("http://localhost:{port}/"), Engine::Http1);
    plan.load = long();
    plan.dns_refresh = Duration::from_millis(50);
    let at_resolved = || hosted[0].visits.connections();
    for plus in ["", "+"] {
        let entry = format!("{plus}localhost:{port}:127.81.0.4");
        plan.route.resolve = vec![entry.parse().expect("valid")];
        let summary = run(plan.clone()).await;
        assert_whole(&summary);
        assert_eq!(summary.plan["resolve"], entry);
        assert_eq!(at_resolved() > 0, plus == "+");
    }
    assert!(hosted[1].visits.connections() > 4);
}

#[tokio::test]
async fn a_target_by_address_can_lead_to_a_name_that_is_resolved_again() {
    let hosted = host_at_each(&["127.0.0.1", "127.81.0.5"], false).await;
    let port = hosted[0].address.port();
    let mut plan = plan("http://192.0.2.1/", Engine::Http1);
    plan.load = long();
    plan.dns_refresh = Duration::from_millis(50);
    plan.route.connect_to = vec![format!("::localhost:{port}").parse().expect("valid")];
    let entry = format!("+localhost:{port}:127.81.0.5");
    plan.route.resolve = vec![entry.parse().expect("valid")];
    assert_whole(&run(plan).await);
    assert!(hosted.iter().all(|hosted| hosted.visits.connections() > 0));
    assert_eq!(hosted[0].visits.asked().0, "192.0.2.1");
}

#[tokio::test]
async fn a_unix_socket_carries_every_engine_also_encrypted() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, engine) in ENGINES.into_iter().enumerate() {
        let http2 = engine == HTTP2;
        let path = folder.path().join(format!("plain-{number}"));
        let visits = host_unix(&path, http2, None);
        let mut plan = plan(&format!("http://{NAME}:81/x"), engine);
        plan.route.unix_socket = Some(path.clone());
        let summary = run(plan.clone()).await;
        assert_whole(&summary);
        assert_eq!(visits.asked(), (format!("{NAME}:81"), None));
        assert_eq!(summary.plan["unix_socket"], path.display().to_string());

        let parameters = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        let (_folder, file, acceptor) = certificate_of(&parameters, http2);
        let path = folder.path().join(format!("tls-{number}"));
        let visits = host_unix(&path, http2, Some(acceptor));
        plan.target = format!("https://{NAME}/").parse().expect("a URL");
        (plan.tls.ca_file, plan.route.unix_socket) = (Some(file), Some(path));
        assert_whole(&run(plan.clone()).await);
        assert_eq!(visits.asked(), (NAME.to_owned(), Some(NAME.to_owned())));
    }
}

#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let mut plan = plan("http://h/", Engine::Http1);
    plan.route.unix_socket = Some(path.clone());
    let cause = refusal(plan.clone()).await;
    let absent = format!("there is no socket at {}", path.display());
    assert!(cause.contains(&absent), "{cause}");

    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let cause = refusal(plan.clone()).await;
    assert!(cause.contains("refused. Is the server running?"), "{cause}");

    plan.load = Load::Closed(Duration::from_secs(1));
    plan.route.proxy = Some("http://h:1".parse().expect("a proxy"));
    assert!(matches!(plan.check(), Err(PlanError::UnixSocket)));
}
