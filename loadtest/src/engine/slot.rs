//! A connection slot as the worker sees it: a place for one connection that takes one request at a
//! time.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

/// A request that a slot has taken up. Times are nanoseconds since the run's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// When it was to start.
    pub(crate) intended: u64,
    /// When it was taken up.
    pub(crate) taken: u64,
    /// Its number, and whose turn it is.
    pub(crate) number: u64,
    pub(crate) turn: u64,
}

/// What the worker and a slot's task share.
pub(crate) struct Slot {
    pub(crate) index: usize,
    /// The request given to a slot that was idle.
    job: Cell<Option<Job>>,
    waker: RefCell<Option<Waker>>,
    /// When the request in hand times out; zero when there is none.
    deadline: Cell<u64>,
    expired: Cell<bool>,
    /// When the idle connection is to be closed.
    closes: Cell<u64>,
    /// Set to close the idle connection.
    retired: Cell<bool>,
}

impl Slot {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            job: Cell::new(None),
            waker: RefCell::new(None),
            deadline: Cell::new(0),
            expired: Cell::new(false),
            closes: Cell::new(0),
            retired: Cell::new(false),
        }
    }

    pub(crate) fn give(&self, job: Job) {
        self.job.set(Some(job));
        self.wake();
    }

    pub(crate) fn take(&self) -> Option<Job> {
        self.job.take()
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Begins to wait for a request, with a connection that is to be closed at `closes`; zero
    /// without one.
    pub(crate) fn rest(&self, closes: u64) {
        self.retired.set(false);
        self.closes.set(closes);
    }

    pub(crate) fn set_deadline(&self, deadline: u64) {
        self.deadline.set(deadline);
    }

    pub(crate) fn clear_deadline(&self) {
        self.deadline.set(0);
        self.expired.set(false);
    }

    /// Ends the request in hand if its time has passed.
    pub(crate) fn expire(&self, now: u64) {
        let deadline = self.deadline.get();
        if deadline != 0 && now >= deadline {
            self.expired.set(true);
            self.wake();
        }
    }

    /// Closes the idle connection if it has come of age, or the server has closed it; says whether
    /// it did.
    pub(crate) fn retire(&self, now: u64) -> bool {
        let retired = now >= self.closes.get();
        if retired {
            self.retired.set(true);
            self.wake();
        }
        retired
    }

    /// The server has closed the idle connection.
    pub(crate) fn set_closed(&self) {
        self.closes.set(0);
    }

    /// Whether the idle connection is to be closed now; says so once.
    pub(crate) fn take_retired(&self) -> bool {
        self.retired.take()
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
