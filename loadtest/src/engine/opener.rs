//! When a worker's connections are opened, shared and replaced.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use super::{
    connect::{ConnectError, Connector},
    connection::{Connection, Transport, Usage},
    h1::H1,
    hyper::Hyper,
    state::WorkerState,
};
use crate::{plan::Engine, schedule::nanos};

/// An HTTP/2 connection that several slots share.
#[derive(Default)]
struct Multiplexed {
    current: RefCell<Option<(Weak<Usage>, Hyper)>>,
    /// Held while a connection is opened, so that one is enough.
    opening: tokio::sync::Mutex<()>,
}

pub(crate) struct Opener {
    connector: Connector,
    /// With HTTP/2, the connections that slots share.
    multiplexed: Vec<Multiplexed>,
    random: RefCell<fastrand::Rng>,
}

impl Opener {
    /// For at most so many connections at once.
    pub(crate) fn new(connector: Connector, connections: usize) -> Self {
        Self {
            connector,
            multiplexed: std::iter::repeat_with(Multiplexed::default)
                .take(connections)
                .collect(),
            random: RefCell::new(fastrand::Rng::new()),
        }
    }

    /// Resolves the names of the way to the target again.
    pub(crate) async fn refresh(&self) {
        self.connector.refresh().await;
    }

    /// Opens a connection, and decides when it will be replaced; or joins the one that this slot
    /// shares.
    pub(crate) async fn connect(
        &self,
        state: &WorkerState,
        slot: usize,
    ) -> Result<Connection, ConnectError> {
        if !matches!(state.plan.engine, Engine::Http2 { .. }) {
            return self.open(state).await;
        }
        let multiplexed = &self.multiplexed[slot % self.multiplexed.len()];
        let _opening = multiplexed.opening.lock().await;
        let now = state.clock.now();
        let usable = |usage: &Usage| !self.is_outdated(state, usage, now);
        if let Some(connection) = multiplexed.join(usable) {
            return Ok(connection);
        }
        let connection = self.open(state).await?;
        multiplexed.offer(&connection);
        Ok(connection)
    }

    async fn open(&self, state: &WorkerState) -> Result<Connection, ConnectError> {
        let plan = &state.plan;
        let start = state.clock.now();
        let (stream, peer) = self.connector.open().await?;
        let transport = match plan.engine {
            Engine::Http1 => Transport::H1(H1::new(stream, !state.closed_loop)),
            Engine::Hyper => Transport::Hyper(Hyper::http1(stream).await?),
            Engine::Http2 { .. } => Transport::Hyper(Hyper::http2(stream).await?),
        };
        let now = state.clock.now();
        state.recorder.borrow_mut().connected(now - start);
        let expires = plan.connection_max_age.map_or(u64::MAX, |age| {
            let part = 1.0 - plan.connection_age_jitter * self.random.borrow_mut().f64();
            now.saturating_add((nanos(age) as f64 * part) as u64)
        });
        let usage = Usage::new(peer, expires, &state.open);
        Ok(Connection::new(usage, transport))
    }

    /// Whether a connection is to be replaced before the next request.
    pub(crate) fn is_outdated(&self, state: &WorkerState, usage: &Usage, now: u64) -> bool {
        usage.spent.get()
            || now >= usage.expires
            || state
                .plan
                .connection_max_requests
                .is_some_and(|max| usage.requests.get() >= max)
            || !self.connector.has(usage.peer)
    }
}

impl Multiplexed {
    /// The connection, if there is one that `usable` accepts.
    fn join(&self, usable: impl Fn(&Usage) -> bool) -> Option<Connection> {
        let mut current = self.current.borrow_mut();
        let (usage, hyper) = current.as_ref()?;
        let open = usage
            .upgrade()
            .filter(|usage| usable(usage) && !hyper.is_closed());
        let joined = open.zip(hyper.share());
        if joined.is_none() {
            *current = None;
        }
        joined.map(|(usage, hyper)| Connection::new(usage, Transport::Hyper(hyper)))
    }

    /// Lets other slots join a connection.
    fn offer(&self, connection: &Connection) {
        if let Some(hyper) = connection.share() {
            *self.current.borrow_mut() = Some((Rc::downgrade(&connection.usage), hyper));
        }
    }
}
