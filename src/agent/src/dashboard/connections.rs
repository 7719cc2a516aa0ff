//! Keeps the web server reachable: when too many connections are open, the one that was used least
//! recently is closed.
//!
//! Without this, connections that nobody uses (silent, half a request, an answer that nobody reads)
//! would keep alerts waiting until they time out. Live streams are exempt; they have a limit of
//! their own.

use std::{
    cell::Cell,
    collections::BTreeMap,
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use parking_lot::Mutex;
use rustix::net::{Shutdown, shutdown, sockopt::set_tcp_user_timeout};
use tokio::time::Instant;

/// Connections at once, where the process may open enough files.
const MAX_CONNECTIONS: usize = 1_024;

/// Live streams at once.
const MAX_STREAMS: usize = 64;

/// Files left for everything else: the discovery file, the journal, calls of the API and to
/// members.
const RESERVED_FILES: usize = 128;

/// A client that takes nothing of what it is sent for this long is gone.
const UNREAD_TIMEOUT_MS: u32 = 30_000;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// All of them. More wait in the kernel's queue.
    pub(super) all: usize,
    /// Those that are no live streams. Together with the streams fewer than `all`, so that there is
    /// always a place.
    pub(super) kept: usize,
    /// Live streams.
    pub(super) streams: usize,
}

impl Limits {
    /// What fits into this number of open files. A kept connection takes two: see [`Connection`].
    pub(super) fn within(files: usize) -> Self {
        let room = files - RESERVED_FILES.min(files / 2);
        let all = (room / 7 * 4).clamp(8, MAX_CONNECTIONS);
        let streams = (all / 4).min(MAX_STREAMS);
        Self {
            all,
            kept: (all - streams) / 4 * 3,
            streams,
        }
    }
}

/// The open connections but for live streams.
#[derive(Debug)]
pub(super) struct Connections {
    kept: usize,
    unused_for: Duration,
    by_use: Mutex<ByUse>,
}

#[derive(Debug, Default)]
struct ByUse {
    uses: u64,
    /// With the time of the use.
    handles: BTreeMap<u64, (Instant, OwnedFd)>,
}

/// One connection. It has a second handle of the socket, with which others can close it.
#[derive(Debug)]
pub(super) struct Connection {
    connections: Arc<Connections>,
    last_use: Cell<Option<u64>>,
}

impl Connections {
    /// Nobody waits for anything on a connection that was not used for `unused_for`.
    pub(super) fn new(limits: Limits, unused_for: Duration) -> Arc<Self> {
        Arc::new(Self {
            kept: limits.kept,
            unused_for,
            by_use: Mutex::default(),
        })
    }

    /// Takes a new connection in, and says whether another one was closed for it. Whatever was not
    /// used for long is closed as well.
    pub(super) fn open(self: &Arc<Self>, stream: &TcpStream) -> (Connection, bool) {
        // Only makes the end of some clients known earlier; without it they are closed when there
        // are too many.
        let _ = set_tcp_user_timeout(stream, UNREAD_TIMEOUT_MS);
        let connection = Connection {
            connections: self.clone(),
            last_use: Cell::new(None),
        };
        let Ok(handle) = stream.as_fd().try_clone_to_owned() else {
            return (connection, false);
        };
        let now = Instant::now();
        let mut by_use = self.by_use.lock();
        connection.last_use.set(Some(by_use.add(now, handle)));
        while by_use.close_oldest(|used, _| now - used > self.unused_for) {}
        let closed = by_use.close_oldest(|_, count| count > self.kept);
        drop(by_use);
        (connection, closed)
    }
}

impl ByUse {
    fn add(&mut self, now: Instant, handle: OwnedFd) -> u64 {
        self.uses += 1;
        self.handles.insert(self.uses, (now, handle));
        self.uses
    }

    /// Closes the least recently used one if its last use and the number of all say so.
    fn close_oldest(&mut self, is_due: impl Fn(Instant, usize) -> bool) -> bool {
        let count = self.handles.len();
        let oldest = self.handles.first_entry();
        let Some(oldest) = oldest.filter(|oldest| is_due(oldest.get().0, count)) else {
            return false;
        };
        // A failure says that it is closed already.
        let _ = shutdown(oldest.remove().1, Shutdown::Both);
        true
    }
}

