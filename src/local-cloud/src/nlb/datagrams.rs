//! UDP: datagrams from one source address and port go to one member, and its own come back.
//!
//! A flow begins with a datagram of a source that has none, and takes its member by the service's
//! strategy as a connection does. It ends when nothing came for [`super::Limits::flow_idle`].
//! Exoscale does not say what becomes of it when its member fails or leaves: here the next datagram
//! begins another one. A sender that keeps its port would otherwise reach nobody again.

use std::{
    io,
    net::{SocketAddr, UdpSocket as StdUdpSocket},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rustix::net::SendFlags;
use tokio::{
    io::Interest,
    net::UdpSocket,
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};

use super::{
    NlbError,
    flows::{Flow, Flows},
    listener::describe,
    member::Member,
    relay::SCRATCH,
    service::Shared,
};

/// Datagrams read at a time before other tasks have their turn.
const BATCH: usize = 64;

/// Until the next try when no datagram can be read.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes datagrams on `address`.
pub(super) fn bind(address: SocketAddr) -> Result<UdpSocket, NlbError> {
    let listen = || {
        let socket = StdUdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    };
    listen().map_err(|source| describe(address, source))
}

/// Forwards until the service stops.
pub(super) async fn forward(shared: Arc<Shared>, socket: UdpSocket, own: SocketAddr) {
    let stopping = shared.stopping.clone();
    let forwarder = Arc::new(Forwarder {
        shared,
        socket,
        own,
        flows: Mutex::default(),
    });
    stopping
        .run_until_cancelled(forwarder.forward_forever())
        .await;
}

struct Forwarder {
    shared: Arc<Shared>,
    /// Where clients send to.
    socket: UdpSocket,
    own: SocketAddr,
    flows: Mutex<Flows>,
}

impl Forwarder {
    async fn forward_forever(self: &Arc<Self>) {
        loop {
            let read = match self.socket.readable().await {
                Ok(()) => self.forward_batch(),
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                tracing::warn!(%error, "cannot read datagrams for now");
                sleep(PAUSE).await;
            }
            yield_now().await;
        }
    }

    /// Forwards what has come, up to a bound.
    fn forward_batch(self: &Arc<Self>) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|buffer| {
            for _ in 0..BATCH {
                match self.socket.try_recv_from(buffer) {
                    Ok((length, source)) => self.forward_one(&buffer[..length], source),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// A datagram that a member does not take is tried with the next one. That a member has nobody
    /// on its port is told after the fact, so it is a later datagram that finds out.
    fn forward_one(self: &Arc<Self>, datagram: &[u8], source: SocketAddr) {
        let counters = &self.shared.counters;
        let mut flows = self.flows.lock();
        let mut tried = Vec::new();
        while tried.len() < self.shared.limits.connect_attempts {
            let current = flows.current(source);
            let Some(flow) = current.or_else(|| self.begin(&mut flows, source, &mut tried)) else {
                break;
            };
            match rustix::net::send(&flow.socket, datagram, SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    flow.touch();
                    counters.bytes_from_clients.add(sent as u64);
                    return;
                }
                // No room: UDP drops.
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => return,
                Err(error) => {
                    tracing::debug!(member = %flow.member.address, %error, "member did not take a datagram");
                    counters.connect_failures.add(1);
                    tried.push(flow.member.address);
                    flows.end(source);
                }
            }
        }
        counters.refused.add(1);
    }

    /// Begins a flow with a healthy member other than those in `tried`.
    fn begin(
        self: &Arc<Self>,
        flows: &mut Flows,
        source: SocketAddr,
        tried: &mut Vec<SocketAddr>,
    ) -> Option<Arc<Flow>> {
        let shared = &self.shared;
        while tried.len() < shared.limits.connect_attempts {
            let member = {
                let roster = shared.roster.borrow();
                Arc::clone(roster.pick(source, &shared.turn, tried)?)
            };
            match self.open(&member) {
                Ok(socket) => {
                    let flow = Flow::new(socket, member, shared.stopping.child_token());
                    let flow = Arc::new(flow);
                    flows.add(source, Arc::clone(&flow), shared.limits.max_connections);
                    shared.counters.total.add(1);
                    let answers = Arc::clone(self).answer(source, Arc::clone(&flow));
                    shared.tasks.spawn(answers);
                    return Some(flow);
                }
                Err(error) => {
                    tracing::warn!(member = %member.address, %error, "cannot begin a flow");
                    shared.counters.connect_failures.add(1);
                    tried.push(member.address);
                }
            }
        }
        None
    }

    fn open(&self, member: &Member) -> io::Result<UdpSocket> {
        let socket = StdUdpSocket::bind((self.own.ip(), 0))?;
        socket.connect(member.address)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    }

    /// Passes a member's datagrams back until the flow is over.
    async fn answer(self: Arc<Self>, source: SocketAddr, flow: Arc<Flow>) {
        let _open = self.shared.counters.open.hold();
        let _open_to_member = flow.member.open.hold();
        loop {
            let deadline = flow.deadline(self.shared.limits.flow_idle);
            tokio::select! {
                () = flow.end.cancelled() => return,
                () = flow.member.cut.cancelled() => break,
                () = sleep_until(deadline) => {
                    // Held, so that no datagram is sent on a flow that ends.
                    let mut flows = self.flows.lock();
                    if flow.deadline(self.shared.limits.flow_idle) <= Instant::now() {
                        return flows.end_this(source, &flow);
                    }
                }
                ready = flow.socket.ready(Interest::READABLE | Interest::ERROR) => {
                    let read = ready.and_then(|ready| {
                        if ready.is_error() { told_error(&flow.socket) } else { Ok(()) }
                    });
                    let read = read.and_then(|()| self.answer_batch(source, &flow));
                    if let Err(error) = read {
                        tracing::debug!(member = %flow.member.address, %error, "member takes no datagrams");
                        self.shared.counters.connect_failures.add(1);
                        break;
                    }
                    yield_now().await;
                }
            }
        }
        self.flows.lock().end_this(source, &flow);
    }

    fn answer_batch(&self, source: SocketAddr, flow: &Flow) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|buffer| {
            for _ in 0..BATCH {
                match flow.socket.try_recv(buffer) {
                    Ok(length) => {
                        flow.touch();
                        let answer = &buffer[..length];
                        // A client that is gone, or has no room: UDP drops.
                        let sent =
                            rustix::net::sendto(&self.socket, answer, SendFlags::NOSIGNAL, &source);
                        let sent = sent.unwrap_or_default();
                        self.shared.counters.bytes_to_clients.add(sent as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }
}

/// What the kernel has to tell of a datagram sent before, such as that nobody has the port.
fn told_error(socket: &UdpSocket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // Told already: waiting for the next begins anew.
    let told = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
    let _ = socket.try_io(Interest::ERROR, told);
    Ok(())
}
