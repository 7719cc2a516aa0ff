//! A small HTTP server with the behaviours that the tests and the benchmarks need.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    net::{SocketAddr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use loadtest::{Plan, Run, Summary};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::LocalSet,
};

/// An address that refuses connections, and keeps doing so while the socket is held: bound, but
/// never listening.
pub(crate) fn refusing_address() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a free port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// Carries a plan out.
pub(crate) async fn run(plan: Plan) -> Summary {
    Run::start(plan)
        .await
        .expect("started")
        .wait()
        .await
        .expect("finished")
}

/// What the server does.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// The value of `x-instance`; connections get these in turn.
    pub(crate) instances: Vec<String>,
    /// The header that holds it.
    pub(crate) instance_header: &'static str,
    /// How long each answer takes.
    pub(crate) delay: Duration,
    /// No answer is given while the wall clock is in the first part of each period.
    pub(crate) stall: Option<Stall>,
    /// Answers with `Connection: close` after so many on one connection.
    pub(crate) close_after: Option<u64>,
    /// Closes a connection, without a word, when a request arrives that would be the n-th.
    pub(crate) drop_at: Option<u64>,
    /// The status and the rest of the head of each answer.
    pub(crate) status: &'static str,
    /// Ends before the answer's body does.
    pub(crate) truncate: bool,
    /// Answers with exactly these bytes, in turn, and keeps the connection.
    pub(crate) raw: Vec<Vec<u8>>,
}

/// A server that stands still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    /// For how long.
    pub(crate) length: Duration,
    /// How often; stalls begin at multiples of it since 1970.
    pub(crate) period: Duration,
}

impl Stall {
    /// How long the stall of this moment still lasts; zero outside of one.
    pub(crate) fn left(self) -> Duration {
        let phase = self.phase();
        self.length.saturating_sub(phase)
    }

    /// Time since the last stall began.
    pub(crate) fn phase(self) -> Duration {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        Duration::from_nanos((now.as_nanos() % self.period.as_nanos()) as u64)
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            instances: vec!["i-1".to_owned()],
            instance_header: "x-instance",
            delay: Duration::ZERO,
            stall: None,
            close_after: None,
            drop_at: None,
            status: "200 OK",
            truncate: false,
            raw: Vec::new(),
        }
    }
}

/// What the server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
}

/// A running server. It runs until the process ends.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    /// Starts one on a free loopback port.
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::start_at("127.0.0.1:0", 1, behaviour)
    }

    /// Starts one on an address with so many threads.
    pub(crate) fn start_at(address: &str, threads: usize, behaviour: Behaviour) -> Self {
        let listener = StdListener::bind(address).expect("a free address");
        listener.set_nonblocking(true).expect("nonblocking");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let behaviour = Arc::new(behaviour);
        for _ in 0..threads {
            let listener = listener.try_clone().expect("a second handle");
            let (behaviour, seen) = (Arc::clone(&behaviour), Arc::clone(&seen));
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                LocalSet::new().block_on(&runtime, accept(listener, behaviour, seen));
            });
        }
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::Relaxed)
    }
}

async fn accept(listener: StdListener, behaviour: Arc<Behaviour>, seen: Arc<Seen>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::task::spawn_local(serve(stream, Arc::clone(&behaviour), Arc::clone(&seen)));
    }
}

async fn serve(mut stream: TcpStream, behaviour: Arc<Behaviour>, seen: Arc<Seen>) {
    let number = seen.connections.fetch_add(1, Ordering::Relaxed);
    let instance = &behaviour.instances[number as usize % behaviour.instances.len()];
    let head = |close: bool| {
        let connection = if close { "connection: close\r\n" } else { "" };
        let (status, header) = (behaviour.status, behaviour.instance_header);
        format!(
            "HTTP/1.1 {status}\r\n{header}: {instance}\r\n{connection}content-length: 13\r\n\r\nHello, world!"
        )
    };
    let (open, last) = (head(false), head(true));
    let mut buffer = [0; 8192];
    let (mut filled, mut served) = (0, 0);
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(n) => filled += n,
        }
        // The tests send no bodies, and one request at a time.
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        served += 1;
        if behaviour.drop_at.is_some_and(|nth| served >= nth) {
            return;
        }
        if !behaviour.delay.is_zero() {
            tokio::time::sleep(behaviour.delay).await;
        }
        while let Some(left) = behaviour
            .stall
            .map(Stall::left)
            .filter(|left| !left.is_zero())
        {
            tokio::time::sleep(left).await;
        }
        let number = seen.requests.fetch_add(1, Ordering::Relaxed) as usize;
        if !behaviour.raw.is_empty() {
            let raw = &behaviour.raw[number % behaviour.raw.len()];
            if stream.write_all(raw).await.is_err() {
                return;
            }
            continue;
        }
        let close = behaviour.close_after.is_some_and(|count| served >= count);
        let answer = if close { &last } else { &open };
        let end = if behaviour.truncate {
            answer.len() - 5
        } else {
            answer.len()
        };
        if stream.write_all(&answer.as_bytes()[..end]).await.is_err() || close || behaviour.truncate
        {
            return;
        }
    }
}
