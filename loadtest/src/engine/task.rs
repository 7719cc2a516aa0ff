//! A slot's task: it sends one request at a time, over connections that it opens when needed.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use super::{
    connect::ConnectError,
    connection::Connection,
    connections::Connections,
    dispatcher::Dispatcher,
    exchange::ExchangeError,
    opener::Opener,
    origins::Origins,
    outgoing::{Outgoing, Turn},
    slot::{Job, Slot},
    state::WorkerState,
};
use crate::{
    check::Kept,
    message::Message,
    record::{BackendId, Failure, Outcome, Times},
    redirect::{self, is_redirect},
};

/// How long a slot waits after a failure in a closed loop, which has no schedule to hold it back.
const CLOSED_LOOP_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Task {
    pub(crate) state: Rc<WorkerState>,
    pub(crate) dispatcher: Rc<Dispatcher>,
    pub(crate) origins: Rc<Origins>,
    pub(crate) slot: Rc<Slot>,
    pub(crate) connections: Connections,
    pub(crate) kept: Kept,
}

/// Why a request has no response.
struct Lost {
    failure: Failure,
    /// What there is to say beyond the kind of failure.
    reason: Option<String>,
}

impl Lost {
    fn new(failure: Failure, reason: String) -> Self {
        Self {
            failure,
            reason: Some(reason),
        }
    }
}

impl From<ConnectError> for Lost {
    fn from(error: ConnectError) -> Self {
        Self::new(error.failure, error.reason)
    }
}

impl From<ExchangeError> for Lost {
    fn from(error: ExchangeError) -> Self {
        Self {
            failure: error.failure(),
            reason: error.reason().map(str::to_owned),
        }
    }
}

/// How far a request has come.
struct Progress {
    /// When it was first sent.
    sent: u64,
    /// When its last exchange ended.
    done: u64,
    /// Who responded last.
    backend: BackendId,
    /// Redirects that it has followed.
    hops: u32,
}

impl Task {
    /// Serves its slot until the worker ends.
    pub(crate) async fn run(mut self) {
        loop {
            let job = self.next_job().await;
            self.slot.set_deadline(job.taken + self.state.timeout);
            let place = self.state.calls.place(job.turn);
            let (times, outcome, backend) = self.send(job, place).await;
            self.slot.clear_deadline();
            self.state.ended(times, outcome, backend, place);
            self.dispatcher.note_end();
            if self.state.closed_loop
                && matches!(outcome, Outcome::Failed(_))
                && self.connections.is_empty()
            {
                // A target that is down is asked again at a rate that it can bear.
                tokio::time::sleep(CLOSED_LOOP_PAUSE).await;
            }
        }
    }

    /// The next request that is due. While it waits it notices when the server closes its
    /// connection.
    async fn next_job(&mut self) -> Job {
        let Self {
            slot, connections, ..
        } = self;
        if let Some(job) = slot.take().or_else(|| self.dispatcher.take()) {
            return job;
        }
        slot.rest(connections.expires());
        self.dispatcher
            .set_idle(slot.index, !connections.is_empty());
        poll_fn(|context| {
            if let Some(job) = slot.take() {
                return Poll::Ready(job);
            }
            slot.register(context);
            if slot.take_retired() {
                connections.clear();
            }
            if connections.drop_closed(context) {
                slot.set_closed();
            }
            Poll::Pending
        })
        .await
    }

    /// Sends one request, and follows where its response leads.
    async fn send(&mut self, job: Job, place: usize) -> (Times, Outcome, BackendId) {
        let state = Rc::clone(&self.state);
        let mut progress = Progress {
            sent: job.taken,
            done: 0,
            backend: BackendId::default(),
            hops: 0,
        };
        let result = match state.calls.at(place) {
            Turn::Fixed(request) => self.ask(request, job.taken, &mut progress).await,
            Turn::Template { origin, template } => {
                let message = state.calls.fill(template, job.number, &state.random);
                match self.outgoing(message, *origin) {
                    Ok(request) => self.ask(&request, job.taken, &mut progress).await,
                    Err(lost) => Err(lost),
                }
            }
        };
        let done = match &result {
            Ok(_) => progress.done,
            Err(_) => state.clock.now(),
        };
        let outcome = match (result, &state.keep) {
            (Ok(status), None) => Outcome::Status(status),
            (Ok(status), Some(_)) => state.judge(job.intended, status, &self.kept),
            (Err(lost), _) => state.failed(job.intended, lost.failure, lost.reason.as_deref()),
        };
        let times = Times {
            intended: job.intended,
            sent: progress.sent,
            done,
        };
        (times, outcome, progress.backend)
    }

