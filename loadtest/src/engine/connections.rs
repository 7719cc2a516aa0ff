//! The connections of one slot: at most one to each origin.

use std::task::Context;

use super::connection::Connection;

#[derive(Default)]
pub(crate) struct Connections(Vec<Option<Connection>>);

impl Connections {
    /// The place for the connection to an origin.
    pub(crate) fn at(&mut self, origin: usize) -> &mut Option<Connection> {
        if self.0.len() <= origin {
            self.0.resize_with(origin + 1, || None);
        }
        &mut self.0[origin]
    }

    /// Whether there is a connection to an origin.
    pub(crate) fn has(&self, origin: usize) -> bool {
        self.0.get(origin).is_some_and(Option::is_some)
    }

    /// Whether there are several origins, so that a connection may be idle while its slot is not.
    pub(crate) fn are_many(&self) -> bool {
        self.0.len() > 1
    }

    /// When the last of them comes of age; zero when there is none.
    pub(crate) fn expires(&self) -> u64 {
        let open = self.0.iter().flatten();
        open.map(|connection| connection.usage.expires)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.0.iter().any(Option::is_some)
    }

    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(|connection| *connection = None);
    }

    /// Drops those that their servers have closed; says whether that left none.
    pub(crate) fn drop_closed(&mut self, context: &mut Context<'_>) -> bool {
        let mut dropped = false;
        for place in &mut self.0 {
            let is_closed = |open: &mut Connection| open.poll_closed(context).is_ready();
            dropped |= place.take_if(is_closed).is_some();
        }
        dropped && self.is_empty()
    }
}
