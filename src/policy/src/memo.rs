//! What outlives the process.

use std::time::Duration;

use super::{control::Control, latch::Pending, size::Size, time::Moment};

/// The growing pause after the provider had no capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapacityPause {
    /// Failures in a row.
    pub failures: u32,
    /// End of the pause.
    pub until: Moment,
}

impl CapacityPause {
    pub(crate) fn grow(&mut self, first: Duration, longest: Duration, now: Moment) {
        let pause = first
            .saturating_mul(1 << self.failures.min(16))
            .min(longest);
        self.failures = self.failures.saturating_add(1);
        self.until = now + pause;
    }
}

/// What must outlive the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memo {
    /// When the next action is allowed.
    pub cooldown_ends: Moment,
    /// Whether a change was being made.
    pub acting: bool,
    /// An accepted scale-up that was not acted on yet.
    pub up: Option<Pending>,
    /// The pause after a lack of capacity.
    pub capacity_pause: CapacityPause,
    /// The alert that asks for at least so many members.
    pub at_least: Option<AtLeastMemo>,
    /// The orders in force.
    pub control: Control,
    /// The number of the lease that was held last, where there is a lease.
    pub lease_number: Option<u64>,
}

/// What an alert asked for as a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtLeastMemo {
    /// The number of members.
    pub members: Size,
    /// When it was heard last.
    pub heard: Moment,
}
