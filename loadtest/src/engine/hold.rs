//! Keeps a worker asleep until its next request is due, though responses arrive meanwhile.
//!
//! A request costs two wake-ups: one to send it, one for its response. Where the kernel says when a
//! response arrived, it can be read as late as the next request is sent, and one wake-up serves
//! both. tokio's reactor wakes for whatever is ready, so the thread waits for the timer alone
//! before the reactor does.

use std::{cell::RefCell, rc::Rc};

use super::dispatcher::Dispatcher;

thread_local! {
    /// Whose thread this is. tokio's hook has to be free to move between threads, and is never
    /// moved.
    static DISPATCHER: RefCell<Option<Rc<Dispatcher>>> = const { RefCell::new(None) };
}

/// While it lives, the thread's dispatcher is asked before the thread waits.
pub(crate) struct Holding(());

impl Holding {
    pub(crate) fn of(dispatcher: &Rc<Dispatcher>) -> Self {
        DISPATCHER.set(Some(Rc::clone(dispatcher)));
        Self(())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        DISPATCHER.take();
    }
}

/// For tokio's `on_thread_park`.
pub(crate) fn before_park() {
    DISPATCHER.with_borrow(|dispatcher| {
        if let Some(dispatcher) = dispatcher {
            dispatcher.hold();
        }
    });
}
