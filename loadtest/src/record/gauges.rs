//! What a run is doing at a moment.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Levels at a moment, of one worker or of all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauges {
    /// Requests that wait for their response.
    pub in_flight: u64,
    /// Requests that are overdue because every connection is busy.
    pub backlog: u64,
    pub connections: u64,
}

impl AddAssign for Gauges {
    fn add_assign(&mut self, other: Self) {
        self.in_flight += other.in_flight;
        self.backlog += other.backlog;
        self.connections += other.connections;
    }
}

/// What a run was to send in a tick, and what it was doing at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Levels {
    /// Requests that the profile asked for.
    pub(crate) asked: f64,
    #[serde(flatten)]
    pub(crate) gauges: Gauges,
}

impl AddAssign for Levels {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.gauges += other.gauges;
    }
}
