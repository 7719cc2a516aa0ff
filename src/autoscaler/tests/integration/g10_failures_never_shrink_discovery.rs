//! G10: no failure of a call empties or shrinks the discovery file; only the API itself does, and
//! only when it says so twice. On the wire.

use local_cloud::{Fault, FaultKind};
use serde_json::Value;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::agent_support::{Agent, Environment, Settings, until};

const LIST: &str = "list-instances";

async fn rounds(environment: &Environment, count: u64) {
    let before = environment.calls(LIST);
    until("rounds pass", || {
        (environment.calls(LIST) >= before + count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn failed_calls_leave_the_file_alone() {
    let environment = Environment::with_pool(3).await;
    let settings = Settings::default().set("exoscale.request_timeout", "300ms");
    let agent = environment.start(settings).await;
    let before = environment.until_targets(3).await;
    for (kind, status) in [
        (FaultKind::Fail, Some(401)),
        (FaultKind::Fail, Some(403)),
        (FaultKind::Fail, Some(404)),
        (FaultKind::Fail, Some(500)),
        (FaultKind::Fail, Some(503)),
        (FaultKind::RateLimit, None),
        (FaultKind::Hang, None),
        (FaultKind::ApplyWithoutAnswer, None),
    ] {
        environment.cloud.faults().set(vec![Fault {
            status,
            ..Fault::new(LIST, 1000, kind)
        }]);
        rounds(&environment, 3).await;
        assert_eq!(
            environment.targets().as_ref(),
            Some(&before),
            "{kind:?} {status:?}"
        );
        environment.cloud.faults().clear();
    }
    // The list that /sd gives is the same, and the first good read is believed again.
    let given: Value = agent.json("/sd").await;
    assert_eq!(given[0]["targets"].as_array().unwrap().len(), 3);
    agent.alert("up").await;
    environment.until_targets(4).await;
}

#[tokio::test]
async fn a_cloud_that_is_gone_leaves_the_file_alone_and_is_told() {
    let environment = Environment::with_pool(2).await;
    let mut agent = environment.start(Settings::default()).await;
    let before = environment.until_targets(2).await;
    let Environment {
        cloud,
        folder,
        stack,
    } = environment;
    cloud.stop().await;
    let deadline = tokio::time::Instant::now() + crate::agent_support::PATIENCE;
    loop {
        let health = agent.get("/healthz").await;
        if health.status() == 503 {
            let text = health.text().await.unwrap();
            assert!(text.contains("cannot list instances"), "{text}");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never said");
    }
    let text = std::fs::read_to_string(folder.path().join("discovery/config.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        document[0]["targets"].as_array().unwrap().len(),
        before.len()
    );
    assert_eq!(agent.get("/sd").await.status(), 200);
    let (status, _) = agent.end(rustix::process::Signal::TERM).await;
    assert!(status.success(), "{status}; pool {}", stack.pool);
}

/// An API of one route, whose answers come from a script; the last one repeats.
async fn scripted(answers: &[&[&str]]) -> MockServer {
    let server = MockServer::start().await;
    for (number, addresses) in answers.iter().enumerate() {
        let list = |ip: &&str| {
            let state = "running";
            let field = if ip.contains(':') {
                "ipv6-address"
            } else {
                "public-ip"
            };
            serde_json::json!({ "id": uuid::Uuid::new_v4(), "name": "m", "state": state, field: ip })
        };
        let body =
            serde_json::json!({ "instances": addresses.iter().map(list).collect::<Vec<_>>() });
        let mock = Mock::given(method("GET"))
            .and(path("/v2/instance"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body));
        let is_final = number + 1 == answers.len();
        let mock = if is_final {
            mock
        } else {
            mock.up_to_n_times(1)
        };
        mock.mount(&server).await;
    }
    server
}

async fn agent_of(server: &MockServer, environment: &Environment) -> Agent {
    let settings = Settings::default().set("exoscale.endpoint", format!("{}/v2", server.uri()));
    environment.start(settings).await
}

fn sorted(mut targets: Vec<String>) -> Vec<String> {
    targets.sort();
    targets
}

#[tokio::test]
async fn members_that_are_really_gone_leave() {
    let environment = Environment::with_pool(1).await;
    let all = ["127.0.1.1", "127.0.1.2"];
    let server = scripted(&[&all, &[]]).await;
    let agent = agent_of(&server, &environment).await;
    environment.until_targets(0).await;
    let text = std::fs::read_to_string(environment.discovery_file()).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        document,
        serde_json::json!([{ "targets": [], "labels": {} }])
    );
    let reads = server.received_requests().await.unwrap();
    let lists = reads
        .iter()
        .filter(|r| r.url.path() == "/v2/instance")
        .count();
    assert!(lists >= 3, "it was confirmed: {lists} lists");
    drop(agent);
}

#[tokio::test]
async fn a_list_that_is_short_once_changes_nothing() {
    let environment = Environment::with_pool(1).await;
    let all = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
    let more = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"];
    // Short and full, empty and full, then a newcomer that shows that all of it has been read.
    let server = scripted(&[&all, &all[..1], &all, &[], &all, &more]).await;
    let _agent = agent_of(&server, &environment).await;
    let mut smallest = usize::MAX;
    let targets = until("the newcomer is there", || {
        let targets = environment.targets()?;
        smallest = smallest.min(targets.len());
        (targets.len() == 4).then_some(targets)
    })
    .await;
    assert!(smallest >= 3, "it shrank to {smallest}");
    assert_eq!(sorted(targets), more.map(|ip| format!("{ip}:9100")));
}

#[tokio::test]
async fn one_empty_list_at_the_start_does_not_empty_what_is_there() {
    let environment = Environment::with_pool(1).await;
    let file = environment.discovery_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    // Not an address this agent would write: it cannot tell which members it stands for.
    std::fs::write(&file, r#"[{"targets":["host.example:9100"],"labels":{}}]"#).unwrap();
    let server = scripted(&[&[], &["127.0.1.1"]]).await;
    let _agent = agent_of(&server, &environment).await;
    let targets = until("the member is there", || {
        let targets = environment.targets()?;
        assert_ne!(targets.len(), 0, "one empty list was believed");
        (targets[0] != "host.example:9100").then_some(targets)
    })
    .await;
    assert_eq!(targets, ["127.0.1.1:9100"]);
}

#[tokio::test]
async fn ipv6_targets_are_known_again_after_a_restart_and_kept() {
    let environment = Environment::with_pool(1).await;
    let file = environment.discovery_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let held = r#"[{"targets":["[2001:db8::1]:9100","[2001:db8::2]:9100"],"labels":{}}]"#;
    std::fs::write(&file, held).unwrap();
    let both = ["2001:db8::1", "2001:db8::2"];
    let more = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
    // The scaler's first look takes one of them, whichever.
    let short = &both[..1];
    let server = scripted(&[&both, short, &both, &both, &[], &both, &both, &more]).await;
    let settings = Settings::default()
        .set("exoscale.endpoint", format!("{}/v2", server.uri()))
        .set("discovery.addresses", "ipv6");
    let _agent = environment.start(settings).await;
    let mut smallest = usize::MAX;
    let targets = until("the newcomer is there", || {
        let targets = environment.targets()?;
        smallest = smallest.min(targets.len());
        (targets.len() == 3).then_some(targets)
    })
    .await;
    assert_eq!(smallest, 2, "it shrank");
    assert_eq!(sorted(targets), more.map(|ip| format!("[{ip}]:9100")));
}

#[tokio::test]
async fn a_failed_look_at_the_leases_leaves_the_file_alone() {
    let environment = Environment::with_pool(1).await;
    let (member, network) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let server = MockServer::start().await;
    let answer = |at: &str, body: Value| {
        Mock::given(method("GET"))
            .and(path(format!("/v2/{at}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
    };
    let members = serde_json::json!({ "instances": [{
        "id": member, "state": "running", "private-networks": [{ "id": network }],
    }] });
    answer("instance", members).mount(&server).await;
    let at = format!("private-network/{network}");
    let given = serde_json::json!([{ "ip": "10.0.0.7", "instance-id": member }]);
    let leased = serde_json::json!({ "id": network, "leases": given });
    answer(&at, leased).up_to_n_times(2).mount(&server).await;
    let settings = Settings::default()
        .set("exoscale.endpoint", format!("{}/v2", server.uri()))
        .set("discovery.addresses", "private");
    let agent = environment.start(settings).await;
    assert_eq!(environment.until_targets(1).await, ["10.0.0.7:9100"]);
    // From now on the leases are not found.
    until("the failure is said", || {
        agent.line("Cannot list instances; keeping the last discovery file.")
    })
    .await;
    assert_eq!(
        environment.targets(),
        Some(vec!["10.0.0.7:9100".to_owned()])
    );
}
