//! Servers that can be told to fail, and clients, for the load balancer's tests.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use local_cloud::nlb::{
    Health, HealthCheckConfig, HealthCheckMode, Service, ServiceConfig, ServiceHandle, Strategy,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Far longer than anything here takes, so that only a hang runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Fails the test instead of hanging.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("gave up waiting: {what}")
    };
    value
}

/// Waits for a number that no channel announces.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// An address of this process alone, so that test programs can run at the same time.
pub(crate) fn fresh_ip() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

/// What a server answers to a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    Status(u16),
    Hang,
    Garbage,
}

/// A server that answers `GET` with a status, `who` with its own address, and echoes what follows
/// `echo`. Its connections outlive its listener, as a draining server's do.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    checks: watch::Sender<Checks>,
    seen: watch::Receiver<u32>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("SO_REUSEADDR");
        socket.bind(address).expect("a free address");
        let listener = socket.listen(1024).expect("listening");
        let address = listener.local_addr().expect("bound");
        let (checks, answers) = watch::channel(Checks::Status(200));
        let (count, seen) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, address, answers.clone(), count.clone()));
            }
        });
        Self {
            address,
            checks,
            seen,
            accepting,
        }
    }

    pub(crate) fn answer_checks_with(&self, checks: Checks) {
        self.checks.send_replace(checks);
    }

    /// Waits for this many more health checks over HTTP to arrive.
    pub(crate) async fn checked(&mut self, times: u32) {
        let target = *self.seen.borrow_and_update() + times;
        within("health checks", self.seen.wait_for(|seen| *seen >= target))
            .await
            .expect("the server runs");
    }

    /// Stops listening, and returns when connections are refused.
    pub(crate) async fn die(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    own: SocketAddr,
    mut answers: watch::Receiver<Checks>,
    count: watch::Sender<u32>,
) -> io::Result<()> {
    let mut command = [0; 4];
    stream.read_exact(&mut command).await?;
    match &command {
        b"GET " => {
            count.send_modify(|count| *count += 1);
            // The answer is the one set by the time the check has been counted.
            let answer = *answers.borrow_and_update();
            match answer {
                Checks::Status(code) => {
                    let head = format!("HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\n\r\n");
                    stream.write_all(head.as_bytes()).await
                }
                Checks::Garbage => stream.write_all(b"220 mail.example ESMTP\r\n").await,
                Checks::Hang => {
                    let mut rest = Vec::new();
                    stream.read_to_end(&mut rest).await.map(|_| ())
                }
            }
        }
        b"who " => stream.write_all(own.to_string().as_bytes()).await,
        b"echo" => {
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await?;
            to.shutdown().await
        }
        other => panic!("unknown command {other:?}"),
    }
}

/// Servers on one port of several addresses, as the members of a pool are.
pub(crate) fn servers(count: usize) -> Vec<Server> {
    let first = Server::start(SocketAddr::new(fresh_ip(), 0));
    let port = first.address.port();
    let others = (1..count).map(|_| Server::start(SocketAddr::new(fresh_ip(), port)));
    std::iter::once(first).chain(others).collect()
}

/// A balancer over servers, with the channel that tells it its members.
pub(crate) struct Balanced {
    pub(crate) service: ServiceHandle,
    pub(crate) targets: watch::Sender<Vec<SocketAddr>>,
}

pub(crate) fn addresses(servers: &[Server]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.address).collect()
}

/// Checks by connecting, so rarely that in a test only the first check happens.
pub(crate) fn checked_once(servers: &[Server]) -> ServiceConfig {
    let health = HealthCheckConfig {
        mode: HealthCheckMode::Tcp,
        port: servers[0].address.port(),
        interval: Duration::from_secs(3600),
        timeout: Duration::from_secs(20),
        retries: 1,
    };
    ServiceConfig::new(SocketAddr::new(fresh_ip(), 0), Strategy::RoundRobin, health)
}

/// Checks over HTTP and often.
pub(crate) fn checked_often(servers: &[Server], retries: u32) -> ServiceConfig {
    let mut config = checked_once(servers);
    config.health = HealthCheckConfig {
        mode: HealthCheckMode::Http {
            uri: "/health".into(),
        },
        interval: Duration::from_millis(150),
        timeout: Duration::from_millis(150),
        retries,
        ..config.health
    };
    config
}

impl Balanced {
    pub(crate) async fn start(config: ServiceConfig, members: Vec<SocketAddr>) -> Self {
        let (targets, receiver) = watch::channel(members);
        let service = Service::start(config, receiver)
            .await
            .expect("the service starts");
        Self { service, targets }
    }

    /// A balancer whose members have all passed their first check.
    pub(crate) async fn healthy(config: ServiceConfig, servers: &[Server]) -> Self {
        let balanced = Self::start(config, addresses(servers)).await;
        balanced.all(servers.len(), Health::Success).await;
        balanced
    }

    pub(crate) async fn statuses_become(
        &self,
        what: &str,
        holds: impl FnMut(&Vec<(SocketAddr, Health)>) -> bool,
    ) {
        let mut statuses = self.service.watch_statuses();
        within(what, statuses.wait_for(holds))
            .await
            .expect("the service runs");
    }

    pub(crate) async fn all(&self, count: usize, health: Health) {
        self.statuses_become("all members' health", |statuses| {
            statuses.len() == count && statuses.iter().all(|(_, now)| *now == health)
        })
        .await;
    }

    pub(crate) async fn member_becomes(&self, member: SocketAddr, health: Health) {
        self.statuses_become("a member's health", |statuses| {
            statuses.contains(&(member, health))
        })
        .await;
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        within("connecting", TcpStream::connect(self.service.local_addr()))
            .await
            .expect("the service listens")
    }

    pub(crate) async fn connect_from(&self, ip: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::new(ip, 0))
            .expect("a loopback address");
        within("connecting", socket.connect(self.service.local_addr()))
            .await
            .expect("the service listens")
    }

    /// A connection to a server that echoes.
    pub(crate) async fn echo(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(b"echo").await.expect("writing");
        round_trip(&mut stream).await.expect("the server echoes");
        stream
    }

    /// Which server takes the next connection.
    pub(crate) async fn who(&self) -> SocketAddr {
        who(self.connect().await).await
    }
}

/// Which server took this connection.
pub(crate) async fn who(mut stream: TcpStream) -> SocketAddr {
    stream.write_all(b"who ").await.expect("writing");
    let mut name = String::new();
    within("an answer", stream.read_to_string(&mut name))
        .await
        .expect("an answer and an orderly end");
    name.parse().expect("the server's address")
}

/// Sends a few bytes to an echoing server and reads them back.
pub(crate) async fn round_trip(stream: &mut TcpStream) -> io::Result<()> {
    let mut back = [0; 5];
    stream.write_all(b"hello").await?;
    within("an echo", stream.read_exact(&mut back)).await?;
    assert_eq!(&back, b"hello");
    Ok(())
}

/// Asserts that the peer reset the connection.
pub(crate) async fn expect_reset(stream: &mut TcpStream) {
    let outcome = within("a reset", stream.read(&mut [0; 64])).await;
    assert_eq!(
        outcome.expect_err("reset, not an orderly end").kind(),
        io::ErrorKind::ConnectionReset
    );
}

/// Runs futures at the same time and collects what they return.
pub(crate) async fn all_of<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    futures.into_iter().collect::<JoinSet<_>>().join_all().await
}
