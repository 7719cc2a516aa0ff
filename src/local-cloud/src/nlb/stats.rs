//! Counters of one service.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a service has done since it started. Of UDP, a flow is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Client connections that are open now.
    pub open: u64,
    /// Of those, connections to members that have left the list.
    pub draining: u64,
    /// Client connections accepted, those refused included.
    pub total: u64,
    /// Client connections reset at once, or datagrams dropped, because no healthy member took them.
    pub refused: u64,
    /// Times that a healthy member did not take a connection or datagram.
    pub connect_failures: u64,
    /// Bytes that clients sent.
    pub bytes_from_clients: u64,
    /// Bytes that members sent.
    pub bytes_to_clients: u64,
}

/// The counters behind [`Stats`]. Each is exact; together they are not a snapshot of one moment.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) open: Counter,
    pub(super) total: Counter,
    pub(super) refused: Counter,
    pub(super) connect_failures: Counter,
    pub(super) bytes_from_clients: Counter,
    pub(super) bytes_to_clients: Counter,
}

/// A number that several tasks change.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one up until the guard is dropped.
    pub(super) fn hold(&self) -> Held<'_> {
        self.add(1);
        Held(self)
    }
}

/// Takes one off its counter when dropped, however the task that holds it ends.
#[derive(Debug)]
pub(super) struct Held<'counter>(&'counter Counter);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
