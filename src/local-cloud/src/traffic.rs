//! What forwards a load balancer's traffic, as the rest of the local cloud sees it.

use std::{fmt, net::SocketAddr, sync::Arc};

use exoscale::models::HealthCheck;
use futures_util::{FutureExt as _, future, future::BoxFuture};
use parking_lot::Mutex;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::watch;

use super::nlb::{Protocol, Strategy};

/// One forwarded port.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// What is forwarded.
    pub protocol: Protocol,
    /// How a server is chosen.
    pub strategy: Strategy,
    /// The health check, in the API's seconds.
    pub health: HealthCheck,
    /// Divides the health check's times.
    pub speed: f64,
}

/// Why a service does not forward.
#[derive(Debug, Error)]
pub enum TrafficError {
    /// The port needs rights that this process does not have (below 1024 without root).
    #[error("not allowed to listen on {0}")]
    NotAllowed(SocketAddr),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Counts of a service since it started. Of UDP, a flow is a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceStats {
    /// Connections open now.
    pub open: u64,
    /// Of those, connections to members that have left the pool.
    pub draining: u64,
    /// Connections taken from clients.
    pub total: u64,
    /// Connections reset, or datagrams dropped, because no healthy member took them.
    pub refused: u64,
    /// Times that a healthy member did not take a connection or datagram.
    pub connect_failures: u64,
}

/// Forwards traffic.
pub trait TrafficForwarder: fmt::Debug + Send + Sync + 'static {
    /// Starts to forward to `targets`, which may change at any time; called within a tokio runtime.
    fn start(
        &self,
        spec: ServiceSpec,
        targets: watch::Receiver<Vec<SocketAddr>>,
    ) -> BoxFuture<'static, Result<Arc<dyn RunningService>, TrafficError>>;
}

/// A service that forwards.
pub trait RunningService: fmt::Debug + Send + Sync {
    /// The address that really serves; `None` when nothing listens.
    fn listen(&self) -> Option<SocketAddr>;

    /// The health check's verdict per target: true is healthy.
    fn statuses(&self) -> Vec<(SocketAddr, bool)>;

    /// Counts.
    fn stats(&self) -> ServiceStats;

    /// Changes strategy and health check; `spec.listen` and the protocol stay as they are.
    ///
    /// # Errors
    /// The change cannot work; the service then goes on unchanged.
    fn update(&self, spec: ServiceSpec) -> Result<(), TrafficError>;

    /// Stops listening and lets connections end.
    fn stop(&self) -> BoxFuture<'static, ()>;
}

/// Forwards nothing and checks nothing: each target counts as healthy. For instances that are only
/// answers and so could not be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoTraffic;

impl TrafficForwarder for NoTraffic {
    fn start(
        &self,
        _spec: ServiceSpec,
        targets: watch::Receiver<Vec<SocketAddr>>,
    ) -> BoxFuture<'static, Result<Arc<dyn RunningService>, TrafficError>> {
        let service: Arc<dyn RunningService> = Arc::new(NoTrafficService {
            targets: Mutex::new(targets),
        });
        future::ready(Ok(service)).boxed()
    }
}

#[derive(Debug)]
struct NoTrafficService {
    targets: Mutex<watch::Receiver<Vec<SocketAddr>>>,
}

impl RunningService for NoTrafficService {
    fn listen(&self) -> Option<SocketAddr> {
        None
    }

    fn statuses(&self) -> Vec<(SocketAddr, bool)> {
        let targets = self.targets.lock();
        targets
            .borrow()
            .iter()
            .map(|target| (*target, true))
            .collect()
    }

    fn stats(&self) -> ServiceStats {
        ServiceStats::default()
    }

    fn update(&self, _spec: ServiceSpec) -> Result<(), TrafficError> {
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        future::ready(()).boxed()
    }
}
