//! The policy's settings.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use super::size::{Bounds, Size};

/// Everything that can be set about deciding.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleOut {
    /// Members added by one action.
    pub step: NonZeroU32,
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
    members: usize,
    percent: u32,
}

impl MaxUnready {
    /// The limit for a pool that has `members`; at least 1.
    pub fn of(self, members: usize) -> usize {
        let share = members.saturating_mul(self.percent as usize).div_ceil(100);
        self.members.max(share).max(1)
    }
}

/// A text that names no [`MaxUnready`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of members (3), a share (50%) from 1% to 100%, or both (3 or 50%)")]
pub struct MaxUnreadyError;

impl FromStr for MaxUnready {
    type Err = MaxUnreadyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| match text.trim().parse::<u16>() {
            Ok(members) if members > 0 => Ok(usize::from(members)),
            _ => Err(MaxUnreadyError),
        };
        let percent = |text: &str| match text.trim().parse::<u32>() {
            Ok(percent @ 1..=100) => Ok(percent),
            _ => Err(MaxUnreadyError),
        };
        let Some(shared) = text.trim().strip_suffix('%') else {
            return Ok(Self {
                members: number(text)?,
                percent: 0,
            });
        };
        match shared.split_once(" or ") {
            Some((members, share)) => Ok(Self {
                members: number(members)?,
                percent: percent(share)?,
            }),
            None => Ok(Self {
                members: 0,
                percent: percent(shared)?,
            }),
        }
    }
}

impl fmt::Display for MaxUnready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.members, self.percent) {
            (members, 0) => write!(f, "{members}"),
            (0, percent) => write!(f, "{percent}%"),
            (members, percent) => write!(f, "{members} or {percent}%"),
        }
    }
}

/// Settings of shrinking.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleIn {
    /// Members removed by one action.
    pub step: NonZeroU32,
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
