//! Load balancer services that really forward: the rest of the local cloud's view of
//! [`super::nlb`].

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use program::error_chain::with_causes;
use tokio::sync::watch;

use super::{
    nlb::{
        self, Health, HealthCheckConfig, HealthCheckMode, NlbError, ServiceConfig, ServiceHandle,
    },
    traffic::{RunningService, ServiceSpec, ServiceStats, TrafficError, TrafficForwarder},
};

/// Forwards connections and datagrams between real sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forwarding;

impl TrafficForwarder for Forwarding {
    fn start(
        &self,
        spec: ServiceSpec,
        targets: watch::Receiver<Vec<SocketAddr>>,
    ) -> BoxFuture<'static, Result<Arc<dyn RunningService>, TrafficError>> {
        async move {
            let handle = nlb::Service::start(config_of(&spec), targets).await?;
            let service: Arc<dyn RunningService> = Arc::new(Forwarder {
                listen: handle.local_addr(),
                handle: Mutex::new(Some(handle)),
            });
            Ok(service)
        }
        .boxed()
    }
}

impl From<NlbError> for TrafficError {
    fn from(error: NlbError) -> Self {
        match error {
            NlbError::PermissionDenied { address } => Self::NotAllowed(address),
            other => Self::Other(with_causes(&other)),
        }
    }
}

#[derive(Debug)]
struct Forwarder {
    listen: SocketAddr,
    /// `None` when it was stopped.
    handle: Mutex<Option<ServiceHandle>>,
}

impl Forwarder {
    fn with<T: Default>(&self, read: impl FnOnce(&ServiceHandle) -> T) -> T {
        let handle = self.handle.lock();
        handle.as_ref().map(read).unwrap_or_default()
    }
}

impl RunningService for Forwarder {
    fn listen(&self) -> Option<SocketAddr> {
        Some(self.listen)
    }

    fn statuses(&self) -> Vec<(SocketAddr, bool)> {
        let verdicts = self.with(ServiceHandle::statuses).into_iter();
        verdicts
            .map(|(server, health)| (server, health == Health::Success))
            .collect()
    }

    fn stats(&self) -> ServiceStats {
        let stats = self.with(ServiceHandle::stats);
        ServiceStats {
            open: stats.open,
            draining: stats.draining,
            total: stats.total,
            refused: stats.refused,
            connect_failures: stats.connect_failures,
        }
    }

    fn update(&self, spec: ServiceSpec) -> Result<(), TrafficError> {
        // It may listen above the port that was asked for.
        let config = config_of(&ServiceSpec {
            listen: self.listen,
            ..spec
        });
        self.with(|handle| Some(handle.update(config)))
            .transpose()?;
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        let handle = self.handle.lock().take();
        async move {
            if let Some(handle) = handle {
                handle.stop().await;
            }
        }
        .boxed()
    }
}

fn config_of(spec: &ServiceSpec) -> ServiceConfig {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into()).div_f64(spec.speed);
    let health = &spec.health;
    let uri = || health.uri.clone().unwrap_or_else(|| "/".to_owned());
    let mode = match health.mode.as_str() {
        "tcp" => HealthCheckMode::Tcp,
        "https" => HealthCheckMode::Https {
            uri: uri(),
            sni: health.tls_sni.clone(),
        },
        _ => HealthCheckMode::Http { uri: uri() },
    };
    let check = HealthCheckConfig {
        mode,
        port: health.port,
        interval: seconds(health.interval),
        timeout: seconds(health.timeout),
        retries: health.retries,
    };
    ServiceConfig {
        protocol: spec.protocol,
        ..ServiceConfig::new(spec.listen, spec.strategy, check)
    }
}
