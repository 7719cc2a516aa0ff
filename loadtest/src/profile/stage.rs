//! A part of a profile, in which the rate moves in one way.

use std::{fmt, time::Duration};

use crate::text::show_duration;

/// How the rate moves during a stage. Rates are requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// One rate throughout.
    Hold { rate: f64 },
    /// A straight line from one rate to another.
    Ramp {
        /// The rate at the stage's start.
        from: f64,
        /// The rate at the stage's end.
        to: f64,
    },
    /// A wave between two rates that starts at the low one.
    Sine {
        low: f64,
        high: f64,
        /// The length of one wave.
        period: Duration,
    },
}

/// A part of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) duration: Duration,
    pub(crate) shape: Shape,
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
