//! Steps that fit the load: how many members an alert asks for.

use std::{fmt, str::FromStr};

use super::{
    size::Size,
    step_size::{StepSize, StepSizeError},
};

/// A share of CPU time in thousandths: 950 is 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuShare(pub u16);

impl fmt::Display for CpuShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (percent, 0) => write!(f, "{percent}%"),
            (percent, tenths) => write!(f, "{percent}.{tenths}%"),
        }
    }
}

/// Why an action has the step that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepCause {
    /// The settings' step.
    Default,
    /// The alert's value is above this share.
    Severity(CpuShare),
    /// The alert's rule says it in a label.
    Label,
    /// A floor is so far above the size.
    Floor,
}

impl fmt::Display for StepCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default step"),
            Self::Severity(above) => write!(f, "average CPU above {above}"),
            Self::Label => f.write_str("the rule's label"),
            Self::Floor => f.write_str("up to the floor"),
        }
    }
}

/// The step of an action, and why it is that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChosenStep {
    /// What was asked for; [`ScaleOut::max_step`](super::ScaleOut::max_step) and the pool's limits
    /// may have left less of it.
    pub size: StepSize,
    /// Why.
    pub cause: StepCause,
}

/// The strongest steps that waiting alerts ask for.
///
/// Whether two members or half the size are more depends on the size, so the strongest of each form
/// are kept until the pool is read. Memory does not grow with the number of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedSteps {
    /// The largest number of members.
    pub by_members: Option<ChosenStep>,
    /// The largest share.
    pub by_share: Option<ChosenStep>,
}

impl AskedSteps {
    /// What one alert asks for.
    pub fn new(size: StepSize, cause: StepCause) -> Self {
        let step = ChosenStep { size, cause };
        Self {
            by_members: (size.count() > 0).then_some(step),
            by_share: (size.percent() > 0).then_some(step),
        }
    }

    /// What both ask for together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let stronger =
            |one: Option<ChosenStep>, two: Option<ChosenStep>, by: fn(StepSize) -> u32| {
                let steps = [one, two].into_iter().flatten();
                // The first of equals stays: what was said first is the cause.
                steps.rev().max_by_key(|step| by(step.size))
            };
        Self {
            by_members: stronger(self.by_members, other.by_members, StepSize::count),
            by_share: stronger(self.by_share, other.by_share, StepSize::percent),
        }
    }

    /// The strongest of all and the `default`, for a pool of this size.
    pub fn strongest(self, default: StepSize, size: Size) -> ChosenStep {
        let default = ChosenStep {
            size: default,
            cause: StepCause::Default,
        };
        let asked = [self.by_members, self.by_share, Some(default)];
        let asked = asked.into_iter().flatten();
        asked
            .rev()
            .max_by_key(|step| step.size.to_add(size))
            .unwrap_or(default)
    }
}

/// Which step an alert's value asks for: the row with the highest threshold below the value.
///
/// Written as `0.95: 150%`, rows parted by commas; `none` for no rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeverityTable(Vec<(CpuShare, StepSize)>);

impl SeverityTable {
    /// The step that an "up" alert asks for by its value, the average CPU use from 0 to 1. A value
    /// that is none, such as NaN, asks for no step of its own.
    pub fn asked_by(&self, value: f64) -> AskedSteps {
        let step = self.step(value);
        step.map_or_else(AskedSteps::default, |step| {
            AskedSteps::new(step.size, step.cause)
        })
    }

    pub(crate) fn step(&self, value: f64) -> Option<ChosenStep> {
        /// Rates over short windows overshoot a little; what is beyond is no share of CPU time.
        const MOST: f64 = 1.5;
        if !(0.0..=MOST).contains(&value) {
            return None;
        }
        let above = |row: &&(CpuShare, StepSize)| value > f64::from(row.0.0) / 1_000.0;
        let &(share, size) = self.0.iter().rev().find(above)?;
        Some(ChosenStep {
            size,
            cause: StepCause::Severity(share),
        })
    }
}

const NONE: &str = "none";

/// A text that is no [`SeverityTable`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeverityError {
    /// A row without a colon.
    #[error(
        "expected `none` or rows such as `0.95: 150%`, parted by commas, but `{0}` has no colon"
    )]
    NoColon(String),
    /// A threshold out of range.
    #[error("expected a share of CPU from 0 to 1 before the colon, but found `{0}`")]
    Share(String),
    /// A step that is none.
    #[error("`{text}` is no step")]
    Step {
        /// What was written.
        text: String,
        /// What is wrong.
        source: StepSizeError,
    },
    /// Rows out of order.
    #[error("a row for {higher} must ask for more than the one for {lower}, and come after it")]
    Order {
        /// The lower threshold.
        lower: CpuShare,
        /// The higher one.
        higher: CpuShare,
    },
}

impl FromStr for SeverityTable {
    type Err = SeverityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == NONE {
            return Ok(Self::default());
        }
        let rows = text.split(',').map(str::trim).map(row);
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let disorder = rows.windows(2).find(|pair| {
            let [lower, higher] = pair else { return false };
            let weaker =
                higher.1.count() < lower.1.count() && higher.1.percent() <= lower.1.percent();
            higher.0 <= lower.0 || weaker || higher.1 == lower.1
        });
        match disorder {
            Some(pair) => Err(SeverityError::Order {
                lower: pair[0].0,
                higher: pair[1].0,
            }),
            None => Ok(Self(rows)),
        }
    }
}

fn row(row: &str) -> Result<(CpuShare, StepSize), SeverityError> {
    let (share, step) = row
        .split_once(':')
        .ok_or_else(|| SeverityError::NoColon(row.to_owned()))?;
    let parsed: Option<f64> = share.trim().parse().ok();
    let share = parsed
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| SeverityError::Share(share.trim().to_owned()))?;
    let step = step.trim();
    let size = step.parse().map_err(|source| SeverityError::Step {
        text: step.to_owned(),
        source,
    })?;
    // In range: checked above.
    Ok((CpuShare((share * 1_000.0).round() as u16), size))
}

impl fmt::Display for SeverityTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        for (place, (share, step)) in self.0.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{}: {step}", f64::from(share.0) / 1_000.0)?;
        }
        Ok(())
    }
}
