//! What one worker did during one tick.

use std::time::Duration;

use super::{gauges::Gauges, part::Part};

/// The end of a tick, as its worker sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TickEnd {
    /// The number of the tick, from 1.
    pub(crate) index: u64,
    /// Since the run's start.
    pub(crate) at: Duration,
    /// Whether the worker is done.
    pub(crate) last: bool,
    pub(crate) gauges: Gauges,
    /// CPU time of the worker's thread since its start.
    pub(crate) cpu: Duration,
}

/// What one worker did from one tick to the next.
#[derive(Debug)]
pub(crate) struct Interval {
    pub(crate) worker: usize,
    pub(crate) end: TickEnd,
    pub(crate) part: Part,
}
