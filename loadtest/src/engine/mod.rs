//! Carries a plan out: a thread for each worker, one to collect, and a handle to watch and stop them.

mod connect;
mod connections;
mod h1;
mod hyper;
mod lane;
mod stream;
mod supervise;
mod timer;
mod tls;
mod tls_error;
mod wire;
mod worker;

use std::{
    error::Error,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    http1::request,
    plan::{Plan, PlanError},
    record::{Collector, Observer, Progress, Setup, Summary},
};
#[cfg(test)]
pub(crate) use hyper::request as hyper_request;

use connect::{ConnectError, Connector, resolve};

/// Time for the threads to be up before the first request is due.
const LEAD: Duration = Duration::from_millis(20);

/// A run could not start, or broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target's name has no address.
    #[error("cannot resolve {host:?}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No connection to the target: it is down, or something is in between.
    #[error("cannot connect to {target} ({addresses})")]
    Unreachable {
        /// The target.
        target: String,
        /// The addresses that were tried.
        addresses: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificates to trust cannot be used.
    #[error("cannot use the certificates of {} (--cacert)", file.display())]
    Certificates {
        /// Their file.
        file: PathBuf,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No certificate can be for the target's host.
    #[error("{host:?} cannot be the name of a TLS server")]
    ServerName {
        /// The host.
        host: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// TLS cannot be set up on this machine.
    #[error(
        "cannot set up TLS; give the certificates to trust with --cacert, or accept any with --insecure"
    )]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The system refused a thread, a timer or the like.
    #[error("cannot run the load")]
    System(#[source] io::Error),
    /// A thread ended without its result.
    #[error("a thread of the load generator ended unexpectedly")]
    Lost,
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// A run under way. Dropping it stops the run.
#[derive(Debug)]
pub struct Run {
    progress: watch::Receiver<Progress>,
    stop: Arc<watch::Sender<bool>>,
    result: oneshot::Receiver<Result<Summary, RunError>>,
}

/// Stops a run from elsewhere.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<watch::Sender<bool>>);

impl StopHandle {
    /// Starts no more requests. Those under way end, within their timeout.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run was told to stop.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }
}

impl Run {
    /// Checks the plan, resolves and probes the target, and starts. Needs a tokio runtime with I/O and time.
    pub async fn start(plan: Plan) -> Result<Self, RunError> {
        Self::start_observed(plan, Vec::new()).await
    }

    /// Like [`Run::start`], and gives every tick's record to the observers.
    pub async fn start_observed(
        plan: Plan,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self, RunError> {
        plan.check()?;
        raise_file_limit();
        let tls = tls::setup(&plan)?;
        let addresses = resolve(&plan.target)
            .await
            .map_err(|source| RunError::Resolve {
                host: plan.target.host().to_owned(),
                source,
            })?;
        let plan = Arc::new(plan);
        let connector = |worker: usize| {
            Connector::new(
                Arc::new(plan.target.clone()),
                &addresses,
                worker,
                plan.connect_timeout,
                tls.clone(),
            )
        };
        if plan.probe {
            connector(0)
                .open()
                .await
                .map_err(|error| unreachable_target(&plan, &addresses, error))?;
        }
        Self::spawn(&plan, connector, observers)
    }

    fn spawn(
        plan: &Arc<Plan>,
        connector: impl Fn(usize) -> Connector,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self, RunError> {
        let workers = plan.threads;
        let (stop_sender, stop) = watch::channel(false);
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (intervals, received) = mpsc::channel(8 * workers);
        let (result_sender, result) = oneshot::channel();
        let (start, started_at) = (Instant::now() + LEAD, SystemTime::now() + LEAD);
        let request: Arc<[u8]> = request::encode(&plan.request, &plan.target).into();
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let settings = supervise::Settings {
                plan: Arc::clone(plan),
                index,
                workers,
                start,
                request: Arc::clone(&request),
                connector: connector(index),
                intervals: intervals.clone(),
                stop: stop.clone(),
            };
            let builder = thread::Builder::new().name(format!("load-{index}"));
            threads.push(builder.spawn(move || supervise::run(settings))?);
        }
        drop(intervals);
        let setup = Setup {
            plan: Arc::clone(plan),
            workers,
            started_at,
            progress: progress_sender,
            observers,
        };
        thread::Builder::new()
            .name("load-collect".to_owned())
            .spawn(move || {
                let summary = Collector::new(setup).run(received);
                let mut result = Ok(summary);
                for thread in threads {
                    match thread.join() {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => result = Err(RunError::System(error)),
                        Err(_) => result = Err(RunError::Lost),
                    }
                }
                // Nobody waits when the handle was dropped.
                let _ = result_sender.send(result);
            })?;
        Ok(Self {
            progress,
            stop: Arc::new(stop_sender),
            result,
        })
    }

    /// The run as of the last tick; changes once a tick, the last time with `finished`.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Starts no more requests. Those under way end, within their timeout; wait for them with [`Run::wait`].
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// A handle that stops the run while another task waits for it.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.stop))
    }

    /// Waits for the end.
    pub async fn wait(self) -> Result<Summary, RunError> {
        self.result.await.map_err(|_| RunError::Lost)?
    }
}

fn unreachable_target(plan: &Plan, addresses: &[SocketAddr], error: ConnectError) -> RunError {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    RunError::Unreachable {
        target: plan.target.to_string(),
        addresses: addresses.join(", "),
        source: error.into(),
    }
}

/// Each connection is an open file, and the usual soft limit of 1024 is soon reached.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // When it may not be raised, running out of files is a failure of its own in the report.
    let _ = setrlimit(Resource::Nofile, limit);
}
