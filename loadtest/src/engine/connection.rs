//! An open connection as a slot uses it, whatever its transport.

use std::{
    cell::Cell,
    rc::Rc,
    task::{Context, Poll},
};

use super::{
    exchange::ExchangeError,
    h1::H1,
    hyper::Hyper,
    outgoing::{Outgoing, Wire},
    slot::Slot,
    state::{Counted, WorkerState},
    way::Peer,
};
use crate::{check::Kept, http1::Response, record::BackendId};

/// What is known of a connection, shared by the slots that use it. The worker counts those that
/// exist.
pub(crate) struct Usage {
    pub(crate) peer: Peer,
    /// When it is to be replaced, in nanoseconds since the start.
    pub(crate) expires: u64,
    pub(crate) requests: Cell<u64>,
    pub(crate) spent: Cell<bool>,
    _counted: Counted,
}

impl Usage {
    pub(crate) fn new(peer: Peer, expires: u64, count: &Rc<Cell<u64>>) -> Rc<Self> {
        Rc::new(Self {
            peer,
            expires,
            requests: Cell::new(0),
            spent: Cell::new(false),
            _counted: Counted::new(count),
        })
    }
}

/// The client that speaks over a connection.
pub(crate) enum Transport {
    H1(H1),
    Hyper(Hyper),
}

pub(crate) struct Connection {
    pub(crate) usage: Rc<Usage>,
    transport: Transport,
}

impl Connection {
    pub(crate) fn new(usage: Rc<Usage>, transport: Transport) -> Self {
        Self { usage, transport }
    }

    /// Whether it must not be used again.
    pub(crate) fn is_spent(&self) -> bool {
        self.usage.spent.get()
            || match &self.transport {
                Transport::H1(_) => false,
                Transport::Hyper(hyper) => hyper.is_closed(),
            }
    }

    /// Whether other slots use it too.
    pub(crate) fn is_shared(&self) -> bool {
        self.share().is_some()
    }

    /// A handle for another slot, where the transport can be shared.
    pub(crate) fn share(&self) -> Option<Hyper> {
        match &self.transport {
            Transport::H1(_) => None,
            Transport::Hyper(hyper) => hyper.share(),
        }
    }

    pub(crate) fn set_spent(&self) {
        self.usage.spent.set(true);
    }

    /// Whether it had carried a request before the present one.
    pub(crate) fn is_reused(&self) -> bool {
        self.usage.requests.get() > 1
    }

    /// Who responded last.
    pub(crate) fn backend(&self) -> BackendId {
        match &self.transport {
            Transport::H1(h1) => h1.backend(),
            Transport::Hyper(hyper) => hyper.backend(),
        }
    }

    /// When the last response arrived, in nanoseconds since the start, where the kernel says so.
    pub(crate) fn arrived(&self) -> Option<u64> {
        match &self.transport {
            Transport::H1(h1) => h1.arrived(),
            Transport::Hyper(_) => None,
        }
    }

    /// Ready when the server has closed an idle connection, or sent what nothing asked for. hyper
    /// notices by itself.
    pub(crate) fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.transport {
            Transport::H1(h1) => h1.poll_closed(context),
            Transport::Hyper(_) => Poll::Pending,
        }
    }

    /// Sends a request and reads the response.
    pub(crate) async fn exchange(
        &mut self,
        state: &WorkerState,
        slot: &Slot,
        request: &Outgoing,
        kept: &mut Kept,
    ) -> Result<Response, ExchangeError> {
        self.usage.requests.set(self.usage.requests.get() + 1);
        match (&mut self.transport, &request.wire) {
            (Transport::Hyper(hyper), Wire::Hyper(made)) => {
                let exchange = hyper.exchange(state, made.as_ref().clone(), kept);
                let result = slot.limited(exchange).await;
                result.unwrap_or(Err(ExchangeError::Expired))
            }
            (Transport::H1(h1), _) => h1.exchange(state, slot, request, kept).await,
            (Transport::Hyper(_), Wire::Http1(_)) => unreachable!("made for the plan's engine"),
        }
    }
}
