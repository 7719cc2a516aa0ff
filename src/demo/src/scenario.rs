//! The load the demo puts on the pool: up in steps, then down. Pure; it knows no clock and sends
//! nothing.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How fast the scenario runs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Speed {
    /// All intervals are a tenth of what they are in service.
    #[default]
    Fast,
    /// The intervals of the real service.
    Real,
}

impl Speed {
    /// By how much every interval is divided.
    pub(crate) fn divisor(self) -> u32 {
        match self {
            Self::Fast => 10,
            Self::Real => 1,
        }
    }

    /// An interval of the real service at this speed.
    pub(crate) fn scale(self, real: Duration) -> Duration {
        real / self.divisor()
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fast => "fast",
            Self::Real => "real",
        })
    }
}

/// How long a phase lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// This long.
    For(Duration),
    /// Until the pool is back at its least size, or this long at most.
    UntilMinimum {
        /// The bound in time.
        at_most: Duration,
    },
}

impl Lasts {
    /// The longest this can take.
    pub(crate) fn at_most(self) -> Duration {
        match self {
            Self::For(time) | Self::UntilMinimum { at_most: time } => time,
        }
    }
}

/// A stretch of constant load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    /// What it is called on the screen and in the figure, such as `step 2 · 21.5 req/s`; where
    /// there is little room the figure shows only the part before the `·`.
    pub label: String,
    /// Requests per second.
    pub rate: f64,
    /// The pool size that carries this rate without an alert.
    pub need: u32,
    /// How long it lasts.
    pub lasts: Lasts,
}

/// The load of a whole run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    phases: Vec<Phase>,
}

/// Why there is no scenario for these figures.
#[derive(Debug, Error, PartialEq)]
pub enum ScenarioError {
    /// The pool could not grow by two.
    #[error(
        "the demo grows the pool by at least two instances, so --max-size must be at least {least} (it is {max_size}, with a minimum of {min_size})"
    )]
    NoRoom {
        /// The pool's least size.
        min_size: u32,
        /// The pool's greatest size.
        max_size: u32,
        /// The smallest greatest size that would do.
        least: u32,
    },
    /// An instance's capacity is not a positive number of requests per second.
    #[error(
        "an instance that serves {0} requests/s cannot be loaded: its capacity must be a positive number"
    )]
    Capacity(f64),
}

/// Load of the warm-up and of the end, as fractions of the least pool's capacity: one between the
/// thresholds, one under the lower.
const WARM_UP: f64 = 0.3;
const QUIET: f64 = 0.1;
/// How many steps there are at most; each wants one instance more than the one before.
const STEPS: u32 = 3;
/// How busy a step keeps the pool it wants, at most: under the upper threshold by a margin for
/// noise.
const BUSY: f64 = 0.725;
/// How much more than the pool before it can serve a step asks for at most, in instances: enough to
/// raise the alert, and little enough that the queue stays short that grows while an instance
/// boots.
const EXCESS: f64 = 0.15;
const FIRST_STEP_TIME: Duration = Duration::from_secs(200);
const STEP_TIME: Duration = Duration::from_secs(190);
const WARM_UP_TIME: Duration = Duration::from_secs(80);
/// Per instance to remove: a cooldown, the rate and pending times of the alert, and a drain, with a
/// margin of two.
const SHRINK_TIME: Duration = Duration::from_secs(360);

impl Scenario {
    /// The position in [`Self::phases`] of the first phase that needs a bigger pool.
    pub(crate) const FIRST_STEP: usize = 1;

    /// The load for a pool of these bounds whose instances serve `capacity` requests per second
    /// each.
    pub(crate) fn new(
        capacity: f64,
        speed: Speed,
        min_size: u32,
        max_size: u32,
    ) -> Result<Self, ScenarioError> {
        if !capacity.is_finite() || capacity <= 0.0 {
            return Err(ScenarioError::Capacity(capacity));
        }
        let least = min_size.saturating_add(2);
        if max_size < least {
            return Err(ScenarioError::NoRoom {
                min_size,
                max_size,
                least,
            });
        }
        let base = f64::from(min_size.max(1));
        let phase = |label: &str, instances: f64, need, lasts| Phase {
            label: format!("{label} · {:.1} req/s", instances * capacity),
            rate: instances * capacity,
            need,
            lasts,
        };

        let mut phases = vec![phase(
            "warm-up",
            WARM_UP * base,
            min_size,
            Lasts::For(speed.scale(WARM_UP_TIME)),
        )];
        let peak = max_size.min(min_size + STEPS);
        for (number, size) in (1..).zip(min_size + 1..=peak) {
            let instances = (BUSY * f64::from(size)).min(f64::from(size) - 1.0 + EXCESS);
            let time = if number == 1 {
                FIRST_STEP_TIME
            } else {
                STEP_TIME
            };
            phases.push(phase(
                &format!("step {number}"),
                instances,
                size,
                Lasts::For(speed.scale(time)),
            ));
        }
        let at_most = speed.scale(SHRINK_TIME * (peak - min_size));
        phases.push(phase(
            "quiet",
            QUIET * base,
            min_size,
            Lasts::UntilMinimum { at_most },
        ));
        Ok(Self { phases })
    }

