//! Pool sizes, and the only way to make a change of size.

use std::fmt;

use super::latch::Direction;

/// A number of pool members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u32);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The smallest and the largest size that the agent may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    min: Size,
    max: Size,
}

/// Why a pair of sizes is no [`Bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// Exoscale has no empty instance pool.
    #[error("the minimum size is 0, but an instance pool has at least 1 member")]
    Empty,
    /// No size is both.
    #[error("the minimum size {min} is larger than the maximum size {max}")]
    Crossed {
        /// The smallest size given.
        min: Size,
        /// The largest size given.
        max: Size,
    },
}

impl Bounds {
    /// Bounds with `1 <= min <= max`.
    pub fn new(min: u32, max: u32) -> Result<Self, BoundsError> {
        let (min, max) = (Size(min), Size(max));
        if min.0 == 0 {
            Err(BoundsError::Empty)
        } else if min > max {
            Err(BoundsError::Crossed { min, max })
        } else {
            Ok(Self { min, max })
        }
    }

    /// The smallest size.
    pub fn min(self) -> Size {
        self.min
    }

    /// The largest size.
    pub fn max(self) -> Size {
        self.max
    }

    /// The nearest size inside.
    pub fn clamp(self, size: Size) -> Size {
        size.clamp(self.min, self.max)
    }

    /// These bounds with a larger minimum and a smaller maximum; what lies outside them counts as
    /// the nearest size inside, and the minimum wins over the maximum.
    #[must_use]
    pub fn narrowed(self, min: Option<Size>, max: Option<Size>) -> Self {
        let min = min.map_or(self.min, |min| self.clamp(min));
        let max = max.map_or(self.max, |max| self.clamp(max).max(min));
        Self { min, max }
    }

    /// The change of `step` members from `from`, or `None` when there is no room for one.
    ///
    /// This is the only way to make a [`Resize`], so no size outside the bounds is ever asked for
    /// (guarantee G1): inside, the result stays inside; outside, it moves toward the inside and
    /// never past it.
    pub fn resize(self, from: Size, direction: Direction, step: u32) -> Option<Resize> {
        let to = match direction {
            Direction::Up if from < self.max => {
                Size(from.0.saturating_add(step).clamp(self.min.0, self.max.0))
            }
            Direction::Down if from > self.min => Size(from.0.saturating_sub(step).max(self.min.0)),
            Direction::Up | Direction::Down => return None,
        };
        (to != from).then_some(Resize { from, to })
    }
}

/// A change of size within the [`Bounds`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    from: Size,
    to: Size,
}

impl Resize {
    /// The size that was read.
    pub fn from(self) -> Size {
        self.from
    }

    /// The size to ask for.
    pub fn to(self) -> Size {
        self.to
    }

    /// Members added or removed.
    pub(crate) fn members(self) -> usize {
        self.from.0.abs_diff(self.to.0) as usize
    }

    /// Whether members are added or removed.
    pub fn direction(self) -> Direction {
        if self.to > self.from {
            Direction::Up
        } else {
            Direction::Down
        }
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}
