//! What all connections of a worker use, and nothing else does: nothing in it is locked or shared
//! between threads.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{clock::Clock, outgoing::Calls};
use crate::{
    check::Kept,
    plan::{Load, Plan},
    record::{BackendId, Failure, Findings, Interval, Outcome, Recorder, TickEnd, Times},
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

/// What is kept of a response until it is judged.
pub(crate) struct Keep {
    headers: Vec<String>,
    body: bool,
}

impl Keep {
    fn of(plan: &Plan) -> Option<Self> {
        let (checks, follows) = (&plan.checks, plan.redirects > 0);
        let location = follows.then_some("location");
        (follows || !checks.is_empty()).then(|| Self {
            headers: checks
                .header_names()
                .chain(location)
                .map(str::to_owned)
                .collect(),
            body: checks.wants_body(),
        })
    }

    /// Keeps a header, if it is wanted.
    pub(crate) fn header(&self, kept: &mut Kept, name: &str, value: &[u8]) {
        if self
            .headers
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(name))
        {
            kept.header(name, value);
        }
    }

    /// Keeps a part of the body, if it is wanted.
    pub(crate) fn body(&self, kept: &mut Kept, data: &[u8]) {
        if self.body {
            kept.body(data);
        }
    }
}

pub(crate) struct WorkerState {
    pub(crate) plan: Arc<Plan>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) clock: Clock,
    pub(crate) calls: Arc<Calls>,
    /// For what is filled in at random.
    pub(crate) random: RefCell<fastrand::Rng>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) recorder: RefCell<Recorder>,
    /// In nanoseconds.
    pub(crate) timeout: u64,
    pub(crate) closed_loop: bool,
    /// What is kept of every response; none where nothing is.
    pub(crate) keep: Option<Keep>,
    /// Connections that exist.
    pub(crate) open: Rc<Cell<u64>>,
    /// Requests in flight whose responses may be read late: the kernel says when they arrived.
    pub(crate) patient: Rc<Cell<u64>>,
}

/// One of those that a worker counts, while it lives.
pub(crate) struct Counted(Rc<Cell<u64>>);

impl Counted {
    pub(crate) fn new(count: &Rc<Cell<u64>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl WorkerState {
    pub(crate) fn new(
        plan: Arc<Plan>,
        findings: Arc<Findings>,
        worker: usize,
        clock: Clock,
        calls: Arc<Calls>,
    ) -> Self {
        let recorder = Recorder::new(
            worker,
            nanos(plan.warm_up),
            nanos(plan.late_after),
            stage_ends(&plan.load),
            calls.names().to_vec(),
        );
        Self {
            clock,
            calls,
            random: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            recorder: RefCell::new(recorder),
            timeout: nanos(plan.timeout),
            closed_loop: matches!(plan.load, Load::Closed(_)),
            keep: Keep::of(&plan),
            open: Rc::default(),
            patient: Rc::default(),
            plan,
            findings,
        }
    }

    /// Lets the response to a request be read late, while what is returned lives.
    pub(crate) fn patience(&self) -> Counted {
        Counted::new(&self.patient)
    }

    /// Judges a response by the plan's checks, and notes what is wrong.
    pub(crate) fn judge(&self, intended: u64, status: u16, kept: &Kept) -> Outcome {
        let checks = &self.plan.checks;
        let result = match checks.status(status) {
            None if Failure::of_status(status).is_some() => return Outcome::Status(status),
            None => checks.content(kept),
            Some(result) => result.and_then(|()| checks.content(kept)),
        };
        match result {
            Ok(()) => Outcome::Expected(status),
            Err(reason) => {
                let mut recorder = self.recorder.borrow_mut();
                recorder.failed_because(intended, Failure::Check, &reason);
                Outcome::Unexpected(status)
            }
        }
    }

    /// The outcome of a request that failed, and a note of the reason.
    pub(crate) fn failed(&self, intended: u64, failure: Failure, reason: Option<&str>) -> Outcome {
        if let Some(reason) = reason {
            let mut recorder = self.recorder.borrow_mut();
            recorder.failed_because(intended, failure, reason);
        }
        Outcome::Failed(failure)
    }

    /// Records how a request ended.
    pub(crate) fn ended(&self, times: Times, outcome: Outcome, backend: BackendId, place: usize) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.ended(times, outcome, backend, place);
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