    /// The phases in order: the warm-up, then steps up, then quiet.
    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }
}

#[cfg(test)]
impl Scenario {
    /// The greatest number of instances any phase needs.
    pub(crate) fn peak_need(&self) -> u32 {
        self.phases
            .iter()
            .map(|phase| phase.need)
            .max()
            .unwrap_or_default()
    }

    /// The longest the whole scenario can take.
    pub(crate) fn at_most(&self) -> Duration {
        self.phases.iter().map(|phase| phase.lasts.at_most()).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(scenario: &Scenario) -> Vec<f64> {
        scenario
            .phases()
            .iter()
            .map(|phase| (phase.rate * 100.0).round() / 100.0)
            .collect()
    }

    #[test]
    fn a_pool_of_one_to_five_is_told_in_three_steps() {
        let scenario = Scenario::new(10.0, Speed::Fast, 1, 5).expect("there is room");
        assert_eq!(rates(&scenario), [3.0, 11.5, 21.5, 29.0, 1.0]);
        let needs: Vec<_> = scenario.phases().iter().map(|phase| phase.need).collect();
        assert_eq!(needs, [1, 2, 3, 4, 1]);
        let labels: Vec<_> = scenario
            .phases()
            .iter()
            .map(|phase| phase.label.as_str())
            .collect();
        assert_eq!(
            labels,
            [
                "warm-up · 3.0 req/s",
                "step 1 · 11.5 req/s",
                "step 2 · 21.5 req/s",
                "step 3 · 29.0 req/s",
                "quiet · 1.0 req/s"
            ]
        );
        assert_eq!(
            scenario.phases()[0].lasts,
            Lasts::For(Duration::from_secs(8))
        );
        assert!(
            scenario.at_most() < Duration::from_secs(180),
            "{:?}",
            scenario.at_most()
        );
    }

    #[test]
    fn a_smaller_pool_has_fewer_steps_and_the_smallest_is_refused() {
        let scenario = Scenario::new(10.0, Speed::Fast, 1, 3).expect("there is room");
        assert_eq!(rates(&scenario), [3.0, 11.5, 21.5, 1.0]);
        assert_eq!(scenario.peak_need(), 3);
        let refused = Scenario::new(10.0, Speed::Fast, 1, 2).expect_err("there is no room");
        assert!(
            refused
                .to_string()
                .contains("--max-size must be at least 3"),
            "{refused}"
        );
    }

    #[test]
    fn real_speed_takes_ten_times_as_long() {
        let fast = Scenario::new(10.0, Speed::Fast, 1, 5).expect("there is room");
        let real = Scenario::new(10.0, Speed::Real, 1, 5).expect("there is room");
        assert_eq!(fast.at_most() * 10, real.at_most());
    }

    #[test]
    fn a_capacity_that_is_no_rate_is_refused() {
        for capacity in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Scenario::new(capacity, Speed::Fast, 1, 5),
                Err(ScenarioError::Capacity(_))
            ));
        }
    }

    proptest! {
        #[test]
        fn every_story_grows_by_two_and_never_needs_more_than_there_may_be(
            capacity in 0.1_f64..1e4, min_size in 1_u32..6, room in 2_u32..12,
        ) {
            let max_size = min_size + room;
            let scenario = Scenario::new(capacity, Speed::Fast, min_size, max_size).expect("there is room");
            prop_assert!(scenario.peak_need() <= max_size);
            prop_assert!(scenario.peak_need() >= min_size + 2);
            let phases = scenario.phases();
            // The upper and lower thresholds of the rules.
            let least = capacity * f64::from(min_size);
            prop_assert!(phases[0].rate > 0.2 * least && phases[0].rate < 0.8 * least);
            prop_assert!(phases[phases.len() - 1].rate < 0.2 * least);
            for pair in phases[..phases.len() - 1].windows(2) {
                // Each step is more than the pool before it carries, so the alert must fire.
                prop_assert!(pair[1].rate > 0.8 * capacity * f64::from(pair[0].need));
            }
        }
    }
}
