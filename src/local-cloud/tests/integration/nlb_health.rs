//! Health checks: when a member fails, when it recovers, and what that means for connections.

use std::time::Duration;

use local_cloud::nlb::Health;

use crate::nlb_support::{
    Balanced, Checks, Server, addresses, checked_often, checked_once, round_trip, servers,
};

#[tokio::test]
async fn a_member_fails_after_its_retries_and_recovers_with_one_success() {
    let servers = servers(2);
    let balanced = Balanced::healthy(checked_often(&servers, 2), &servers).await;
    servers[0].answer_checks_with(Checks::Status(503));
    balanced
        .member_becomes(servers[0].address, Health::Failure)
        .await;
    for _ in 0..4 {
        assert_eq!(balanced.who().await, servers[1].address);
    }
    servers[0].answer_checks_with(Checks::Status(204));
    balanced
        .member_becomes(servers[0].address, Health::Success)
        .await;
}

#[tokio::test]
async fn fewer_failures_than_retries_change_nothing() {
    let mut servers = servers(1);
    let balanced = Balanced::healthy(checked_often(&servers, 1000), &servers).await;
    servers[0].answer_checks_with(Checks::Status(500));
    // The answer to one check is known when the next begins.
    servers[0].checked(5).await;
    assert_eq!(
        balanced.service.statuses(),
        [(servers[0].address, Health::Success)]
    );
}

#[tokio::test]
async fn every_kind_of_wrong_answer_is_a_failure() {
    for wrong in [
        Checks::Status(199),
        Checks::Status(301),
        Checks::Status(404),
        Checks::Hang,
        Checks::Garbage,
    ] {
        let servers = servers(1);
        let balanced = Balanced::healthy(checked_often(&servers, 1), &servers).await;
        servers[0].answer_checks_with(wrong);
        balanced
            .member_becomes(servers[0].address, Health::Failure)
            .await;
    }
}

#[tokio::test]
async fn a_new_member_is_failed_until_its_first_success() {
    let mut servers = servers(1);
    servers[0].answer_checks_with(Checks::Status(503));
    let balanced = Balanced::start(checked_often(&servers, 1000), addresses(&servers)).await;
    servers[0].checked(3).await;
    assert_eq!(
        balanced.service.statuses(),
        [(servers[0].address, Health::Failure)]
    );
    servers[0].answer_checks_with(Checks::Status(200));
    balanced
        .member_becomes(servers[0].address, Health::Success)
        .await;
}

#[tokio::test]
async fn a_failed_members_established_connections_go_on() {
    let servers = servers(1);
    let balanced = Balanced::healthy(checked_often(&servers, 1), &servers).await;
    let mut open = balanced.echo().await;
    servers[0].answer_checks_with(Checks::Status(503));
    balanced
        .member_becomes(servers[0].address, Health::Failure)
        .await;
    round_trip(&mut open)
        .await
        .expect("the established connection goes on");
}

#[tokio::test]
async fn a_server_that_dies_and_starts_again_is_noticed_by_tcp_checks() {
    let mut servers = servers(1);
    let mut config = checked_once(&servers);
    config.health.interval = Duration::from_millis(50);
    config.health.timeout = Duration::from_millis(50);
    let balanced = Balanced::healthy(config, &servers).await;
    servers[0].die().await;
    balanced.all(1, Health::Failure).await;
    let _again = Server::start(servers[0].address);
    balanced.all(1, Health::Success).await;
}

#[tokio::test]
async fn a_changed_check_applies_at_once() {
    let servers = servers(1);
    let config = checked_once(&servers);
    let balanced = Balanced::healthy(config.clone(), &servers).await;
    servers[0].answer_checks_with(Checks::Status(503));
    // The check that is in effect comes once an hour; the new one must not wait for it.
    let mut changed = config;
    changed.health = checked_often(&servers, 1).health;
    balanced
        .service
        .update(changed)
        .expect("a valid configuration");
    balanced.all(1, Health::Failure).await;
}
