//! How the journal writes the step that an alert asks for.

use policy::{AskedSteps, ChosenStep, CpuShare, StepCause};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// Such as `2` or `150%`.
    size: String,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    /// In thousandths.
    Severity(u16),
    Label,
}

impl Step {
    pub(super) fn of(step: ChosenStep) -> Option<Self> {
        let cause = match step.cause {
            StepCause::Severity(CpuShare(above)) => Cause::Severity(above),
            StepCause::Label => Cause::Label,
            // Alerts ask for neither.
            StepCause::Default | StepCause::Floor => return None,
        };
        let size = step.size.to_string();
        Some(Self { size, cause })
    }

    /// A step that cannot be read asks for nothing; the alert stays.
    pub(super) fn asked(&self) -> AskedSteps {
        let cause = match self.cause {
            Cause::Severity(above) => StepCause::Severity(CpuShare(above)),
            Cause::Label => StepCause::Label,
        };
        let size = self.size.parse().ok();
        size.map_or_else(AskedSteps::default, |size| AskedSteps::new(size, cause))
    }
}
