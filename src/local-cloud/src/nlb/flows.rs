//! The flows of UDP that are open: one for each source address and port.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{net::UdpSocket, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Health, member::Member};

/// Datagrams from one source, to one member and back.
#[derive(Debug)]
pub(super) struct Flow {
    /// Connected to the member.
    pub(super) socket: UdpSocket,
    pub(super) member: Arc<Member>,
    /// Cancelled when it is over.
    pub(super) end: CancellationToken,
    last: Mutex<Instant>,
}

impl Flow {
    pub(super) fn new(socket: UdpSocket, member: Arc<Member>, end: CancellationToken) -> Self {
        let last = Mutex::new(Instant::now());
        Self {
            socket,
            member,
            end,
            last,
        }
    }

    /// Something came.
    pub(super) fn touch(&self) {
        *self.last.lock() = Instant::now();
    }

    /// When it is over unless something comes.
    pub(super) fn deadline(&self, idle: Duration) -> Instant {
        *self.last.lock() + idle
    }

    fn takes_more(&self) -> bool {
        self.member.health() == Health::Success && !self.member.removed.is_cancelled()
    }
}

/// All flows of a service, at most as many as its limit.
#[derive(Debug, Default)]
pub(super) struct Flows {
    by_source: HashMap<SocketAddr, (u64, Arc<Flow>)>,
    /// The source whose client was quiet longest comes first.
    by_turn: BTreeMap<u64, SocketAddr>,
    turns: u64,
}

impl Flows {
    /// The flow of a source, if its member still takes datagrams. Otherwise the flow is over.
    pub(super) fn current(&mut self, source: SocketAddr) -> Option<Arc<Flow>> {
        let turn = self.next_turn();
        let (last, flow) = self.by_source.get_mut(&source)?;
        if !flow.takes_more() {
            self.end(source);
            return None;
        }
        self.by_turn.remove(last);
        self.by_turn.insert(turn, source);
        *last = turn;
        Some(Arc::clone(flow))
    }

    /// Adds a flow; where there are `limit`, the one whose client was quiet longest is over.
    pub(super) fn add(&mut self, source: SocketAddr, flow: Arc<Flow>, limit: usize) {
        self.end(source);
        while self.by_source.len() >= limit
            && let Some((_, quiet)) = self.by_turn.first_key_value()
        {
            let quiet = *quiet;
            self.end(quiet);
        }
        let turn = self.next_turn();
        self.by_turn.insert(turn, source);
        self.by_source.insert(source, (turn, flow));
    }

    /// Ends the flow of a source.
    pub(super) fn end(&mut self, source: SocketAddr) {
        if let Some((turn, flow)) = self.by_source.remove(&source) {
            self.by_turn.remove(&turn);
            flow.end.cancel();
        }
    }

    /// Ends this flow, not another one that its source has by now.
    pub(super) fn end_this(&mut self, source: SocketAddr, flow: &Arc<Flow>) {
        let current = self.by_source.get(&source);
        if current.is_some_and(|(_, current)| Arc::ptr_eq(current, flow)) {
            self.end(source);
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}
