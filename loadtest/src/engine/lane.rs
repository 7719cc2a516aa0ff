//! One connection's place: a task that carries one request at a time, over a connection that it opens when needed.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    wire::{Wire, WireError},
    worker::{Job, Worker},
};
use crate::record::{BackendId, Failure, Outcome, Times};

/// How long a connection waits after a failure in a closed loop, which has no schedule to hold it back.
const CLOSED_LOOP_PAUSE: Duration = Duration::from_millis(50);

/// What the worker and a lane's task share.
pub(crate) struct Lane {
    pub(crate) index: usize,
    /// The request given to a lane that was idle.
    job: Cell<Option<Job>>,
    waker: RefCell<Option<Waker>>,
    /// When the request in hand is given up; zero when there is none.
    deadline: Cell<u64>,
    expired: Cell<bool>,
    /// When the idle connection is to be closed.
    expires: Cell<u64>,
    /// Set to close the idle connection.
    retired: Cell<bool>,
}

impl Lane {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            job: Cell::new(None),
            waker: RefCell::new(None),
            deadline: Cell::new(0),
            expired: Cell::new(false),
            expires: Cell::new(0),
            retired: Cell::new(false),
        }
    }

    pub(crate) fn give(&self, job: Job) {
        self.job.set(Some(job));
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Gives up the request in hand if its time has passed.
    pub(crate) fn expire(&self, now: u64) {
        let deadline = self.deadline.get();
        if deadline != 0 && now >= deadline {
            self.expired.set(true);
            self.wake();
        }
    }

    /// Closes the idle connection if it has come of age, or the server has closed it; says whether it did.
    pub(crate) fn retire(&self, now: u64) -> bool {
        let retired = now >= self.expires.get();
        if retired {
            self.retired.set(true);
            self.wake();
        }
        retired
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expired.get()
    }

    /// Remembers whom to wake.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }

    /// Runs a future until the deadline.
    pub(crate) async fn limited<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if self.is_expired() {
                return Poll::Ready(None);
            }
            let poll = future.as_mut().poll(context);
            if poll.is_pending() {
                self.register(context);
            }
            poll.map(Some)
        })
        .await
    }
}

/// The lane's task, which ends with the worker.
pub(crate) async fn run(worker: Rc<Worker>, lane: Rc<Lane>) {
    let mut wire = None;
    loop {
        let job = next_job(&worker, &lane, &mut wire).await;
        lane.deadline.set(job.taken + worker.timeout);
        let (times, outcome, backend) = carry(&worker, &lane, &mut wire, job).await;
        lane.deadline.set(0);
        lane.expired.set(false);
        worker.recorder.borrow_mut().ended(times, outcome, backend);
        worker.note_end();
        if worker.is_closed_loop() && wire.is_none() && matches!(outcome, Outcome::Failed(_)) {
            // A target that is down is asked again at a rate that it can bear.
            tokio::time::sleep(CLOSED_LOOP_PAUSE).await;
        }
    }
}

/// The next request that is due. While it waits it notices when the server closes its connection.
async fn next_job(worker: &Rc<Worker>, lane: &Lane, wire: &mut Option<Wire>) -> Job {
    if let Some(job) = lane.job.take().or_else(|| worker.take()) {
        return job;
    }
    lane.retired.set(false);
    lane.expires
        .set(wire.as_ref().map_or(0, |wire| wire.open.expires));
    worker.set_idle(lane.index, wire.is_some());
    poll_fn(|context| {
        if let Some(job) = lane.job.take() {
            return Poll::Ready(job);
        }
        lane.register(context);
        if lane.retired.take() {
            *wire = None;
        }
        if wire
            .as_mut()
            .is_some_and(|wire| wire.poll_closed(context).is_ready())
        {
            *wire = None;
            lane.expires.set(0);
        }
        Poll::Pending
    })
    .await
}

/// Carries one request, over a new connection if there is none or the server has just closed the old one.
async fn carry(
    worker: &Rc<Worker>,
    lane: &Lane,
    wire: &mut Option<Wire>,
    job: Job,
) -> (Times, Outcome, BackendId) {
    let mut sent = job.taken;
    let mut may_retry = worker.idempotent;
    let mut backend = BackendId::default();
    let outcome = loop {
        if wire
            .as_ref()
            .is_some_and(|wire| is_outdated(worker, wire, job.taken))
        {
            *wire = None;
        }
        let connected = match wire.take() {
            Some(connected) => connected,
            None => match lane.limited(worker.connect(lane)).await {
                Some(Ok(connected)) => connected,
                Some(Err(error)) => {
                    break worker.failed(job, error.failure, Some(&error.reason));
                }
                None => break worker.failed(job, Failure::ConnectTimeout, None),
            },
        };
        let wire = wire.insert(connected);
        // A request on a fresh connection starts when that is open; on an old one, when it is taken up.
        sent = worker.clock.now();
        match wire.exchange(worker, lane).await {
            Ok(answer) => {
                backend = wire.backend();
                if !answer.keep_alive {
                    wire.set_spent();
                }
                break Outcome::Status(answer.status);
            }
            // The server closed the connection while the request was on its way, and has not begun to answer:
            // the usual race of keep-alive, which a client settles by asking once more (RFC 9110, 9.2.2).
            Err(WireError::ClosedEarly(_)) if may_retry && wire.is_reused() => {
                may_retry = false;
                wire.set_spent();
                worker.recorder.borrow_mut().retried();
            }
            Err(error) => {
                // A stream of HTTP/2 that is given up leaves the others of its connection alone.
                if !(error == WireError::Expired && wire.is_shared()) {
                    wire.set_spent();
                }
                break worker.failed(job, error.failure(), error.reason());
            }
        }
    };
    let done = worker.clock.now();
    if wire
        .as_ref()
        .is_some_and(|wire| is_outdated(worker, wire, done))
    {
        *wire = None;
    }
    (
        Times {
            intended: job.intended,
            sent,
            done,
        },
        outcome,
        backend,
    )
}

fn is_outdated(worker: &Worker, wire: &Wire, now: u64) -> bool {
    wire.is_spent() || worker.is_outdated(&wire.open, now)
}
