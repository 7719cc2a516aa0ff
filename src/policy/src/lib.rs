//! What to do: the autoscaler's whole decision, as a pure function.
//!
//! `State::step(event, now)` changes the state and returns effects for others to carry out. Nothing
//! here reads a clock, waits, or touches a socket or a file, so hours of alerts, failures and
//! restarts run in a test within milliseconds.

#![warn(missing_docs)]

// What unit and integration tests share names the crate as its users do.
#[cfg(test)]
extern crate self as policy;

mod answers;
mod control;
mod decide;
mod decision;
mod event;
mod floor;
mod latch;
mod leadership;
mod memo;
mod outlook;
mod pool;
mod rules;
mod scale_in;
mod severity;
mod size;
mod state;
mod step;
mod step_size;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod time;
mod victims;

pub use control::{Control, Order, OrderError, OrderedMode, OrderedSize};
pub use decision::{Decision, Reason, Verdict};
pub use event::{
    Action, ActionFailure, ActionOutcome, DrainId, Effect, Event, ReadFailure, Signals,
};
pub use floor::ScheduledLimits;
pub use latch::{Direction, Pending};
pub use leadership::Leadership;
pub use memo::{AtLeastMemo, CapacityPause, Memo};
pub use outlook::Outlook;
pub use pool::{Condition, HealthSource, Member, MemberId, Pool};
pub use rules::{MaxUnready, MaxUnreadyError, Mode, ModeError, Rules, ScaleIn, ScaleOut};
pub use severity::{AskedSteps, ChosenStep, CpuShare, SeverityError, SeverityTable, StepCause};
pub use size::{Bounds, BoundsError, Resize, Size};
pub use state::State;
pub use step_size::{StepSize, StepSizeError};
pub use time::Moment;
