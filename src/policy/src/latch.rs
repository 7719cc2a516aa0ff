//! Pending requests: alerts that wait for the cooldown to end.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{severity::AskedSteps, time::Moment};

/// Which way an alert wants the pool to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Scale out: more members.
    Up,
    /// Scale in: fewer members.
    Down,
}

impl Direction {
    /// The direction from one size to another; `None` when they are equal.
    pub fn between(from: u32, to: u32) -> Option<Self> {
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => Some(Self::Up),
            std::cmp::Ordering::Less => Some(Self::Down),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// The usual name of the action: `scale out` or `scale in`.
    pub fn action_name(self) -> &'static str {
        match self {
            Self::Up => "scale out",
            Self::Down => "scale in",
        }
    }

    /// `up` or `down`, as in labels and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Alerts of one direction that have not been answered with a decision yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When the first one came.
    pub first: Moment,
    /// When the latest one came.
    pub last: Moment,
    /// How many came; a flood of ten thousand is still one pending request.
    pub count: u32,
    /// The strongest steps that they ask for.
    pub steps: AskedSteps,
}

impl Pending {
    /// One alert at `now`.
    pub fn new(now: Moment) -> Self {
        Self {
            first: now,
            last: now,
            count: 1,
            steps: AskedSteps::default(),
        }
    }

    /// Whether the latest alert is older than `lifetime`.
    pub(crate) fn is_expired(self, lifetime: Duration, now: Moment) -> bool {
        now.since(self.last) > lifetime
    }

    /// Counts `count` more alerts, the latest at `now`.
    pub(crate) fn add(slot: &mut Option<Self>, count: u32, steps: AskedSteps, now: Moment) {
        match slot {
            Some(pending) => {
                pending.last = now;
                pending.count = pending.count.saturating_add(count);
                pending.steps = pending.steps.and(steps);
            }
            None => {
                *slot = Some(Self {
                    count,
                    steps,
                    ..Self::new(now)
                });
            }
        }
    }
}
