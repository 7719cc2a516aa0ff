//! Datagrams: which member gets them, what comes back, and that nothing grows without bound.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use exoscale::models::HealthStatus;
use local_cloud::{
    Forwarding, LocalCloudConfig, Status,
    nlb::{Health, Limits, Protocol, ServiceConfig, Strategy},
};
use serde_json::json;
use test_support::{Api, quick};
use tokio::{net::UdpSocket, task::JoinHandle};
use tokio_rustls::rustls::version::TLS13;

use crate::nlb_https::TlsServer;
use crate::nlb_support::{
    Balanced, Checks, PATIENCE, Server, addresses, checked_often, checked_once, fresh_ip, servers,
    until, within,
};

/// Answers each datagram with its own address, a space and the datagram.
struct Echo(JoinHandle<()>);

impl Echo {
    async fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).await.expect("a free port");
        Self::on(socket)
    }

    fn on(socket: UdpSocket) -> Self {
        let address = socket.local_addr().unwrap();
        Self(tokio::spawn(async move {
            let mut buffer = vec![0; 65_535];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let mut answer = format!("{address} ").into_bytes();
                answer.extend_from_slice(&buffer[..length]);
                socket.send_to(&answer, from).await.expect("an answer");
            }
        }))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn echoes(servers: &[Server]) -> Vec<Echo> {
    let mut echoes = Vec::new();
    for address in addresses(servers) {
        echoes.push(Echo::start(address).await);
    }
    echoes
}

fn of_datagrams(config: ServiceConfig, strategy: Strategy) -> ServiceConfig {
    ServiceConfig {
        protocol: Protocol::Udp,
        strategy,
        ..config
    }
}

async fn client(balanced: &Balanced, ip: IpAddr) -> UdpSocket {
    client_of(balanced.service.local_addr(), ip).await
}

async fn client_of(service: SocketAddr, ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    socket.connect(service).await.unwrap();
    socket
}

