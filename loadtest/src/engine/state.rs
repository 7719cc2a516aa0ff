//! What all connections of a worker use, and nothing else does: nothing in it is locked or shared
//! between threads.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{
    clock::Clock,
    hyper_request::{self, HyperRequest},
};
use crate::{
    plan::{Engine, Load, Plan},
    record::{Failure, Findings, Interval, Outcome, Recorder, TickEnd},
    schedule::nanos,
};

/// The largest response read at once. One buffer serves all of a worker's connections.
const SCRATCH: usize = 64 * 1024;

/// Which worker it is, of how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) workers: usize,
}

impl Place {
    /// This worker's share of a total that is split as evenly as it can be.
    pub(crate) fn share(self, total: usize) -> usize {
        total / self.workers + usize::from(self.index < total % self.workers)
    }
}

pub(crate) struct WorkerState {
    pub(crate) plan: Arc<Plan>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) clock: Clock,
    /// The request's bytes, for HTTP/1.1.
    pub(crate) request: Arc<[u8]>,
    pub(crate) hyper_request: HyperRequest,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) recorder: RefCell<Recorder>,
    /// In nanoseconds.
    pub(crate) timeout: u64,
    pub(crate) idempotent: bool,
    pub(crate) closed_loop: bool,
    /// Connections that exist.
    pub(crate) open: Rc<Cell<u64>>,
}

impl WorkerState {
    pub(crate) fn new(
        plan: Arc<Plan>,
        findings: Arc<Findings>,
        worker: usize,
        clock: Clock,
        request: Arc<[u8]>,
    ) -> io::Result<Self> {
        let http2 = matches!(plan.engine, Engine::Http2 { .. });
        let hyper_request =
            hyper_request::build(&plan.request, &plan.target, http2, plan.forwarder())
                .map_err(io::Error::other)?;
        let recorder = Recorder::new(
            worker,
            nanos(plan.warm_up),
            nanos(plan.late_after),
            stage_ends(&plan.load),
        );
        Ok(Self {
            clock,
            request,
            hyper_request,
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            recorder: RefCell::new(recorder),
            timeout: nanos(plan.timeout),
            idempotent: plan.request.is_idempotent(),
            closed_loop: matches!(plan.load, Load::Closed(_)),
            open: Rc::default(),
            plan,
            findings,
        })
    }

    /// The outcome of a request that failed, and a note of the reason.
    pub(crate) fn failed(&self, intended: u64, failure: Failure, reason: Option<&str>) -> Outcome {
        if let Some(reason) = reason {
            let mut recorder = self.recorder.borrow_mut();
            recorder.failed_because(intended, failure, reason);
        }
        Outcome::Failed(failure)
    }

    /// Takes out the record since the last time.
    pub(crate) fn flush(&self, end: TickEnd) -> Interval {
        self.recorder.borrow_mut().flush(end)
    }
}

/// The ends of the profile's stages, in nanoseconds since the start.
fn stage_ends(load: &Load) -> Vec<u64> {
    let Load::Open(profile) = load else {
        return Vec::new();
    };
    let mut end = Duration::ZERO;
    let ends = profile.stages().iter().map(|stage| {
        end += stage.duration;
        nanos(end)
    });
    ends.collect()
}
