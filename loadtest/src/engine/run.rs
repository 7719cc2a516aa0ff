//! Runs a plan: a thread for each worker, one to collect, and a handle to watch and stop them.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    connect::ConnectError, error::RunError, origins::Origin, outgoing::Calls, state::Place,
    supervise,
};
use crate::{
    plan::{Plan, PlanError},
    record::{Collector, Findings, Observer, Progress, Setup, Summary},
};

/// Time for the threads to be up before the first request is due.
const LEAD: Duration = Duration::from_millis(20);

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
    /// Checks the plan, resolves and probes the target, and starts. Needs a tokio runtime with I/O
    /// and time.
    pub async fn start(plan: Plan) -> Result<Self, RunError> {
        Self::start_observed(plan, Vec::new()).await
    }

    /// Like [`Run::start`], and gives every tick's record to the observers.
    pub async fn start_observed(
        plan: Plan,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self, RunError> {
        plan.check()?;
        let (calls, targets) = Calls::new(&plan, plan.drafts()?).map_err(io::Error::other)?;
        raise_file_limit();
        let findings = Arc::new(Findings::new(plan.backend_header.as_deref()));
        let origins = Origin::prepare(&plan, &findings, targets).await?;
        let plan = Arc::new(plan.sliced());
        if plan.probe {
            for origin in &origins {
                let opened = origin.connector(&plan, 0).open().await;
                opened.map_err(|error| unreachable_target(origin, error))?;
            }
        }
        Self::spawn(
            &plan,
            &findings,
            &Arc::new(calls),
            &origins.into(),
            observers,
        )
    }

    fn spawn(
        plan: &Arc<Plan>,
        findings: &Arc<Findings>,
        calls: &Arc<Calls>,
        origins: &Arc<[Origin]>,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self, RunError> {
        let workers = plan.threads;
        let (stop_sender, stop) = watch::channel(false);
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (intervals, received) = mpsc::channel(8 * workers);
        let (result_sender, result) = oneshot::channel();
        let started_at = plan.start_at.unwrap_or_else(|| SystemTime::now() + LEAD);
        let lead = started_at.duration_since(SystemTime::now());
        let start = Instant::now() + lead.map_err(|_| PlanError::StartOver)?;
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let settings = supervise::Settings {
                plan: Arc::clone(plan),
                findings: Arc::clone(findings),
                place: Place { index, workers },
                start,
                calls: Arc::clone(calls),
                origins: Arc::clone(origins),
                intervals: intervals.clone(),
                stop: stop.clone(),
            };
            let builder = thread::Builder::new().name(format!("load-{index}"));
            threads.push(builder.spawn(move || supervise::run(settings))?);
        }
        drop(intervals);
        let setup = Setup {
            plan: Arc::clone(plan),
            findings: Arc::clone(findings),
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

    /// Starts no more requests. Those under way end, within their timeout; wait for them with
    /// [`Run::wait`].
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// A handle that stops the run while another task waits for it.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.stop))
    }

    pub async fn wait(self) -> Result<Summary, RunError> {
        self.result.await.map_err(|_| RunError::Lost)?
    }
}

fn unreachable_target(origin: &Origin, error: ConnectError) -> RunError {
    RunError::Unreachable {
        target: origin.target.to_string(),
        addresses: origin.addresses(),
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
