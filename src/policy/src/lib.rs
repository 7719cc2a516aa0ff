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
mod decide;
mod decision;
mod event;
mod latch;
mod pool;
mod rules;
mod scale_in;
mod size;
mod state;
mod step;
#[cfg(test)]
mod tests;
pub mod thresholds;
mod time;
mod victims;

pub use decision::{Decision, Reason, Verdict};
pub use event::{Action, ActionFailure, ActionOutcome, DrainId, Effect, Event, ReadFailure};
pub use latch::{Direction, Pending};
pub use pool::{Condition, HealthSource, Member, MemberId, Pool};
pub use rules::{MaxUnready, MaxUnreadyError, Mode, ModeError, Rules, ScaleIn, ScaleOut};
pub use size::{Bounds, BoundsError, Resize, Size};
pub use state::{CapacityPause, Memo, State};
pub use time::Moment;
