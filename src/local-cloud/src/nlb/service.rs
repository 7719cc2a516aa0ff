//! A running service: its tasks, and the handle that controls them.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
};

use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Health, HealthCheckConfig, Limits, NlbError, Protocol, ServiceConfig, Stats, datagrams,
    health::attend,
    listener::{accept, bind},
    member::{Member, Roster},
    stats::Counters,
};

/// What the tasks of one service share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) roster: watch::Sender<Arc<Roster>>,
    pub(super) health: watch::Sender<Arc<HealthCheckConfig>>,
    statuses: watch::Sender<Vec<(SocketAddr, Health)>>,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    /// Whose turn is next in round robin.
    pub(super) turn: AtomicUsize,
    pub(super) tasks: TaskTracker,
    /// Cancelled when nothing new may begin: no connection, no check.
    pub(super) stopping: CancellationToken,
    /// Cancelled when open connections must end now.
    pub(super) kill: CancellationToken,
}

impl Shared {
    fn set_members(self: &Arc<Self>, addresses: &[SocketAddr]) {
        self.roster.send_modify(|roster| {
            *roster = Arc::new(roster.with_members(addresses, |address| {
                let member = Arc::new(Member::new(address, &self.stopping, &self.kill));
                self.tasks.spawn(attend(self.clone(), member.clone()));
                member
            }));
        });
        self.publish_statuses();
    }

    /// Reads the members' health inside the channel's lock, so that the last to publish publishes
    /// the latest.
    pub(super) fn publish_statuses(&self) {
        self.statuses.send_if_modified(|published| {
            let now = self.roster.borrow().statuses();
            let changed = *published != now;
            *published = now;
            changed
        });
    }
}

/// A service that is about to run.
#[derive(Debug)]
pub struct Service;

impl Service {
    /// Listens on `config.listen` and balances what comes over `targets`, the members' addresses
    /// (IP address and port that takes connections), which may change at any time. When the sender
    /// of `targets` goes away, its last list stays.
    ///
    /// # Errors
    /// When the configuration cannot work, or the address cannot be listened on.
    #[expect(
        clippy::unused_async,
        reason = "its sockets and tasks need a runtime, which an async caller has"
    )]
    pub async fn start(
        config: ServiceConfig,
        mut targets: watch::Receiver<Vec<SocketAddr>>,
    ) -> Result<ServiceHandle, NlbError> {
        config.validate()?;
        let listener = match config.protocol {
            Protocol::Tcp => Listener::Tcp(bind(config.listen)?),
            Protocol::Udp => Listener::Udp(datagrams::bind(config.listen)?),
        };
        let local_addr = listener.local_addr().map_err(|source| NlbError::Listen {
            address: config.listen,
            source,
        })?;
        let shared = Arc::new(Shared {
            roster: watch::Sender::new(Arc::new(Roster::empty(config.strategy))),
            health: watch::Sender::new(Arc::new(config.health)),
            statuses: watch::Sender::new(Vec::new()),
            limits: config.limits,
            counters: Counters::default(),
            turn: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            kill: CancellationToken::new(),
        });
        shared.set_members(&targets.borrow_and_update());
        shared.tasks.spawn(follow(shared.clone(), targets));
        match listener {
            Listener::Tcp(listener) => shared.tasks.spawn(accept(shared.clone(), listener)),
            Listener::Udp(socket) => {
                shared
                    .tasks
                    .spawn(datagrams::forward(shared.clone(), socket, local_addr))
            }
        };
        Ok(ServiceHandle {
            shared,
            protocol: config.protocol,
            listen: config.listen,
            local_addr,
        })
    }
}

enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Listener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        }
    }
}

/// Applies each new list of members.
async fn follow(shared: Arc<Shared>, mut targets: watch::Receiver<Vec<SocketAddr>>) {
    while let Some(Ok(())) = shared.stopping.run_until_cancelled(targets.changed()).await {
        let addresses = targets.borrow_and_update().clone();
        shared.set_members(&addresses);
    }
}

/// Controls a running service. Dropping it stops the service at once and resets its connections;
/// [`ServiceHandle::stop`] lets them end.
#[derive(Debug)]
pub struct ServiceHandle {
    shared: Arc<Shared>,
    protocol: Protocol,
    listen: SocketAddr,
    local_addr: SocketAddr,
}

impl ServiceHandle {
    /// Where the service listens, with the port that the operating system chose if the
    /// configuration left it open.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Each member's health now, in the order of the list.
    pub fn statuses(&self) -> Vec<(SocketAddr, Health)> {
        self.shared.statuses.borrow().clone()
    }

    /// Follows [`ServiceHandle::statuses`]: changes whenever a member comes, goes, fails or
    /// recovers.
    pub fn watch_statuses(&self) -> watch::Receiver<Vec<(SocketAddr, Health)>> {
        self.shared.statuses.subscribe()
    }

    /// What the service has done so far.
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            open: counters.open.get(),
            draining: self.shared.roster.borrow().draining(),
            total: counters.total.get(),
            refused: counters.refused.get(),
            connect_failures: counters.connect_failures.get(),
            bytes_from_clients: counters.bytes_from_clients.get(),
            bytes_to_clients: counters.bytes_to_clients.get(),
        }
    }

    /// Changes the strategy and the health check, both at once for new connections; members are
    /// checked anew right away and keep their health until then. [`ServiceConfig::limits`] stay as
    /// they were when the service started.
    ///
    /// # Errors
    /// When the configuration cannot work, or names another protocol or address to listen on; the
    /// service then goes on unchanged.
    pub fn update(&self, config: ServiceConfig) -> Result<(), NlbError> {
        config.validate()?;
        if config.protocol != self.protocol {
            return Err(NlbError::ProtocolFixed);
        }
        if config.listen != self.listen && config.listen != self.local_addr {
            return Err(NlbError::ListenAddressFixed {
                current: self.local_addr,
                asked: config.listen,
            });
        }
        self.shared
            .roster
            .send_modify(|roster| *roster = Arc::new(roster.with_strategy(config.strategy)));
        self.shared.health.send_if_modified(|health| {
            let changed = **health != config.health;
            *health = Arc::new(config.health);
            changed
        });
        Ok(())
    }

    /// Stops listening and checking at once, waits for open connections to end, and resets those
    /// still open after [`Limits::stop_grace`]. Flows of UDP, which have no end, stop at once. When
    /// it returns, no task and no socket of the service is left.
    pub async fn stop(self) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if timeout(self.shared.limits.stop_grace, self.shared.tasks.wait())
            .await
            .is_err()
        {
            self.shared.kill.cancel();
            self.shared.tasks.wait().await;
        }
    }
}

impl Drop for ServiceHandle {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.shared.kill.cancel();
    }
}
