//! How many members one action adds or removes, and why so many.

use std::{fmt, str::FromStr};

use super::size::Size;

/// The largest share that a step may be of the size: it multiplies a pool by eleven.
const MOST_PERCENT: u32 = 1_000;

/// How many members one action adds or removes.
///
/// Written as a number (`2`), a share of the size (`150%`), or the larger of both (`2 or 150%`).
/// Step adjustments of AWS and policies of Kubernetes' autoscaler know both forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepSize {
    members: u32,
    percent: u32,
}

impl StepSize {
    /// One member.
    pub const ONE: Self = Self {
        members: 1,
        percent: 0,
    };

    /// So many members.
    pub const fn members(members: u32) -> Self {
        Self {
            members,
            percent: 0,
        }
    }

    /// The number of members, apart from the share.
    pub fn count(self) -> u32 {
        self.members
    }

    /// The share of the size, in percent.
    pub fn percent(self) -> u32 {
        self.percent
    }

    /// Members to add to a pool of this size: the share rounded up, and at least 1.
    pub fn to_add(self, size: Size) -> u32 {
        let share = (u64::from(size.0) * u64::from(self.percent)).div_ceil(100);
        self.at_least_one(share)
    }

    /// Members to remove from a pool of this size: the share rounded down, and at least 1. So the
    /// load of the rest grows no more than the share says, except in a pool of very few.
    pub fn to_remove(self, size: Size) -> u32 {
        let share = u64::from(size.0) * u64::from(self.percent) / 100;
        self.at_least_one(share)
    }

    fn at_least_one(self, share: u64) -> u32 {
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        self.members.max(share).max(1)
    }
}

/// A text that names no [`StepSize`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a number of members (2), a share of the size (50%) up to 1000%, or both (2 or 50%)"
)]
pub struct StepSizeError;

impl FromStr for StepSize {
    type Err = StepSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (members, percent) = members_and_percent(text).ok_or(StepSizeError)?;
        if percent > MOST_PERCENT {
            return Err(StepSizeError);
        }
        Ok(Self { members, percent })
    }
}

impl fmt::Display for StepSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_members_or_percent(f, self.members, self.percent)
    }
}

/// Reads `3`, `50%` or `3 or 50%`; neither number may be 0.
pub(crate) fn members_and_percent(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let number = text.trim().parse::<u16>().ok().map(u32::from);
        number.filter(|number| *number > 0)
    };
    let Some(share) = text.trim().strip_suffix('%') else {
        return Some((number(text)?, 0));
    };
    match share.split_once(" or ") {
        Some((members, percent)) => Some((number(members)?, number(percent)?)),
        None => Some((0, number(share)?)),
    }
}

/// Writes what [`members_and_percent`] reads.
pub(crate) fn show_members_or_percent(
    f: &mut fmt::Formatter<'_>,
    members: u32,
    percent: u32,
) -> fmt::Result {
    match (members, percent) {
        (members, 0) => write!(f, "{members}"),
        (0, percent) => write!(f, "{percent}%"),
        (members, percent) => write!(f, "{members} or {percent}%"),
    }
}