    fn outgoing(&self, message: Message, origin: usize) -> Result<Outgoing, Lost> {
        Outgoing::new(message, origin, &self.state.plan).map_err(|error| {
            Lost::new(
                Failure::Protocol,
                format!("the request cannot be sent: {error}"),
            )
        })
    }

    /// Asks, and asks where redirects lead as far as the plan follows them.
    async fn ask(
        &mut self,
        request: &Outgoing,
        now: u64,
        progress: &mut Progress,
    ) -> Result<u16, Lost> {
        let mut status = self.exchange(request, now, progress).await?;
        let mut last = request.message.clone();
        while let Some(message) = last.take().filter(|_| is_redirect(status)) {
            let Some(location) = self.kept.values("location").next() else {
                break;
            };
            let most = self.state.plan.redirects;
            if progress.hops >= most {
                let reason = format!("more than {most} redirects (--follow-redirects)");
                return Err(Lost::new(Failure::Redirect, reason));
            }
            let next = redirect::follow(&message, status, location)
                .map_err(|reason| Lost::new(Failure::Redirect, reason))?;
            progress.hops += 1;
            self.state.recorder.borrow_mut().counters().redirects += 1;
            let origins = Rc::clone(&self.origins);
            let Some(origin) = self.slot.limited(origins.find_or_add(&next.target)).await else {
                return Err(ExchangeError::Expired.into());
            };
            let request = self.outgoing(next, origin?)?;
            status = self
                .exchange(&request, self.state.clock.now(), progress)
                .await?;
            last.clone_from(&request.message);
        }
        Ok(status)
    }

    /// Sends a request once, over a new connection if there is none or the server has just closed
    /// the old one.
    async fn exchange(
        &mut self,
        request: &Outgoing,
        now: u64,
        progress: &mut Progress,
    ) -> Result<u16, Lost> {
        let opener = self.origins.opener(request.origin);
        let mut may_retry = request.idempotent;
        progress.backend = BackendId::default();
        let mut arrived = None;
        let result = loop {
            self.drop_outdated(&opener, request.origin, now);
            if self.connections.are_many() {
                self.drop_closed(request.origin).await;
            }
            if !self.connections.has(request.origin) {
                let connecting = opener.connect(&self.state, self.slot.index);
                let Some(connected) = self.slot.limited(connecting).await else {
                    return Err(Lost {
                        failure: Failure::ConnectTimeout,
                        reason: None,
                    });
                };
                *self.connections.at(request.origin) = Some(connected?);
            }
            let Some(connection) = self.connections.at(request.origin) else {
                continue;
            };
            // A request on a fresh connection starts when that is open; on an old one, when it is
            // taken up.
            if progress.hops == 0 {
                progress.sent = self.state.clock.now();
            }
            if self.state.keep.is_some() {
                self.kept.clear();
            }
            let exchange = connection.exchange(&self.state, &self.slot, request, &mut self.kept);
            match exchange.await {
                Ok(response) => {
                    progress.backend = connection.backend();
                    arrived = connection.arrived();
                    if !response.keep_alive {
                        connection.set_spent();
                    }
                    break Ok(response.status);
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
                    break Err(error.into());
                }
            }
        };
        let now = self.state.clock.now();
        // A wall clock that is set meanwhile must not move a response before its request.
        progress.done = arrived.map_or(now, |arrived| arrived.clamp(progress.sent, now));
        self.drop_outdated(&opener, request.origin, progress.done);
        result
    }

    /// Drops the connection to an origin if its server has closed it while the slot was asking
    /// another.
    async fn drop_closed(&mut self, origin: usize) {
        poll_fn(|context| {
            let is_closed = |open: &mut Connection| open.poll_closed(context).is_ready();
            self.connections.at(origin).take_if(is_closed);
            Poll::Ready(())
        })
        .await;
    }

    /// Drops the connection to an origin if it must not carry another request.
    fn drop_outdated(&mut self, opener: &Opener, origin: usize, now: u64) {
        let state = &self.state;
        let is_outdated = |connection: &mut Connection| {
            connection.is_spent() || opener.is_outdated(state, &connection.usage, now)
        };
        self.connections.at(origin).take_if(is_outdated);
    }
}
