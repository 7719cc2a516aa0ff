//! A worker's connections to an origin: by its addresses in turn, as they are at the time.

use std::{
    cell::{Cell, RefCell},
    io,
    sync::Arc,
    time::Duration,
};

use super::{
    stream::Stream,
    way::{Peer, Way},
};
use crate::{proxy::Proxy, record::Failure};

/// Opens connections to the addresses of a way in turn.
pub(crate) struct Connector {
    way: Way,
    peers: RefCell<Arc<[Peer]>>,
    next: Cell<usize>,
    timeout: Duration,
}

impl Connector {
    /// `offset` is where this worker begins in the list of addresses.
    pub(crate) fn new(way: Way, peers: &[Peer], offset: usize, timeout: Duration) -> Self {
        Self {
            way,
            peers: RefCell::new(peers.into()),
            next: Cell::new(offset),
            timeout,
        }
    }

    /// Whether the way still has these addresses.
    pub(crate) fn has(&self, peer: Peer) -> bool {
        let peers = self.peers.borrow();
        peers.len() == 1 && peers[0] == peer || peers.contains(&peer)
    }

    /// Resolves the names again. A failure keeps the addresses that there are.
    pub(crate) async fn refresh(&self) {
        if self.way.is_fixed() {
            return;
        }
        if let Ok(peers) = self.way.resolve(true).await {
            *self.peers.borrow_mut() = peers.into();
        }
    }

    /// Opens a connection to the next address; to the one after it if that fails, until all have
    /// been tried.
    pub(crate) async fn open(&self) -> Result<(Stream, Peer), ConnectError> {
        let peers = Arc::clone(&self.peers.borrow());
        let first = self.next.get();
        self.next.set(first.wrapping_add(1));
        let mut last = ConnectError::new(Failure::Dns, "the name has no address");
        for offset in 0..peers.len() {
            let peer = peers[first.wrapping_add(offset) % peers.len()];
            match tokio::time::timeout(self.timeout, self.way.open(peer)).await {
                Ok(Ok(stream)) => return Ok((stream, peer)),
                Ok(Err(error)) => last = error,
                Err(_) => {
                    let reason = format!("connect timed out ({})", self.way.show(&[peer]));
                    last = ConnectError::new(Failure::ConnectTimeout, &reason);
                }
            }
            if matches!(last.failure, Failure::LocalPorts | Failure::OpenFiles) {
                break;
            }
        }
        Err(last)
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ConnectError {
    pub(crate) failure: Failure,
    /// The reason, for a reader.
    pub(crate) reason: String,
}

impl ConnectError {
    pub(crate) fn new(failure: Failure, reason: &str) -> Self {
        Self {
            failure,
            reason: reason.to_owned(),
        }
    }

    /// The proxy cannot be reached.
    pub(crate) fn of_proxy(error: &io::Error, proxy: &Proxy) -> Self {
        let failure = Failure::of_connect(error);
        let reason = match failure {
            Failure::Refused => format!("the proxy {proxy} refused the connection. Is it running?"),
            _ => format!("cannot connect to the proxy {proxy}: {error}"),
        };
        Self { failure, reason }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        let failure = Failure::of_connect(&error);
        let reason = match failure {
            Failure::Refused => "connection refused. Is the server running?".to_owned(),
            _ => error.to_string(),
        };
        Self { failure, reason }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::net::TcpListener;

    use super::{Connector, Peer, Way};
    use crate::{
        plan::{Load, Plan},
        record::Failure,
    };

    #[tokio::test]
    async fn addresses_are_used_in_turn_and_dead_ones_passed_over() {
        let mut peers = Vec::new();
        let mut listeners = Vec::new();
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            peers.push(Peer::straight(listener.local_addr().expect("an address")));
            listeners.push(listener);
        }
        let target = "http://h/".parse().expect("a URL");
        let plan = Plan::new(target, Load::Closed(Duration::from_secs(1)));
        let way = Way::new(&plan, &plan.target, None, &Arc::default());
        let connector = Connector::new(way, &peers, 1, Duration::from_secs(5));
        let mut used = Vec::new();
        for _ in 0..3 {
            used.push(connector.open().await.expect("connected").1);
        }
        assert_eq!(used, [peers[1], peers[2], peers[0]]);
        assert!(connector.has(peers[2]));

        drop(listeners.remove(1));
        assert_eq!(
            connector.open().await.expect("connected").1,
            peers[2],
            "the second is dead"
        );
        listeners.clear();
        assert_eq!(
            connector
                .open()
                .await
                .map(|(_, peer)| peer)
                .expect_err("all dead")
                .failure,
            Failure::Refused
        );
    }
}
