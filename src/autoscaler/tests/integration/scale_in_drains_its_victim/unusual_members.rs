//! Members that the agent reaches, or that answer, otherwise than usual.

use local_cloud::{Edit, Fault};
use rustix::process::Signal;
use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::{Members, TOKEN, start};
use crate::agent_support::{Environment, Settings, long_ago, until};

/// A member under foreign control can lose its drain, and lead the agent nowhere.
#[tokio::test]
async fn what_a_member_answers_leads_nowhere_else_and_is_short() {
    let elsewhere = MockServer::start().await;
    let leads_away = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    let endless = json!({ "in_flight": 0, "more": "x".repeat(1 << 20) });
    for answer in [
        leads_away,
        ResponseTemplate::new(200).set_body_json(endless),
    ] {
        let environment = Environment::with_pool(2).await;
        let members = Members::of(&environment).await;
        for server in members.servers.values() {
            server.reset().await;
            let any = Mock::given(path("/drain")).respond_with(answer.clone());
            any.mount(server).await;
        }
        let agent = start(&environment, members.settings()).await;
        agent.alert("down").await;
        environment.until_size(1).await;
        assert!(
            agent.line("Member cannot be drained.").is_some(),
            "{}",
            agent.log()
        );
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// An API that tells of the same pool, whose members have these addresses in a private network and
/// others in public, by which the balancer knows them.
async fn pool_with_private_addresses(environment: &Environment, members: &Members) -> MockServer {
    let server = MockServer::start().await;
    let network = uuid::Uuid::new_v4();
    let (mut instances, mut leases, mut statuses) = (Vec::new(), Vec::new(), Vec::new());
    for (number, ip) in members.servers.keys().enumerate() {
        let (id, public) = (uuid::Uuid::new_v4(), format!("192.0.2.{}", number + 1));
        leases.push(json!({ "instance-id": id, "ip": ip }));
        statuses.push(json!({ "public-ip": public, "status": "success" }));
        instances.push(json!({
            "id": id, "state": "running", "public-ip": public, "private-networks": [{ "id": network }],
        }));
    }
    let service = json!({ "id": network, "healthcheck-status": statuses });
    let (pool, balancer) = (environment.stack.pool, environment.stack.balancer);
    let answers = [
        (
            format!("instance-pool/{pool}"),
            json!({ "id": pool, "size": instances.len(), "state": "running", "instances": instances }),
        ),
        ("instance".to_owned(), json!({ "instances": instances })),
        (
            format!("private-network/{network}"),
            json!({ "id": network, "leases": leases }),
        ),
        (
            format!("load-balancer/{balancer}"),
            json!({ "id": balancer, "services": [service] }),
        ),
    ];
    for (at, answer) in answers {
        Mock::given(method("GET"))
            .and(path(format!("/v2/{at}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    server
}

#[tokio::test]
async fn a_member_that_is_asked_by_its_private_address_is_waited_for_too() {
    let environment = Environment::with_pool(2).await;
    let members = Members::of(&environment).await;
    let api = pool_with_private_addresses(&environment, &members).await;
    let settings = members
        .settings()
        .set("drain.timeout", "1s")
        .set("discovery.addresses", "private")
        .set("exoscale.endpoint", format!("{}/v2", api.uri()));
    let agent = environment.start(settings).await;
    agent.alert("down").await;
    until("the drain ends", || {
        let drained = agent.line("Members are drained.");
        drained.or_else(|| agent.line("Members are not empty in time."))
    })
    .await;
    let in_time = agent.line("Members are drained.");
    assert!(in_time.is_none(), "the balancer still sends connections");
}

/// Linux takes 0.0.0.0 for this machine, where a service may be that is nobody's member.
#[tokio::test]
async fn the_token_is_sent_to_no_address_that_no_member_can_have() {
    for (address, reason) in [
        ("0.0.0.0", "unspecified"),
        ("169.254.169.254", "link_local"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
    ] {
        let environment = Environment::with_pool(2).await;
        let stranger = MockServer::start().await;
        let edit = Edit::set("/instances/*/public-ip", address);
        let edited = Fault::edit("list-instances", 1_000_000, vec![edit]);
        environment.cloud.faults().add(edited);
        let settings = Settings::default()
            // It knows members by the addresses that are changed here.
            .set("exoscale.load_balancer", "")
            .set("drain.mode", "http")
            .set("drain.port", stranger.address().port())
            .set("drain.token", TOKEN);
        let agent = environment.start(settings).await;
        agent.alert("down").await;
        // As after any drain that fails.
        environment.until_size(1).await;
        let line = agent.line("Member cannot be drained.").expect("a line");
        let error = line["fields"]["error"].as_str().unwrap();
        assert!(error.contains("nothing is sent to this address"), "{error}");
        assert!(agent.line("Some members cannot be drained.").is_some());
        assert!(stranger.received_requests().await.unwrap().is_empty());
        let metrics = agent.get("/metrics").await.text().await.unwrap();
        let counted = format!(r#"purpose="drain",reason="{reason}""#);
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

/// Members that know nothing of drains are not asked; the wait alone is one, and ends as one.
#[tokio::test]
async fn a_wait_asks_no_member_ends_by_itself_and_is_given_up_for_an_up() {
    let environment = Environment::with_pool(3).await;
    let members = Members::of(&environment).await;
    let waits = |time: &str| {
        members
            .settings()
            .set("drain.mode", format!("wait={time}"))
            .set("exoscale.load_balancer", "")
    };
    let mut agent = environment.start(waits("1h")).await;
    agent.alert("down").await;
    agent.until_decided("draining", "low_load").await;
    agent.alert("up").await;
    agent.until_decided("given_back", "up_wins").await;
    environment.until_size(4).await;
    assert_eq!(environment.calls("evict-instance-pool-members"), 0);
    agent.end(Signal::TERM).await;

    environment.write_journal(&long_ago());
    let agent = environment.restart(waits("1ms")).await;
    agent.alert("down").await;
    environment.until_size(3).await;
    for server in members.servers.values() {
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
