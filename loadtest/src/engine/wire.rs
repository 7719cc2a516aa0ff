//! An open connection as a lane sees it, whichever client carries it.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll},
};

use super::{h1::H1, hyper::Hyper, lane::Lane, worker::Worker};
use crate::{
    http1::response::Answer,
    record::{BackendId, Failure},
};

/// Why an exchange has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// The connection ended before the first byte of an answer; with the reason, where there is more to say.
    ClosedEarly(Option<String>),
    /// The connection ended in the middle of an answer.
    Closed(Option<String>),
    /// The answer is not HTTP, or larger than is accepted.
    Protocol(String),
    /// The deadline passed.
    Expired,
}

impl WireError {
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::ClosedEarly(_) | Self::Closed(_) => Failure::Closed,
            Self::Protocol(_) => Failure::Protocol,
            Self::Expired => Failure::Timeout,
        }
    }

    /// What there is to say beyond the kind of failure.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::ClosedEarly(reason) | Self::Closed(reason) => reason.as_deref(),
            Self::Protocol(reason) => Some(reason),
            Self::Expired => None,
        }
    }
}

/// What is known of a connection, shared by the lanes that use it. The worker counts those that exist.
pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    /// When it is to be replaced, in nanoseconds since the start.
    pub(crate) expires: u64,
    pub(crate) requests: Cell<u64>,
    pub(crate) spent: Cell<bool>,
    count: Rc<Cell<u64>>,
}

impl Open {
    pub(crate) fn new(address: SocketAddr, expires: u64, count: &Rc<Cell<u64>>) -> Rc<Self> {
        count.set(count.get() + 1);
        Rc::new(Self {
            address,
            expires,
            requests: Cell::new(0),
            spent: Cell::new(false),
            count: Rc::clone(count),
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.set(self.count.get() - 1);
    }
}

/// The client that carries a connection's requests.
pub(crate) enum Carrier {
    H1(H1),
    Hyper(Hyper),
}

pub(crate) struct Wire {
    pub(crate) open: Rc<Open>,
    carrier: Carrier,
}

impl Wire {
    pub(crate) fn new(open: Rc<Open>, carrier: Carrier) -> Self {
        Self { open, carrier }
    }

    /// Whether it must not be used again.
    pub(crate) fn is_spent(&self) -> bool {
        self.open.spent.get()
            || match &self.carrier {
                Carrier::H1(_) => false,
                Carrier::Hyper(hyper) => hyper.is_closed(),
            }
    }

    /// Whether other lanes use it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(&self.carrier, Carrier::Hyper(hyper) if hyper.is_shared())
    }

    pub(crate) fn set_spent(&self) {
        self.open.spent.set(true);
    }

    /// Whether it had carried a request before the present one.
    pub(crate) fn is_reused(&self) -> bool {
        self.open.requests.get() > 1
    }

    /// Who answered last.
    pub(crate) fn backend(&self) -> BackendId {
        match &self.carrier {
            Carrier::H1(h1) => h1.backend(),
            Carrier::Hyper(hyper) => hyper.backend(),
        }
    }

    /// Ready when the server has closed an idle connection, or sent what nothing asked for. hyper notices by itself.
    pub(crate) fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.carrier {
            Carrier::H1(h1) => h1.poll_closed(context),
            Carrier::Hyper(_) => Poll::Pending,
        }
    }

    /// Sends the worker's request and reads the answer.
    pub(crate) async fn exchange(
        &mut self,
        worker: &Worker,
        lane: &Lane,
    ) -> Result<Answer, WireError> {
        self.open.requests.set(self.open.requests.get() + 1);
        match &mut self.carrier {
            Carrier::H1(h1) => h1.exchange(worker, lane).await,
            Carrier::Hyper(hyper) => match lane.limited(hyper.exchange(worker)).await {
                Some(result) => result,
                None => Err(WireError::Expired),
            },
        }
    }
}
