//! One tick of a run, for those who watch it on the collector's thread.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{
    gauges::Levels,
    part::{Part, Timed},
    progress::Progress,
};

/// Receives every tick's record, on the collector's thread.
pub trait Observer: Send {
    /// Called once for each tick, in order.
    fn tick(&mut self, tick: &Tick<'_>);
}

/// One tick, added up over all workers.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The run at its end.
    pub(crate) progress: &'a Progress,
    /// The plan's settings, and what the run has learnt so far.
    pub(crate) settings: &'a BTreeMap<String, String>,
    /// When it started, since the run's start.
    pub(crate) start: Duration,
    pub(crate) length: Duration,
    pub(crate) started_at: SystemTime,
    pub(crate) part: &'a Part,
    pub(crate) headline: &'a Timed,
    pub(crate) levels: Levels,
}
