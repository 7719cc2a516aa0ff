//! The offered load over time.

mod builtin;
mod file;

pub use builtin::{BUILT_IN, built_in};
pub use file::TraceError;

use std::path::Path;

use crate::time::{MINUTE, Micros, SECOND, times};

/// An offered load: for each segment of time how many servers' work arrives in it, on average.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What it is called in tables and files.
    pub name: String,
    /// How long each value holds.
    pub segment: Micros,
    /// The load in servers: 1 is what keeps one member busy all the time.
    pub load: Vec<f64>,
    /// When the load jumps, for the time that a policy takes to recover from it.
    pub step_at: Option<Micros>,
}

impl Trace {
    /// A file of requests per minute, one number a line, scaled to a peak of `peak` servers.
    pub fn read(path: &Path, peak: f64) -> Result<Self, TraceError> {
        file::read(path, peak)
    }

    /// A load that was measured: of each minute, in servers.
    pub fn of_minutes(name: &str, load: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            segment: MINUTE,
            load,
            step_at: None,
        }
    }

    /// How long it lasts.
    pub fn duration(&self) -> Micros {
        times(self.load.len(), self.segment)
    }

    /// The same in minutes.
    pub(crate) fn minutes(&self) -> f64 {
        self.duration() as f64 / MINUTE as f64
    }

    /// The load at a moment; none before the beginning and after the end.
    pub fn load_at(&self, at: Micros) -> f64 {
        let place = usize::try_from(at.div_euclid(self.segment));
        let load = place.ok().and_then(|place| self.load.get(place));
        load.copied().unwrap_or(0.0)
    }

    /// A load in closed form, a function of the time in seconds.
    fn from_form(name: &str, minutes: u32, load: impl Fn(f64) -> f64) -> Self {
        const SEGMENT_S: u32 = 10;
        let middles = (0..minutes * 60 / SEGMENT_S).map(|n| f64::from(n * SEGMENT_S) + 5.0);
        Self {
            name: name.to_owned(),
            segment: Micros::from(SEGMENT_S) * SECOND,
            load: middles.map(load).collect(),
            step_at: None,
        }
    }

    /// The same form with another peak.
    fn scaled_to(mut self, peak: f64) -> Self {
        let most = self.load.iter().copied().fold(0.0, f64::max);
        if most > 0.0 {
            for load in &mut self.load {
                *load *= peak / most;
            }
        }
        self
    }
}
