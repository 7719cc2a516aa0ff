//! Points in time, as the policy sees them.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A point in monotonic time: how long the agent has been running.
///
/// A jump of the wall clock does not move it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// When the agent started.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment `since_start` after the start.
    pub const fn at(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Time from the start to this moment.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    /// Saturates at the start.
    fn sub(self, earlier_by: Duration) -> Self {
        Self(self.0.saturating_sub(earlier_by))
    }
}