/// Sends a datagram and says who answered it; what came back is what was sent.
async fn ask(client: &UdpSocket, datagram: &[u8]) -> SocketAddr {
    client.send(datagram).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = within("an answer", client.recv(&mut buffer)).await.unwrap();
    let answer = &buffer[..length];
    let space = answer.iter().position(|byte| *byte == b' ').unwrap();
    assert_eq!(&answer[space + 1..], datagram);
    std::str::from_utf8(&answer[..space])
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_source_keeps_its_member_and_gets_its_answers() {
    let servers = servers(2);
    let _echoes = echoes(&servers).await;
    let config = of_datagrams(checked_once(&servers), Strategy::RoundRobin);
    let balanced = Balanced::healthy(config, &servers).await;
    let ip = fresh_ip();
    let clients = [client(&balanced, ip).await, client(&balanced, ip).await];
    let members = [ask(&clients[0], b"a").await, ask(&clients[1], b"b").await];
    assert_ne!(members[0], members[1], "each source in turn");
    let long = vec![7; 60_000];
    for datagram in [&b"c"[..], b"", &long] {
        for (client, member) in clients.iter().zip(members) {
            assert_eq!(ask(client, datagram).await, member);
        }
    }
    let stats = balanced.service.stats();
    assert_eq!((stats.open, stats.total, stats.refused), (2, 2, 0));
    assert_eq!(stats.bytes_from_clients, 2 * 60_002);
    within("the service stops", balanced.service.stop()).await;
}

#[tokio::test]
async fn hashes_take_what_their_names_say() {
    let servers = servers(4);
    let _echoes = echoes(&servers).await;
    for (strategy, ports_matter) in [(Strategy::SourceHash, false), (Strategy::MaglevHash, true)] {
        let config = of_datagrams(checked_once(&servers), strategy);
        let balanced = Balanced::healthy(config, &servers).await;
        let mut of_one_address = BTreeSet::new();
        let ip = fresh_ip();
        for _ in 0..60 {
            let client = client(&balanced, ip).await;
            of_one_address.insert(ask(&client, b"x").await);
        }
        assert_eq!(of_one_address.len() > 1, ports_matter, "{strategy:?}");
    }
}

#[tokio::test]
async fn a_failed_members_sources_go_to_another() {
    let servers = servers(2);
    let _echoes = echoes(&servers).await;
    let config = of_datagrams(checked_often(&servers, 2), Strategy::SourceHash);
    let balanced = Balanced::healthy(config, &servers).await;
    let client = client(&balanced, fresh_ip()).await;
    let member = ask(&client, b"x").await;
    let failing = servers.iter().find(|s| s.address == member).unwrap();
    failing.answer_checks_with(Checks::Status(503));
    balanced.member_becomes(member, Health::Failure).await;
    let other = ask(&client, b"y").await;
    assert_ne!(other, member);

    // The one that is left leaves, too: nobody takes the datagram.
    balanced.targets.send_replace(vec![member]);
    until("it left", || balanced.service.statuses().len() == 1).await;
    client.send(b"z").await.unwrap();
    until("refusal", || balanced.service.stats().refused == 1).await;
    until("no flow", || balanced.service.stats().open == 0).await;
}

#[tokio::test]
async fn a_member_without_anybody_on_the_port_is_passed_over() {
    let servers = servers(2);
    let _only = Echo::start(servers[1].address).await;
    let config = of_datagrams(checked_once(&servers), Strategy::RoundRobin);
    let balanced = Balanced::healthy(config, &servers).await;
    let client = client(&balanced, fresh_ip()).await;
    // The kernel tells of the first one's closed port after the fact: that datagram is lost.
    client.send(b"x").await.unwrap();
    until("it is known", || {
        balanced.service.stats().connect_failures == 1
    })
    .await;
    until("no flow", || balanced.service.stats().open == 0).await;
    assert_eq!(ask(&client, b"y").await, servers[1].address);
}

#[tokio::test]
async fn a_quiet_flow_ends() {
    let servers = servers(1);
    let _echoes = echoes(&servers).await;
    let mut config = of_datagrams(checked_once(&servers), Strategy::RoundRobin);
    config.limits.flow_idle = Duration::from_millis(50);
    let balanced = Balanced::healthy(config, &servers).await;
    let client = client(&balanced, fresh_ip()).await;
    ask(&client, b"x").await;
    until("it is over", || balanced.service.stats().open == 0).await;
    ask(&client, b"y").await;
    assert_eq!(balanced.service.stats().total, 2);
}

#[tokio::test]
async fn many_sources_take_bounded_memory_and_the_quietest_makes_room() {
    let servers = servers(1);
    let _echoes = echoes(&servers).await;
    let mut config = of_datagrams(checked_once(&servers), Strategy::RoundRobin);
    config.limits = Limits {
        max_connections: 10,
        flow_idle: PATIENCE,
        ..Limits::default()
    };
    let balanced = Balanced::healthy(config, &servers).await;
    let ip = fresh_ip();
    let steady = client(&balanced, ip).await;
    ask(&steady, b"x").await;
    for _ in 0..50 {
        let passing = client(&balanced, ip).await;
        ask(&passing, b"x").await;
        // It is not the one that was quiet longest, so its flow is still the first one.
        ask(&steady, b"y").await;
    }
    until("ten flows", || balanced.service.stats().open == 10).await;
    assert_eq!(balanced.service.stats().total, 51);
}

/// The whole way: what the API is asked for is what real sockets do.
#[tokio::test]
async fn the_api_makes_a_service_of_datagrams_that_is_checked_over_https() {
    let api = Api::start(LocalCloudConfig {
        speed: 20.0,
        forwarder: Arc::new(Forwarding),
        ..quick(LocalCloudConfig::without_processes())
    })
    .await;
    let pool = api.pool(1).await;
    let member = IpAddr::from(api.cloud.status().pools[0].members[0].ip);
    let mut checked = TlsServer::start(member, &TLS13).await;
    let socket = UdpSocket::bind((member, 0)).await.unwrap();
    let server = socket.local_addr().unwrap();
    let _echo = Echo::on(socket);
    let balancer = api.post("/load-balancer", json!({ "name": "dns" })).await;
    let balancer = api.done(balancer).await;
    let service = json!({
        "name": "dns", "instance-pool": { "id": pool }, "protocol": "udp",
        "strategy": "maglev-hash", "port": 53, "target-port": server.port(),
        "healthcheck": {
            "mode": "https", "port": checked.address.port(), "uri": "/healthz",
            "tls-sni": "example.net", "interval": 10, "timeout": 10, "retries": 3,
        },
    });
    let path = format!("/load-balancer/{balancer}/service");
    api.done(api.post(&path, service).await).await;
    let healthy = |status: &Status| {
        let servers = &status.balancers[0].services[0].servers;
        servers
            .iter()
            .any(|server| server.status == HealthStatus::Success)
    };
    let status = api.until("a healthy member", healthy).await;
    let seen = checked.seen.borrow_and_update().clone().unwrap();
    assert_eq!(seen.0.as_deref(), Some("example.net"));
    let service = &status.balancers[0].services[0];
    // Who may not listen on port 53 finds it above.
    let client = client_of(service.listen.unwrap(), fresh_ip()).await;
    assert_eq!(ask(&client, b"question").await, server);
    api.cloud.stop().await;
}
