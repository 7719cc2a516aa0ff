//! A slot's task: it sends one request at a time, over a connection that it opens when needed.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use super::{
    connect::ConnectError,
    connection::Connection,
    dispatcher::Dispatcher,
    exchange::ExchangeError,
    opener::Opener,
    slot::{Job, Slot},
    state::WorkerState,
};
use crate::record::{BackendId, Failure, Outcome, Times};

/// How long a slot waits after a failure in a closed loop, which has no schedule to hold it back.
const CLOSED_LOOP_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Task {
    pub(crate) state: Rc<WorkerState>,
    pub(crate) dispatcher: Rc<Dispatcher>,
    pub(crate) opener: Rc<Opener>,
    pub(crate) slot: Rc<Slot>,
    pub(crate) connection: Option<Connection>,
}

impl Task {
    /// Serves its slot until the worker ends.
    pub(crate) async fn run(mut self) {
        loop {
            let job = self.next_job().await;
            self.slot.set_deadline(job.taken + self.state.timeout);
            let (times, outcome, backend) = self.send(job).await;
            self.slot.clear_deadline();
            self.record(times, outcome, backend);
            self.dispatcher.note_end();
            let failed = self.connection.is_none() && matches!(outcome, Outcome::Failed(_));
            if self.state.closed_loop && failed {
                // A target that is down is asked again at a rate that it can bear.
                tokio::time::sleep(CLOSED_LOOP_PAUSE).await;
            }
        }
    }

    fn record(&self, times: Times, outcome: Outcome, backend: BackendId) {
        let mut recorder = self.state.recorder.borrow_mut();
        recorder.ended(times, outcome, backend);
    }

    /// The next request that is due. While it waits it notices when the server closes its
    /// connection.
    async fn next_job(&mut self) -> Job {
        let Self {
            slot, connection, ..
        } = self;
        if let Some(job) = slot.take().or_else(|| self.dispatcher.take()) {
            return job;
        }
        slot.rest(
            connection
                .as_ref()
                .map_or(0, |connection| connection.usage.expires),
        );
        self.dispatcher.set_idle(slot.index, connection.is_some());
        poll_fn(|context| {
            if let Some(job) = slot.take() {
                return Poll::Ready(job);
            }
            slot.register(context);
            if slot.take_retired() {
                *connection = None;
            }
            if connection
                .as_mut()
                .is_some_and(|connection| connection.poll_closed(context).is_ready())
            {
                *connection = None;
                slot.set_closed();
            }
            Poll::Pending
        })
        .await
    }

    /// Sends one request, over a new connection if there is none or the server has just closed the
    /// old one.
    async fn send(&mut self, job: Job) -> (Times, Outcome, BackendId) {
        let mut sent = job.taken;
        let mut may_retry = self.state.idempotent;
        let mut backend = BackendId::default();
        let failed =
            |state: &WorkerState, failure, reason| state.failed(job.intended, failure, reason);
        let outcome = loop {
            self.drop_outdated(job.taken);
            let connected = match self.connection.take() {
                Some(connected) => connected,
                None => match self.connect().await {
                    Some(Ok(connected)) => connected,
                    Some(Err(error)) => {
                        break failed(&self.state, error.failure, Some(&error.reason));
                    }
                    None => break failed(&self.state, Failure::ConnectTimeout, None),
                },
            };
            let connection = self.connection.insert(connected);
            // A request on a fresh connection starts when that is open; on an old one, when it is
            // taken up.
            sent = self.state.clock.now();
            match connection.exchange(&self.state, &self.slot).await {
                Ok(response) => {
                    backend = connection.backend();
                    if !response.keep_alive {
                        connection.set_spent();
                    }
                    break Outcome::Status(response.status);
                }
                // The server closed the connection while the request was on its way, and has not
                // begun to respond: the usual race of keep-alive, which a client settles by asking
                // once more (RFC 9110, 9.2.2).
                Err(ExchangeError::ClosedEarly(_)) if may_retry && connection.is_reused() => {
                    may_retry = false;
                    connection.set_spent();
                    self.state.recorder.borrow_mut().counters().retried += 1;
                }
                Err(error) => {
                    // A stream of HTTP/2 that is given up leaves the others of its connection
                    // alone.
                    if !(error == ExchangeError::Expired && connection.is_shared()) {
                        connection.set_spent();
                    }
                    break failed(&self.state, error.failure(), error.reason());
                }
            }
        };
        let done = self.state.clock.now();
        self.drop_outdated(done);
        let times = Times {
            intended: job.intended,
            sent,
            done,
        };
        (times, outcome, backend)
    }

    /// Opens a connection, until the deadline.
    async fn connect(&self) -> Option<Result<Connection, ConnectError>> {
        let connecting = self.opener.connect(&self.state, self.slot.index);
        self.slot.limited(connecting).await
    }

    fn drop_outdated(&mut self, now: u64) {
        let outdated = |connection: &mut Connection| {
            connection.is_spent() || self.opener.is_outdated(&self.state, &connection.usage, now)
        };
        self.connection.take_if(outdated);
    }
}