impl Connection {
    /// A request came: others are closed before this one.
    pub(super) fn used(&self) {
        let mut by_use = self.connections.by_use.lock();
        let last_use = self.last_use.take();
        let handle = last_use.and_then(|last_use| by_use.handles.remove(&last_use));
        let now = Instant::now();
        self.last_use
            .set(handle.map(|(_, handle)| by_use.add(now, handle)));
    }

    /// It is a live stream now.
    pub(super) fn exempt(&self) {
        if let Some(last_use) = self.last_use.take() {
            self.connections.by_use.lock().handles.remove(&last_use);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.exempt();
    }
}

#[cfg(test)]
mod tests {
    use actix_web::rt::net::TcpListener;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn all_connections_fit_into_the_files_and_leave_some() {
        for files in [64, 256, 1_024, 20_000, 65_536, usize::MAX] {
            let Limits { all, kept, streams } = Limits::within(files);
            let left = files - all - kept;
            assert!(left >= RESERVED_FILES.min(files / 2), "{files}");
            assert!(kept + streams < all && kept > 0 && streams > 0, "{files}");
        }
        let usual = Limits::within(65_536);
        assert_eq!((usual.all, usual.streams), (MAX_CONNECTIONS, MAX_STREAMS));
        // Nothing fits into so few, but nothing breaks either.
        assert!(Limits::within(3).kept > 0);
    }

    /// Two ends of a connection; the second is the server's.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, served) = tokio::join!(client, listener.accept());
        (client.unwrap(), served.unwrap().0)
    }

    async fn is_open((client, served): &mut (TcpStream, TcpStream)) -> bool {
        // What was shut down can be written to by neither end.
        if served.write_all(b"x").await.is_err() {
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            return false;
        }
        client.read(&mut [0]).await.unwrap() == 1
    }

    #[tokio::test]
    async fn the_least_recently_used_one_is_closed() {
        let limits = Limits {
            all: 8,
            kept: 3,
            streams: 1,
        };
        let connections = Connections::new(limits, Duration::MAX);
        let (mut pairs, mut open) = (Vec::new(), Vec::new());
        for number in 0..6 {
            let pair = pair().await;
            let (connection, closed) = connections.open(&pair.1);
            assert_eq!(closed, number > 3, "{number}");
            match number {
                0 => connection.exempt(),
                2 => open.iter().for_each(Connection::used),
                _ => {}
            }
            open.push(connection);
            pairs.push(pair);
        }
        // 0 is exempt; 1 was used after 2 came; 4 and 5 closed one each.
        let mut found = Vec::new();
        for pair in &mut pairs {
            found.push(is_open(pair).await);
        }
        assert_eq!(found, [true, false, false, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_uses_for_long_is_closed() {
        let long = Duration::from_secs(60);
        let connections = Connections::new(Limits::within(256), long);
        let mut pairs = [pair().await, pair().await, pair().await, pair().await];
        let [unused, stream, used, new] = &pairs;
        let _unused = connections.open(&unused.1);
        let (stream, _) = connections.open(&stream.1);
        let (used, _) = connections.open(&used.1);
        stream.exempt();
        tokio::time::advance(long).await;
        used.used();
        tokio::time::advance(Duration::from_secs(1)).await;
        let _new = connections.open(&new.1);
        let mut found = Vec::new();
        for pair in &mut pairs {
            found.push(is_open(pair).await);
        }
        assert_eq!(found, [false, true, true, true]);
    }

    #[tokio::test]
    async fn what_has_ended_leaves_nothing_behind() {
        let connections = Connections::new(Limits::within(256), Duration::MAX);
        let pair = pair().await;
        let (connection, _) = connections.open(&pair.1);
        connection.used();
        assert_eq!(connections.by_use.lock().handles.len(), 1);
        drop(connection);
        assert_eq!(connections.by_use.lock().handles.len(), 0);
    }
}
