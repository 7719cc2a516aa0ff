//! What happens to a connection's bytes, and how it ends.

use std::{io, net::SocketAddr, time::Duration};

use local_cloud::nlb::{Health, HealthCheckConfig, HealthCheckMode, ServiceConfig, Strategy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::nlb_support::{
    Balanced, checked_once, expect_reset, fresh_ip, round_trip, servers, until, who, within,
};

/// Bytes whose every part differs from the others, so that loss, repetition and mixing up show.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// A balancer over one listener that the test serves by hand.
async fn by_hand() -> (Balanced, TcpListener) {
    let listener = TcpListener::bind((fresh_ip(), 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let health = HealthCheckConfig {
        mode: HealthCheckMode::Tcp,
        port: address.port(),
        interval: Duration::from_secs(3600),
        timeout: Duration::from_secs(20),
        retries: 1,
    };
    let config = ServiceConfig::new(SocketAddr::new(fresh_ip(), 0), Strategy::RoundRobin, health);
    let balanced = Balanced::start(config, vec![address]).await;
    balanced.all(1, Health::Success).await;
    listener
        .accept()
        .await
        .expect("the health check's connection");
    (balanced, listener)
}

/// Both ends of a forwarded connection.
async fn forwarded(balanced: &Balanced, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = balanced.connect().await;
    let (server, _) = within("the forwarded connection", listener.accept())
        .await
        .expect("a connection");
    (client, server)
}

#[tokio::test]
async fn ten_megabytes_each_way_arrive_unchanged() {
    const LENGTH: usize = 10_000_000;
    let (balanced, listener) = by_hand().await;
    let (mut client, mut server) = forwarded(&balanced, &listener).await;
    let (up, down) = (pattern(LENGTH, 1), pattern(LENGTH, 2));
    let (mut client_reads, mut client_writes) = client.split();
    let (mut server_reads, mut server_writes) = server.split();
    let (mut got_up, mut got_down) = (Vec::new(), Vec::new());
    within("both transfers", async {
        tokio::try_join!(
            async {
                client_writes.write_all(&up).await?;
                client_writes.shutdown().await
            },
            async {
                server_writes.write_all(&down).await?;
                server_writes.shutdown().await
            },
            server_reads.read_to_end(&mut got_up),
            client_reads.read_to_end(&mut got_down),
        )
    })
    .await
    .expect("both transfers complete");
    assert!(got_up == up, "the bytes from the client changed");
    assert!(got_down == down, "the bytes from the server changed");
    until("the connection ended", || {
        balanced.service.stats().open == 0
    })
    .await;
    let stats = balanced.service.stats();
    assert_eq!(
        (stats.bytes_from_clients, stats.bytes_to_clients),
        (LENGTH as u64, LENGTH as u64)
    );
}

#[tokio::test]
async fn a_client_that_has_sent_all_still_gets_its_answer() {
    let (balanced, listener) = by_hand().await;
    let (mut client, mut server) = forwarded(&balanced, &listener).await;
    client.write_all(b"question").await.expect("writing");
    client.shutdown().await.expect("half-closing");
    let mut question = String::new();
    within("the client's end", server.read_to_string(&mut question))
        .await
        .expect("reading");
    assert_eq!(question, "question");

    server
        .write_all(b"answer")
        .await
        .expect("the other direction is open");
    drop(server);
    let mut answer = String::new();
    within("the answer", client.read_to_string(&mut answer))
        .await
        .expect("an orderly end");
    assert_eq!(answer, "answer");
}

#[tokio::test]
async fn a_server_that_has_sent_all_still_gets_the_rest() {
    let (balanced, listener) = by_hand().await;
    let (mut client, mut server) = forwarded(&balanced, &listener).await;
    server.shutdown().await.expect("half-closing");
    assert_eq!(
        within("the server's end", client.read(&mut [0; 1]))
            .await
            .expect("an orderly end"),
        0
    );
    client
        .write_all(b"the rest")
        .await
        .expect("the other direction is open");
    drop(client);
    let mut rest = String::new();
    within("the rest", server.read_to_string(&mut rest))
        .await
        .expect("an orderly end");
    assert_eq!(rest, "the rest");
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset() {
    let (balanced, listener) = by_hand().await;
    let (client, mut server) = forwarded(&balanced, &listener).await;
    client.set_zero_linger().expect("SO_LINGER");
    drop(client);
    expect_reset(&mut server).await;

    let (mut client, server) = forwarded(&balanced, &listener).await;
    server.set_zero_linger().expect("SO_LINGER");
    drop(server);
    expect_reset(&mut client).await;
    until("both ended", || balanced.service.stats().open == 0).await;
}

#[tokio::test]
async fn what_a_server_said_before_it_broke_off_is_delivered() {
    let (balanced, listener) = by_hand().await;
    let (mut client, mut server) = forwarded(&balanced, &listener).await;
    client
        .write_all(b"never read by the server")
        .await
        .expect("writing");
    within("the bytes", server.peek(&mut [0; 1]))
        .await
        .expect("peeking");
    server.write_all(b"too large").await.expect("writing");
    // Closing with unread bytes resets the connection.
    drop(server);
    let mut answer = [0; 9];
    within("the answer", client.read_exact(&mut answer))
        .await
        .expect("the answer before the reset");
    assert_eq!(&answer, b"too large");
    expect_reset(&mut client).await;
}

#[tokio::test]
async fn a_slow_reader_holds_its_writer_back() {
    const LENGTH: usize = 96 << 20;
    let (balanced, listener) = by_hand().await;
    let (mut client, mut server) = forwarded(&balanced, &listener).await;
    let writing = tokio::spawn(async move {
        let chunk = pattern(1 << 20, 3);
        for _ in 0..LENGTH / chunk.len() {
            server.write_all(&chunk).await?;
        }
        server.shutdown().await
    });
    // Nothing announces that nothing happens: it has stalled when no byte moved for a while.
    let mut moved = 0;
    within("a stall", async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = balanced.service.stats().bytes_to_clients;
            if now > 0 && now == moved {
                break;
            }
            moved = now;
        }
    })
    .await;
    // The rest is in the kernel's buffers of four sockets, some megabytes each at most.
    assert!(
        moved < LENGTH as u64 / 2,
        "{moved} bytes passed without a reader"
    );
    assert!(!writing.is_finished());

    let expected = pattern(1 << 20, 3);
    let mut chunk = vec![0; expected.len()];
    for _ in 0..LENGTH / expected.len() {
        within("the next part", client.read_exact(&mut chunk))
            .await
            .expect("reading");
        assert!(chunk == expected, "the bytes changed");
    }
    assert_eq!(
        within("the end", client.read(&mut chunk))
            .await
            .expect("an orderly end"),
        0
    );
    writing.await.expect("no panic").expect("all was written");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let servers = servers(1);
    let mut config = checked_once(&servers);
    config.limits.max_connections = 2;
    let balanced = Balanced::healthy(config, &servers).await;
    let first = balanced.echo().await;
    let mut second = balanced.echo().await;
    let third = balanced.connect().await;
    for _ in 0..20 {
        round_trip(&mut second).await.expect("the second goes on");
    }
    let stats = balanced.service.stats();
    assert_eq!(
        (stats.open, stats.total),
        (2, 2),
        "the third is not accepted"
    );
    drop(first);
    assert_eq!(who(third).await, servers[0].address);
}

#[tokio::test]
async fn stopping_lets_open_connections_end() {
    let servers = servers(1);
    let balanced = Balanced::healthy(checked_once(&servers), &servers).await;
    let address = balanced.service.local_addr();
    let mut open = balanced.echo().await;
    let mut stopping = tokio::spawn(balanced.service.stop());
    within("the listener to close", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    round_trip(&mut open)
        .await
        .expect("the open connection goes on");
    assert!(!stopping.is_finished());
    drop(open);
    within("the stop", &mut stopping).await.expect("no panic");
}

#[tokio::test]
async fn stopping_resets_connections_after_the_grace_time() {
    let servers = servers(1);
    let mut config = checked_once(&servers);
    config.limits.stop_grace = Duration::from_millis(50);
    let balanced = Balanced::healthy(config.clone(), &servers).await;
    let mut open = balanced.echo().await;
    // The server closes this one first, so its socket on the listener's address goes to TIME-WAIT.
    balanced.who().await;
    config.listen = balanced.service.local_addr();
    within("the stop", balanced.service.stop()).await;
    expect_reset(&mut open).await;

    // The address is free at once all the same.
    Balanced::healthy(config, &servers).await;
}

#[tokio::test]
async fn dropping_the_handle_stops_the_service() {
    let servers = servers(1);
    let balanced = Balanced::healthy(checked_once(&servers), &servers).await;
    let address = balanced.service.local_addr();
    let mut open = balanced.echo().await;
    drop(balanced);
    expect_reset(&mut open).await;
    within("the listener to close", async {
        loop {
            match TcpStream::connect(address).await {
                Err(error) => break assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
}
