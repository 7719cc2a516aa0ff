//! The load the demo puts on the pool. Pure; it knows no clock and sends nothing.

mod loads;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::loads::Load;

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

/// What a run is to show.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The load rises in steps and falls; each action changes the size by one.
    #[default]
    Brief,
    /// The load more than doubles at once; the first action fits it.
    Severity,
    /// The same twice, with a lull between.
    Spike,
    /// A schedule makes the pool larger before the load comes.
    Schedule,
}

impl Kind {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brief => "brief",
            Self::Severity => "severity",
            Self::Spike => "spike",
            Self::Schedule => "schedule",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
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
    /// The row of the agent's schedule, where there is one.
    pub scheduled: Option<ScheduledSize>,
}

/// A size that a schedule asks for, in times since the agent's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScheduledSize {
    /// When the row begins.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
    /// The smallest size meanwhile.
    pub min_size: u32,
}

/// Why there is no scenario for these figures.
#[derive(Debug, Error, PartialEq)]
pub enum ScenarioError {
    /// The pool could not grow by two.
    #[error(
        "the scenario {kind} needs room to grow, so --max-size must be at least {least} (it is {max_size}, with a minimum of {min_size})"
    )]
    NoRoom {
        /// Which scenario.
        kind: &'static str,
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

impl Scenario {
    /// The position in [`Self::phases`] of the first phase that needs a bigger pool; a schedule has
    /// one before it.
    pub(crate) fn first_step(&self) -> usize {
        if self.scheduled.is_some() { 2 } else { 1 }
    }

    /// The load for a pool of these bounds whose instances serve `capacity` requests per second
    /// each.
    pub(crate) fn new(
        kind: Kind,
        capacity: f64,
        speed: Speed,
        min_size: u32,
        max_size: u32,
    ) -> Result<Self, ScenarioError> {
        if !capacity.is_finite() || capacity <= 0.0 {
            return Err(ScenarioError::Capacity(capacity));
        }
        let load = Load {
            capacity,
            speed,
            min_size,
        };
        let least = load.least_room(kind);
        if max_size < least {
            return Err(ScenarioError::NoRoom {
                kind: kind.name(),
                min_size,
                max_size,
                least,
            });
        }
        Ok(match kind {
            Kind::Brief => load.brief(max_size),
            Kind::Severity => load.severity(max_size),
            Kind::Spike => load.spike(max_size),
            Kind::Schedule => load.schedule(max_size),
        })
    }

    /// The same load for a pool that keeps its size: each phase lasts as long as it did in another
    /// run.
    pub(crate) fn replayed(&self, lasted: &[Duration]) -> Self {
        let phases = self.phases.iter().zip(lasted);
        let phases = phases.map(|(phase, lasted)| Phase {
            lasts: Lasts::For(*lasted),
            ..phase.clone()
        });
        Self {
            phases: phases.collect(),
            scheduled: None,
        }
    }

    /// The small load at the end, for as long as somebody wants to look around.
    pub(crate) fn quiet(&self) -> Phase {
        let last = self.phases.last();
        let rate = last.map_or(0.0, |phase| phase.rate);
        Phase {
            label: format!("kept running · {rate:.1} req/s"),
            rate,
            need: last.map_or(0, |phase| phase.need),
            lasts: Lasts::For(Duration::MAX),
        }
    }

    /// The phases in order.
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
        let scenario = Scenario::new(Kind::Brief, 10.0, Speed::Fast, 1, 5).expect("there is room");
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
        let scenario = Scenario::new(Kind::Brief, 10.0, Speed::Fast, 1, 3).expect("there is room");
        assert_eq!(rates(&scenario), [3.0, 11.5, 21.5, 1.0]);
        assert_eq!(scenario.peak_need(), 3);
        let refused =
            Scenario::new(Kind::Brief, 10.0, Speed::Fast, 1, 2).expect_err("there is no room");
        assert!(
            refused
                .to_string()
                .contains("--max-size must be at least 3"),
            "{refused}"
        );
    }

    #[test]
    fn real_speed_takes_ten_times_as_long() {
        let fast = Scenario::new(Kind::Brief, 10.0, Speed::Fast, 1, 5).expect("there is room");
        let real = Scenario::new(Kind::Brief, 10.0, Speed::Real, 1, 5).expect("there is room");
        assert_eq!(fast.at_most() * 10, real.at_most());
    }

    #[test]
    fn a_capacity_that_is_no_rate_is_refused() {
        for capacity in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Scenario::new(Kind::Brief, capacity, Speed::Fast, 1, 5),
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
            let scenario = Scenario::new(Kind::Brief, capacity, Speed::Fast, min_size, max_size).expect("there is room");
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

    #[test]
    fn a_jump_overloads_the_least_pool_and_fits_into_a_larger_one() {
        for kind in [Kind::Severity, Kind::Spike] {
            for min_size in 1..8 {
                let max_size = 2 * min_size + 1;
                let scenario = Scenario::new(kind, 10.0, Speed::Fast, min_size, max_size);
                let scenario = scenario.expect("there is room");
                let jump = &scenario.phases()[scenario.first_step()];
                let least = 10.0 * f64::from(min_size);
                assert!(jump.rate > 1.3 * least, "{kind} {min_size}: {jump:?}");
                assert!(
                    jump.rate < 8.0 * f64::from(max_size),
                    "{kind} {min_size}: {jump:?}"
                );
                let refused = Scenario::new(kind, 10.0, Speed::Fast, min_size, max_size - 1);
                let said = refused.expect_err("there is no room").to_string();
                assert!(said.contains(&format!("scenario {kind}")), "{said}");
            }
        }
    }

    #[test]
    fn a_schedule_begins_after_the_cooldown_and_before_its_load_and_ends_with_it() {
        for speed in [Speed::Fast, Speed::Real] {
            let scenario = Scenario::new(Kind::Schedule, 10.0, speed, 1, 5).expect("there is room");
            let row = scenario.scheduled.expect("it has a schedule");
            let before: Duration = scenario.phases()[..scenario.first_step()]
                .iter()
                .map(|phase| phase.lasts.at_most())
                .sum();
            assert!(row.from > speed.scale(Duration::from_secs(60)));
            // Two boots and their decisions fit in between.
            assert!(row.from + speed.scale(Duration::from_secs(150)) <= before);
            assert!(row.to > before);
            let rush = &scenario.phases()[scenario.first_step()];
            assert!(rush.rate < 0.8 * 10.0 * f64::from(row.min_size), "no alert");
            assert!(rush.rate > 0.8 * 10.0, "too much for the least pool");
        }
    }
}
