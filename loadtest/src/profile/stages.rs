//! A profile: stages one after another.

use std::{fmt, time::Duration};

use super::{
    curve::Curve,
    stage::{Shape, Stage},
};

/// Rate over time. Parsed from `10s@50, 60s:50..400, 30s@400` (see [`Profile::SYNTAX`]), or built
/// with [`Profile::hold`] and [`Profile::then`].
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub(super) stages: Vec<Stage>,
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

    /// This profile, followed by another.
    #[must_use]
    pub fn then(mut self, next: Profile) -> Self {
        self.stages.extend(next.stages);
        self
    }

    /// Requests per second over its whole duration.
    pub fn mean_rate(&self) -> f64 {
        let seconds = self.duration().as_secs_f64();
        self.curve().due(seconds) / seconds
    }

    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The sum of the stages' durations.
    pub(crate) fn duration(&self) -> Duration {
        let durations = self.stages.iter().map(|stage| stage.duration);
        durations.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The number of requests asked for in all.
    pub(crate) fn requests(&self) -> u64 {
        self.curve().requests()
    }

    pub(crate) fn curve(&self) -> Curve {
        Curve::new(&self.stages)
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
