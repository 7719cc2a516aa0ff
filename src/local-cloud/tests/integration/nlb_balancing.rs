//! Which member takes a connection.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use local_cloud::nlb::{Health, HealthCheckMode, NlbError, Protocol, Service, Strategy};
use tokio::{net::TcpListener, sync::watch};

use crate::nlb_support::{
    Balanced, addresses, all_of, checked_once, expect_reset, fresh_ip, round_trip, servers, until,
    who,
};

#[tokio::test]
async fn round_robin_gives_every_member_the_same_number_of_connections() {
    let servers = servers(4);
    let balanced = Balanced::healthy(checked_once(&servers), &servers).await;
    let mut taken: HashMap<SocketAddr, u32> = HashMap::new();
    for _ in 0..40 {
        *taken.entry(balanced.who().await).or_default() += 1;
    }
    assert_eq!(
        taken,
        addresses(&servers)
            .into_iter()
            .map(|address| (address, 10))
            .collect()
    );
}

#[tokio::test]
async fn source_hash_keeps_each_client_on_its_member() {
    let servers = servers(4);
    let mut config = checked_once(&servers);
    config.strategy = Strategy::SourceHash;
    let balanced = Balanced::healthy(config, &servers).await;
    let mut used = HashSet::new();
    for last in 1..=24 {
        let client = IpAddr::V4(Ipv4Addr::new(127, 200, 7, last));
        let home = who(balanced.connect_from(client).await).await;
        for _ in 0..3 {
            assert_eq!(who(balanced.connect_from(client).await).await, home);
        }
        used.insert(home);
    }
    assert_eq!(used.len(), 4, "24 clients spread over all members");
}

#[tokio::test]
async fn the_strategy_can_change_while_running() {
    let servers = servers(3);
    let mut config = checked_once(&servers);
    config.strategy = Strategy::SourceHash;
    let balanced = Balanced::healthy(config.clone(), &servers).await;
    let home = balanced.who().await;
    assert_eq!(balanced.who().await, home);
    for strategy in [Strategy::RoundRobin, Strategy::MaglevHash] {
        config.strategy = strategy;
        balanced
            .service
            .update(config.clone())
            .expect("a valid configuration");
        let mut used = HashSet::new();
        for _ in 0..60 {
            used.insert(balanced.who().await);
        }
        assert_eq!(used.len(), 3, "{strategy:?} uses every member");
    }
}

#[tokio::test]
async fn an_update_that_cannot_work_changes_nothing() {
    let servers = servers(1);
    let config = checked_once(&servers);
    let balanced = Balanced::healthy(config.clone(), &servers).await;

    let mut elsewhere = config.clone();
    elsewhere.listen = SocketAddr::new(fresh_ip(), 0);
    assert!(matches!(
        balanced.service.update(elsewhere),
        Err(NlbError::ListenAddressFixed { .. })
    ));

    let mut datagrams = config.clone();
    datagrams.protocol = Protocol::Udp;
    assert!(matches!(
        balanced.service.update(datagrams),
        Err(NlbError::ProtocolFixed)
    ));

    let mut https = config;
    https.health.mode = HealthCheckMode::Https {
        uri: "/".into(),
        sni: Some("127.0.0.1".into()),
    };
    let refused = balanced.service.update(https).unwrap_err();
    assert_eq!(refused.to_string(), "health.mode.sni must be a domain name");

    assert_eq!(balanced.who().await, servers[0].address);
}

#[tokio::test]
async fn a_member_that_dies_between_two_checks_costs_no_connection() {
    let mut servers = servers(3);
    let balanced = Balanced::healthy(checked_once(&servers), &servers).await;
    servers[0].die().await;
    servers[2].die().await;
    for _ in 0..12 {
        assert_eq!(balanced.who().await, servers[1].address);
    }
    let stats = balanced.service.stats();
    assert_eq!((stats.total, stats.refused), (12, 0));
    assert!(stats.connect_failures >= 12, "{stats:?}");
}

#[tokio::test]
async fn members_tried_for_one_connection_are_bounded() {
    let mut servers = servers(4);
    let mut config = checked_once(&servers);
    config.limits.connect_attempts = 2;
    let balanced = Balanced::healthy(config, &servers).await;
    for server in &mut servers {
        server.die().await;
    }
    expect_reset(&mut balanced.connect().await).await;
    let stats = balanced.service.stats();
    assert_eq!((stats.connect_failures, stats.refused), (2, 1));
}

