//! What is asked for: a rate over time, as a list of stages.
//!
//! A profile never looks at a clock; [`Curve`] turns it into the number of requests due by a moment, in closed form.

mod curve;
mod file;
mod parse;

use std::{fmt, time::Duration};

pub use curve::Curve;
pub use file::ProfileFileError;

use crate::text::show_duration;

/// How the rate moves during a stage. Rates are requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// One rate throughout.
    Hold {
        /// The rate.
        rate: f64,
    },
    /// A straight line from one rate to another.
    Ramp {
        /// The rate at the stage's start.
        from: f64,
        /// The rate at the stage's end.
        to: f64,
    },
    /// A wave between two rates that starts at the low one.
    Sine {
        /// The lowest rate.
        low: f64,
        /// The highest rate.
        high: f64,
        /// The length of one wave.
        period: Duration,
    },
}

/// A part of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub duration: Duration,
    /// How its rate moves.
    pub shape: Shape,
}

/// Rate over time. Parsed from `10s@50, 60s:50..400, 30s@400` (see [`Profile::SYNTAX`]), or built with
/// [`Profile::hold`], [`Profile::ramp`] and [`Profile::then`].
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    stages: Vec<Stage>,
}

impl Profile {
    /// The language in which profiles are written, for a help text.
    pub const SYNTAX: &str = "\
stages separated by commas, rates in requests per second:
  30s@400            hold 400/s for 30 seconds
  60s:50..400        ramp from 50/s to 400/s
  60s:50..400/8      the same climb in 8 equal steps
  20s:50^400         spike: up to 400/s at the middle, and back
  10m:50~400/2m      sine between 50/s and 400/s, one wave in 2 minutes";

    /// One rate for a time.
    pub fn hold(rate: f64, duration: Duration) -> Self {
        Self {
            stages: vec![Stage {
                duration,
                shape: Shape::Hold { rate },
            }],
        }
    }

    /// A straight line from one rate to another.
    pub fn ramp(from: f64, to: f64, duration: Duration) -> Self {
        Self {
            stages: vec![Stage {
                duration,
                shape: Shape::Ramp { from, to },
            }],
        }
    }

    /// This profile, followed by another.
    #[must_use]
    pub fn then(mut self, next: Profile) -> Self {
        self.stages.extend(next.stages);
        self
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The sum of the stages' durations.
    pub fn duration(&self) -> Duration {
        let durations = self.stages.iter().map(|stage| stage.duration);
        durations.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The number of requests asked for in all.
    pub fn requests(&self) -> u64 {
        self.curve().requests()
    }

    /// The cumulative arrival curve.
    pub fn curve(&self) -> Curve {
        Curve::new(&self.stages)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = show_duration(self.duration);
        match self.shape {
            Shape::Hold { rate } => write!(f, "{duration}@{rate}"),
            Shape::Ramp { from, to } => write!(f, "{duration}:{from}..{to}"),
            Shape::Sine { low, high, period } => {
                write!(f, "{duration}:{low}~{high}/{}", show_duration(period))
            }
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            write!(f, "{}{stage}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
