//! Starts the agent: the actors of each pool, and what the web server needs of them.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use actix::Arbiter;
use futures_util::future::join_all;
use parking_lot::RwLock;
use program::error_chain::with_causes;
use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;
use whole_file::FileError;

use super::{
    clock::Clock,
    config::{Config, PoolConfig, PoolName},
    control::ControlState,
    dashboard::Reads,
    journal::FolderError,
    metrics::Counters,
    pool_actors::{PoolActors, Shared},
    target::{Api, ConfigError},
    tls::{Tls, TlsError},
    watchdog::{self, ActorDied, Watched},
    webhook_receiver::{Conventions, ReceiverState},
};

/// How long an action under way may take to end after a stop was asked for. With the HTTP server's
/// own end and an exit on a busy machine, this stays under the 10 s of guarantee G13.
const STOP_WITHIN: Duration = Duration::from_secs(7);

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API client cannot be made.
    #[error(transparent)]
    Client(#[from] ConfigError),
    /// The HTTP client for drains cannot be made.
    #[error("cannot make an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The service discovery file cannot be kept.
    #[error("the service discovery file cannot be kept; set `discovery.file` to another path")]
    Discovery(#[source] FileError),
    /// HTTPS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The journal cannot be kept, or another agent keeps it.
    #[error(transparent)]
    Journal(#[from] FolderError),
    /// One of several pools cannot be scaled.
    #[error("pool {name} cannot be scaled")]
    Pool {
        /// Its name.
        name: PoolName,
        /// Why not.
        source: Box<StartError>,
    },
    /// The thread of a pool ended while it started.
    #[error("the thread ended")]
    Thread,
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    /// Its pools, in the order of the settings.
    pub(crate) pools: Arc<[PoolActors]>,
    pub(crate) counters: Counters,
    /// What the web server needs to take alerts in.
    pub(crate) receiver: ReceiverState,
    /// What it needs to take orders.
    pub(crate) control: ControlState,
    /// Who may look.
    pub(crate) reads: Reads,
    /// What the web server shows over TLS.
    pub(crate) tls: Option<Tls>,
    stopping: CancellationToken,
}

impl Agent {
    /// Starts an agent. Must be called inside an actix `System`. One pool runs on this thread;
    /// several have a thread each, so that one that hangs holds up no other.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let tls = config.alerts.tls.clone().map(Tls::load).transpose()?;
        let number = NonZeroUsize::new(config.pools.len()).unwrap_or(NonZeroUsize::MIN);
        let clients = Api::several(config.client.clone(), number)?;
        let shared = Shared {
            config: Arc::new(config.clone()),
            clock: Clock::start(),
            counters: Counters::default(),
            stopping: CancellationToken::new(),
        };
        let mut pools = Vec::new();
        for (pool, api) in config.pools.iter().zip(clients) {
            let shared = shared.clone();
            let started = match &pool.name {
                None => PoolActors::start(pool.clone(), api, shared).await,
                Some(name) => on_a_thread(name, pool.clone(), api, shared).await,
            };
            pools.push(started?);
        }
        let pools: Arc<[PoolActors]> = pools.into();
        let receiver = receiver(config, &pools, shared.counters.clone());
        let control = ControlState {
            settings: Arc::new(RwLock::new(config.control.clone())),
            pools: pools.clone(),
            counters: shared.counters.clone(),
            clock: shared.clock,
            body_timeout: config.alerts.body_timeout,
        };
        let reads = Reads::new(
            config.alerts.protect_reads,
            receiver.authentication.clone(),
            control.settings.clone(),
        );
        Ok(Self {
            pools,
            counters: shared.counters,
            receiver,
            control,
            reads,
            tls,
            stopping: shared.stopping,
        })
    }

    /// Takes over those settings of `config` that need no restart, all at once: how to decide, the
    /// schedule, and who may give orders. `waiting` are the keys of the others that have changed.
    pub async fn adopt(&self, config: &Config, waiting: &[String]) {
        *self.control.settings.write() = config.control.clone();
        let known = |pool: &&PoolActors| config.pools.iter().find(|new| new.name == pool.name);
        {
            let mut conventions = self.receiver.conventions.write();
            let mut new = Conventions::clone(&conventions);
            for (at, pool) in self.pools.iter().enumerate() {
                if let Some(pool) = known(&pool) {
                    let severity = pool.rules.scale_out.severity.clone();
                    new.pools.set_severity(at, severity);
                }
            }
            *conventions = Arc::new(new);
        }
        self.counters.settings_reload("ok");
        for pool in self.pools.iter() {
            if let Some(new) = known(&pool) {
                pool.adopt(new).await;
            }
            pool.read_model.settings_read(Ok(waiting));
        }
    }

    /// Notes that the settings cannot be taken over.
    pub fn keep_settings(&self, problem: &str) {
        self.counters.settings_reload("failed");
        for pool in self.pools.iter() {
            pool.read_model.settings_read(Err(problem.to_owned()));
        }
    }

    /// Returns when an actor has died, which must end the process.
    pub async fn watch(&self) -> ActorDied {
        let watched = self.pools.iter().map(|pool| Watched {
            pool: pool.name.clone(),
            actors: pool.watched.clone(),
            read_model: pool.read_model.clone(),
        });
        watchdog::watch(watched.collect()).await
    }

    /// Begins nothing new, lets the actions under way end, and returns. The web server should stop
    /// first: alerts that were answered before this are in the journals after it, later ones are
    /// not.
    pub async fn stop(self) {
        self.stopping.cancel();
        let finished = join_all(self.pools.iter().map(finish)).await;
        if finished.iter().all(|is_fine| *is_fine) {
            tracing::info!("Stopped; no action is left open.");
        }
    }
}

/// Lets the pool's action under way end; says whether that went well.
async fn finish(pool: &PoolActors) -> bool {
    let name = pool.name.as_ref().map(PoolName::as_str);
    match timeout(STOP_WITHIN, pool.finish()).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            let error = with_causes(error.as_ref());
            tracing::error!(
                pool = name,
                error,
                "Stopped; the next start waits one cooldown before acting."
            );
        }
        Err(_) => {
            tracing::warn!(
                pool = name,
                "Stopped in the middle of an action; the next start waits one cooldown before acting."
            );
        }
    }
    false
}

/// Starts the actors of a pool on a thread of their own, whose log lines name the pool.
async fn on_a_thread(
    name: &PoolName,
    config: PoolConfig,
    api: Api,
    shared: Shared,
) -> Result<PoolActors, StartError> {
    let arbiter = Arbiter::new();
    let span = tracing::info_span!("of", pool = name.as_str());
    let (sender, receiver) = oneshot::channel();
    arbiter.spawn(async move {
        // For as long as the thread is there.
        std::mem::forget(span.entered());
        let _ = sender.send(PoolActors::start(config, api, shared).await);
    });
    let started = receiver.await.unwrap_or(Err(StartError::Thread));
    started.map_err(|source| StartError::Pool {
        name: name.clone(),
        source: Box::new(source),
    })
}

fn receiver(config: &Config, pools: &Arc<[PoolActors]>, counters: Counters) -> ReceiverState {
    let alerts = &config.alerts;
    ReceiverState {
        pools: pools.clone(),
        counters,
        authentication: Arc::new(alerts.authentication.clone()),
        hosts: Arc::new(alerts.allowed_hosts.clone().with_own_name()),
        conventions: Arc::new(RwLock::new(Arc::new(alerts.conventions.clone()))),
        body_timeout: alerts.body_timeout,
    }
}