#[tokio::test]
async fn without_a_healthy_member_a_connection_is_reset_at_once() {
    let mut servers = servers(1);
    servers[0].die().await;
    let balanced = Balanced::start(checked_once(&servers), addresses(&servers)).await;
    assert_eq!(
        balanced.service.statuses(),
        [(servers[0].address, Health::Failure)]
    );
    expect_reset(&mut balanced.connect().await).await;

    balanced.targets.send_replace(Vec::new());
    balanced.statuses_become("no members", Vec::is_empty).await;
    expect_reset(&mut balanced.connect().await).await;
    until("both counted", || balanced.service.stats().refused == 2).await;
}

#[tokio::test]
async fn a_member_added_takes_connections_once_it_passed_its_check() {
    let servers = servers(2);
    let balanced = Balanced::healthy(checked_once(&servers), &servers[..1]).await;
    balanced.targets.send_replace(addresses(&servers));
    balanced.all(2, Health::Success).await;
    let used: HashSet<_> = [balanced.who().await, balanced.who().await].into();
    assert_eq!(used, addresses(&servers).into_iter().collect());
}

#[tokio::test]
async fn an_address_listed_twice_is_one_member() {
    let servers = servers(2);
    let twice = [addresses(&servers), addresses(&servers)].concat();
    let balanced = Balanced::start(checked_once(&servers), twice).await;
    balanced.all(2, Health::Success).await;
}

#[tokio::test]
async fn a_removed_member_gets_nothing_new_and_keeps_what_it_has() {
    let servers = servers(2);
    let balanced = Balanced::healthy(checked_once(&servers), &servers[..1]).await;
    let mut open = balanced.echo().await;
    balanced.targets.send_replace(vec![servers[1].address]);
    balanced
        .member_becomes(servers[1].address, Health::Success)
        .await;

    for _ in 0..4 {
        assert_eq!(balanced.who().await, servers[1].address);
    }
    round_trip(&mut open)
        .await
        .expect("the established connection goes on");
    assert_eq!(balanced.service.stats().draining, 1);
    drop(open);
    until("it ended", || balanced.service.stats().draining == 0).await;
}

#[tokio::test]
async fn a_removed_members_connections_end_at_the_deadline() {
    let servers = servers(2);
    let mut config = checked_once(&servers);
    config.limits.removed_deadline = Some(Duration::from_millis(50));
    let balanced = Balanced::healthy(config, &servers).await;
    let mut both = [balanced.echo().await, balanced.echo().await];
    balanced.targets.send_replace(vec![servers[1].address]);
    expect_reset(&mut both[0]).await;
    round_trip(&mut both[1])
        .await
        .expect("the other member's connection goes on");
    until("it is not counted any more", || {
        balanced.service.stats().draining == 0
    })
    .await;
}

#[tokio::test]
async fn a_hundred_clients_at_once_lose_nothing_while_members_come_and_go() {
    let servers = servers(4);
    let balanced = Balanced::healthy(checked_once(&servers), &servers).await;
    let address = balanced.service.local_addr();
    let clients = tokio::spawn(all_of((0..100).map(move |_| async move {
        let mut answers = 0;
        for _ in 0..5 {
            who(tokio::net::TcpStream::connect(address)
                .await
                .expect("the service listens"))
            .await;
            answers += 1;
        }
        answers
    })));
    // The first two members stay, so that there is a healthy one at every moment.
    while !clients.is_finished() {
        balanced.targets.send_replace(addresses(&servers[..2]));
        tokio::task::yield_now().await;
        balanced.targets.send_replace(addresses(&servers));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        clients
            .await
            .expect("no client failed")
            .into_iter()
            .sum::<u32>(),
        500
    );
    until("all have ended", || balanced.service.stats().open == 0).await;
    assert_eq!(balanced.service.stats().refused, 0);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind((fresh_ip(), 0))
        .await
        .expect("a free port");
    let servers = servers(1);
    let mut config = checked_once(&servers);
    config.listen = taken.local_addr().expect("bound");
    let (_targets, members) = watch::channel(Vec::new());
    let error = Service::start(config, members)
        .await
        .expect_err("the address is in use");
    let NlbError::AddressInUse { address } = error else {
        panic!("{error:?}")
    };
    assert_eq!(address, taken.local_addr().expect("bound"));
}
