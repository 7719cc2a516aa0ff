//! Who takes part: each policy by its name, such as `hpa-60`.

use std::{fmt, str::FromStr};

use alert_rules::Monitoring;
use policy::Bounds;

use crate::{
    clairvoyant::{Clairvoyant, Plan, needed},
    measure::Record,
    ours::{OurSettings, Ours},
    rivals::{AwsStep, AwsTarget, Fixed, Gce, Hpa},
    settings::WorldSettings,
    time::micros,
    trace::Trace,
    world::play,
};

/// A policy that decides on the pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Knows the load.
    Clairvoyant,
    /// Kubernetes' `HorizontalPodAutoscaler`, with a target in percent.
    Hpa(u8),
    /// Google's autoscaler of managed instance groups, with a target in percent.
    Gce(u8),
    /// Amazon's target tracking, with a target in percent.
    AwsTarget(u8),
    /// Amazon's step scaling.
    AwsStep,
    /// Always the smallest size.
    StaticMin,
    /// Always the largest size.
    StaticMax,
    /// Always the mean of what the load needs, rounded up.
    StaticMean,
    /// This repository's autoscaler as it is set up.
    Ours,
    /// The same with other thresholds, in percent.
    OursAt {
        /// Above this average the pool should grow.
        up: u8,
        /// Below this average it should shrink.
        down: u8,
    },
    /// The same with the optional rule by request rate.
    OursRequests,
    /// The same with that rule and other thresholds, in percent.
    OursRequestsAt {
        /// Above this average the pool should grow.
        up: u8,
        /// Below this average it should shrink.
        down: u8,
    },
}

impl Contender {
    /// Those of the table, unless others are asked for.
    pub const ALL: [Self; 17] = [
        Self::Clairvoyant,
        Self::Hpa(50),
        Self::Hpa(60),
        Self::Hpa(80),
        Self::Gce(60),
        Self::Gce(80),
        Self::AwsTarget(60),
        Self::AwsStep,
        Self::StaticMin,
        Self::StaticMean,
        Self::StaticMax,
        Self::Ours,
        Self::OursAt { up: 80, down: 30 },
        Self::OursAt { up: 80, down: 35 },
        Self::OursRequests,
        Self::OursRequestsAt { up: 90, down: 44 },
        Self::OursRequestsAt { up: 90, down: 70 },
    ];

    /// Whether it is one of this repository's.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursAt { .. }) || self.hears_of_requests()
    }

    /// Whether it needs the optional rule by request rate.
    pub fn hears_of_requests(self) -> bool {
        matches!(self, Self::OursRequests | Self::OursRequestsAt { .. })
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Clairvoyant => "clairvoyant".to_owned(),
            Self::Hpa(target) => format!("hpa-{target}"),
            Self::Gce(target) => format!("gce-{target}"),
            Self::AwsTarget(target) => format!("aws-target-{target}"),
            Self::AwsStep => "aws-step".to_owned(),
            Self::StaticMin => "static-min".to_owned(),
            Self::StaticMax => "static-max".to_owned(),
            Self::StaticMean => "static-mean".to_owned(),
            Self::Ours => "ours".to_owned(),
            Self::OursAt { up, down } => format!("ours-{up}-{down}"),
            Self::OursRequests => "ours-requests".to_owned(),
            Self::OursRequestsAt { up, down } => format!("ours-requests-{up}-{down}"),
        };
        f.pad(&name)
    }
}

/// A name that is no contender's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown policy `{0}`: write clairvoyant, hpa-60, gce-60, aws-target-60, aws-step, static-min, static-mean, static-max, ours, ours-80-30, ours-requests or ours-requests-80-30; targets and thresholds are percents from 1 to 99, the upper threshold before the lower"
)]
pub struct UnknownContender(String);

impl FromStr for Contender {
    type Err = UnknownContender;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let percent = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            let percent = text.parse().ok().filter(|n| (1..=99).contains(n));
            percent.filter(|_| is_number)
        };
        let with_target = |prefix: &str| name.strip_prefix(prefix).and_then(percent);
        let thresholds = |prefix: &str| {
            let (up, down) = name.strip_prefix(prefix)?.split_once('-')?;
            let (up, down) = (percent(up)?, percent(down)?);
            (down < up).then_some((up, down))
        };
        let ours = |(up, down)| Self::OursAt { up, down };
        let with_requests = |(up, down)| Self::OursRequestsAt { up, down };
        let found = match name {
            "clairvoyant" => Some(Self::Clairvoyant),
            "aws-step" => Some(Self::AwsStep),
            "static-min" => Some(Self::StaticMin),
            "static-max" => Some(Self::StaticMax),
            "static-mean" => Some(Self::StaticMean),
            "ours" => Some(Self::Ours),
            "ours-requests" => Some(Self::OursRequests),
            _ => thresholds("ours-")
                .map(ours)
                .or_else(|| thresholds("ours-requests-").map(with_requests))
                .or_else(|| with_target("hpa-").map(Self::Hpa))
                .or_else(|| with_target("gce-").map(Self::Gce))
                .or_else(|| with_target("aws-target-").map(Self::AwsTarget)),
        };
        found.ok_or_else(|| UnknownContender(name.to_owned()))
    }
}

