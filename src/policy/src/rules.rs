//! The policy's settings.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    severity::SeverityTable,
    size::{Bounds, Size},
    step_size::{StepSize, members_and_percent, show_members_or_percent},
};

/// Everything that can be set about deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The smallest and largest size.
    pub bounds: Bounds,
    /// At most one action in any such time (guarantee G2).
    pub cooldown: Duration,
    /// How old the pool read under an action may be (guarantee G6).
    pub fresh: Duration,
    /// Pause before the pool is read again when it was not ready for a change.
    pub retry: Duration,
    /// Settings of growing.
    pub scale_out: ScaleOut,
    /// Settings of shrinking.
    pub scale_in: ScaleIn,
}

/// Settings of growing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleOut {
    /// Members added by one action, unless an alert asks for more.
    pub step: StepSize,
    /// The most that one action adds, whatever asks for it. A schedule's minimum is reached at
    /// once.
    pub max_step: StepSize,
    /// The step that an alert's value asks for.
    pub severity: SeverityTable,
    /// How long an alert's "at least so many members" holds.
    pub at_least_lifetime: Duration,
    /// An alert waits this long at most for its action.
    pub alert_lifetime: Duration,
    /// No growth while this many members are missing or cannot serve: more would not help.
    pub max_unready: MaxUnready,
    /// First pause after the provider had no capacity or quota; doubles on each repetition.
    pub capacity_pause: Duration,
    /// The longest such pause.
    pub capacity_pause_max: Duration,
}

/// How many members may be missing or unable to serve before growth stops.
///
/// Written as a number (`3`), a share of the members there (`50%`), or the larger of both
/// (`3 or 50%`). Cluster Autoscaler's two limits, an unready count and an unready share, are the
/// convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxUnready {
    members: u32,
    percent: u32,
}

impl MaxUnready {
    /// The limit for a pool that has `members`; at least 1.
    pub fn of(self, members: usize) -> usize {
        let share = members.saturating_mul(self.percent as usize).div_ceil(100);
        (self.members as usize).max(share).max(1)
    }
}

/// A text that names no [`MaxUnready`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of members (3), a share (50%) from 1% to 100%, or both (3 or 50%)")]
pub struct MaxUnreadyError;

impl FromStr for MaxUnready {
    type Err = MaxUnreadyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match members_and_percent(text) {
            Some((members, percent @ 0..=100)) => Ok(Self { members, percent }),
            _ => Err(MaxUnreadyError),
        }
    }
}

impl fmt::Display for MaxUnready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_members_or_percent(f, self.members, self.percent)
    }
}

/// Settings of shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleIn {
    /// Members removed by one action.
    pub step: StepSize,
    /// An alert waits this long at most for its action.
    pub alert_lifetime: Duration,
    /// No shrinking for so long after an "up" alert or a scale-out.
    pub stabilisation: Duration,
    /// No shrinking while a member is younger than this: its load is not settled yet.
    pub warm_up: Duration,
}

/// What the agent may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Scale out and in.
    On,
    /// Scale out only.
    ScaleOutOnly,
    /// Change nothing, and record what would have been done.
    Recommend,
    /// Hold one size, whatever the alerts say.
    Pinned(Size),
}

impl Mode {
    /// The same mode, a pinned size brought inside the bounds.
    pub(crate) fn within(self, bounds: Bounds) -> Self {
        match self {
            Self::Pinned(size) => Self::Pinned(bounds.clamp(size)),
            other => other,
        }
    }
}

/// A text that names no [`Mode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{0}`: write `on`, `scale-out-only`, `recommend` or `pinned=N`")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ModeError(text.to_owned());
        match text {
            "on" => Ok(Self::On),
            "scale-out-only" => Ok(Self::ScaleOutOnly),
            "recommend" => Ok(Self::Recommend),
            _ => {
                let size = text.strip_prefix("pinned=").ok_or_else(wrong)?;
                size.parse()
                    .map(|n| Self::Pinned(Size(n)))
                    .map_err(|_| wrong())
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::ScaleOutOnly => f.write_str("scale-out-only"),
            Self::Recommend => f.write_str("recommend"),
            Self::Pinned(size) => write!(f, "pinned={size}"),
        }
    }
}
