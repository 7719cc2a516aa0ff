//! When a worker's connections are opened, shared and replaced.

use std::rc::Rc;

use super::{
    connect::ConnectError,
    h1::H1,
    hyper::Hyper,
    lane::Lane,
    wire::{Carrier, Open, Wire},
    worker::Worker,
};
use crate::{plan::Engine, schedule::nanos};

impl Worker {
    /// Opens a connection, and decides when it will be replaced; or joins the one that this lane shares.
    pub(crate) async fn connect(&self, lane: &Lane) -> Result<Wire, ConnectError> {
        let shared = match self.plan.engine {
            Engine::Http2 { .. } => Some(&self.shared[lane.index % self.shared.len()]),
            Engine::Http1 | Engine::Hyper => None,
        };
        let Some(shared) = shared else {
            let (open, carrier) = self.open_wire().await?;
            return Ok(Wire::new(open, carrier));
        };
        let _opening = shared.opening.lock().await;
        let now = self.clock.now();
        if let Some((open, hyper)) = shared.get(|open| !self.is_outdated(open, now)) {
            return Ok(Wire::new(open, Carrier::Hyper(hyper)));
        }
        let (open, carrier) = self.open_wire().await?;
        if let Carrier::Hyper(hyper) = &carrier {
            shared.set(&open, hyper);
        }
        Ok(Wire::new(open, carrier))
    }

    async fn open_wire(&self) -> Result<(Rc<Open>, Carrier), ConnectError> {
        let start = self.clock.now();
        let (stream, address) = self.connector.open().await?;
        let carrier = match self.plan.engine {
            Engine::Http1 => Carrier::H1(H1::new(stream, self.plan.request.method() == "HEAD")),
            Engine::Hyper => Carrier::Hyper(Hyper::http1(stream).await?),
            Engine::Http2 { .. } => Carrier::Hyper(Hyper::http2(stream).await?),
        };
        let now = self.clock.now();
        self.recorder.borrow_mut().connected(now - start);
        let expires = self.plan.connection_max_age.map_or(u64::MAX, |age| {
            let part = 1.0 - self.plan.connection_age_jitter * self.random.borrow_mut().f64();
            now.saturating_add((nanos(age) as f64 * part) as u64)
        });
        Ok((Open::new(address, expires, &self.open), carrier))
    }

    /// Whether a connection is to be replaced before the next request.
    pub(crate) fn is_outdated(&self, open: &Open, now: u64) -> bool {
        open.spent.get()
            || now >= open.expires
            || self
                .plan
                .connection_max_requests
                .is_some_and(|max| open.requests.get() >= max)
            || !self.connector.has(open.address)
    }
}