/// With the rule by request rate a member is meant for this share of what it can serve.
const SHARE_PER_MEMBER: f64 = 0.8;

/// The boots that the first size looks ahead.
const FIRST_BOOTS: u32 = 5;

/// What a run needs beside its contender and seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) world: &'a WorldSettings,
    pub(crate) ours: &'a OurSettings,
}

impl Contender {
    /// Plays the trace.
    pub(crate) fn play(self, setting: Setting<'_>, seed: u64) -> Record {
        let Setting { trace, world, ours } = setting;
        let bounds = ours.rules.bounds;
        let first = first_size(trace, world, bounds);
        let share = |percent: u8| f64::from(percent) / 100.0;
        match self {
            Self::Clairvoyant => {
                let plan = Plan::new(trace, world, bounds);
                play(trace, world, seed, plan.first, &mut Clairvoyant::new(&plan))
            }
            Self::Hpa(target) => play(
                trace,
                world,
                seed,
                first,
                &mut Hpa::new(share(target), bounds, seed),
            ),
            Self::Gce(target) => play(
                trace,
                world,
                seed,
                first,
                &mut Gce::new(share(target), bounds, seed),
            ),
            Self::AwsTarget(target) => {
                let mut policy = AwsTarget::new(share(target), bounds, seed);
                play(trace, world, seed, first, &mut policy)
            }
            Self::AwsStep => play(trace, world, seed, first, &mut AwsStep::new(bounds, seed)),
            Self::StaticMin => play(trace, world, seed, bounds.min().0, &mut Fixed),
            Self::StaticMax => play(trace, world, seed, bounds.max().0, &mut Fixed),
            Self::StaticMean => play(
                trace,
                world,
                seed,
                mean_size(trace, world, bounds),
                &mut Fixed,
            ),
            Self::Ours | Self::OursAt { .. } | Self::OursRequests | Self::OursRequestsAt { .. } => {
                let other = OurSettings {
                    monitoring: self.monitoring(ours.monitoring.clone(), world),
                    ..ours.clone()
                };
                play(trace, world, seed, first, &mut Ours::new(&other, seed))
            }
        }
    }
}

impl Contender {
    /// This one's own, where it is one of this repository's.
    fn monitoring(self, monitoring: Monitoring, world: &WorldSettings) -> Monitoring {
        let share = |percent: u8| f64::from(percent) / 100.0;
        let monitoring = match self {
            Self::OursAt { up, down } | Self::OursRequestsAt { up, down } => {
                monitoring.at_thresholds(share(up), share(down))
            }
            _ => monitoring,
        };
        if self.hears_of_requests() {
            monitoring.with_request_rate(SHARE_PER_MEMBER / world.service.as_secs_f64())
        } else {
            monitoring
        }
    }
}

/// Every contender that may choose begins with what the first minutes need: none is judged by a
/// cold start.
fn first_size(trace: &Trace, world: &WorldSettings, bounds: Bounds) -> u32 {
    let ahead = micros(world.boot * FIRST_BOOTS);
    let first = (ahead / trace.segment).max(1) as usize;
    let needed = needed(trace, world).into_iter().take(first).max();
    bounds.clamp(policy::Size(needed.unwrap_or(1))).0
}

/// The mean of the members that the load needs, rounded up.
fn mean_size(trace: &Trace, world: &WorldSettings, bounds: Bounds) -> u32 {
    let needed = needed(trace, world);
    let sum: u64 = needed.iter().copied().map(u64::from).sum();
    let mean = sum.div_ceil(needed.len().max(1) as u64);
    bounds.clamp(policy::Size(mean as u32)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for contender in Contender::ALL {
            assert_eq!(contender.to_string().parse(), Ok(contender));
        }
        for wrong in [
            "",
            "hpa",
            "hpa-",
            "hpa-0",
            "hpa-100",
            "hpa-+6",
            "ours-20-80",
            "ours-80",
            "ours-requests-",
            "ours-requests-20-80",
            "OURS",
            "gce-60-1",
        ] {
            let error = wrong.parse::<Contender>().expect_err(wrong).to_string();
            assert!(
                error.contains(&format!("`{wrong}`")) && error.contains("hpa-60"),
                "{error}"
            );
        }
    }
}
