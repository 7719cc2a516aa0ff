//! The run's time.

use std::time::Instant;

use crate::schedule::nanos;

/// Nanoseconds since the run's start, which may lie ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new(start: Instant) -> Self {
        Self(start)
    }

    pub(crate) fn now(self) -> u64 {
        nanos(self.0.elapsed())
    }
}
