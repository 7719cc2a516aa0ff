//! What the policy is told, and what it asks others to do.

use std::time::Duration;

use super::{
    control::Order,
    decision::{Decision, Reason},
    floor::ScheduledLimits,
    leadership::Leadership,
    memo::Memo,
    pool::{Member, MemberId, Pool},
    rules::{Mode, Rules},
    severity::AskedSteps,
    size::{Resize, Size},
    time::Moment,
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Alerts came since the last event.
    Signals(Signals),
    /// An alert asks for at least so many members.
    AtLeast(Size),
    /// The schedule says something else from now on.
    Scheduled(ScheduledLimits),
    /// The alert that asked for fewer members has resolved.
    DownWithdrawn,
    /// The time that [`State::next_wake`](super::State::next_wake) named has come.
    Woken,
    /// The read that [`Effect::ReadPool`] asked for ended, or somebody else read the pool.
    PoolRead(Result<Pool, ReadFailure>),
    /// The drain that [`Effect::Drain`] asked for ended: every victim is empty, or time was up.
    DrainEnded(DrainId),
    /// The change that [`Effect::Act`] asked for ended.
    ActionEnded {
        /// What became of it.
        outcome: ActionOutcome,
        /// When the API had answered the write; `None` when nothing was written.
        written_at: Option<Moment>,
    },
    /// The settings' mode is another from now on.
    ModeSet(Mode),
    /// An operator orders something.
    Control(Order),
    /// The settings were read again.
    SettingsRead(Box<Rules>, Mode),
    /// This agent begins to lead, or ends it.
    Leadership(Leadership),
    /// The agent stops: nothing new may begin.
    Stopping,
}

/// Alerts that ask for a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How many ask for more members.
    pub up: u32,
    /// How many ask for fewer.
    pub down: u32,
    /// The steps that those ask for which ask for more members.
    pub steps: AskedSteps,
}

/// Which drain, so that the end of one that was given up is not taken for that of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrainId(pub u64);

/// Why the pool could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// Anything that may pass by itself.
    Unavailable,
    /// The key is refused.
    Unauthorised,
    /// There is no such pool.
    NotFound,
    /// The API asks to be left alone for so long.
    RateLimited(Duration),
    /// The agent's own budget of calls is spent for so long.
    BudgetSpent(Duration),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionOutcome {
    /// The pool has the size that was asked for.
    Applied,
    /// It has not, or not surely.
    Failed(ActionFailure),
}

/// Why a change did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionFailure {
    /// The provider has no capacity or quota left.
    NoCapacity,
    /// The API refused or failed the change.
    Refused,
    /// It was not made for a reason that passes; the request stays and may be tried again.
    Postponed {
        /// What stood in the way.
        reason: Reason,
        /// How long it will.
        retry_in: Duration,
    },
    /// Not even reading back told whether it happened.
    Unknown,
}

/// What others must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write this down.
    Save(Memo),
    /// Read the pool and answer with [`Event::PoolRead`].
    ReadPool,
    /// Empty these members of requests and answer with [`Event::DrainEnded`].
    Drain {
        /// Which drain this is.
        id: DrainId,
        /// Whom to drain.
        members: Vec<Member>,
    },
    /// Tell these members to serve on; a drain of theirs ends without an answer.
    GiveBack(Vec<Member>),
    /// Make this change and answer with [`Event::ActionEnded`].
    Act {
        /// The change.
        action: Action,
        /// What must be on disk before it begins.
        memo: Memo,
    },
    /// Publish this decision.
    Record(Decision),
}

/// A change of the pool's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Set the larger size.
    ScaleOut(Resize),
    /// Remove these members, which are drained, and with them their places.
    Evict {
        /// The change.
        resize: Resize,
        /// The members to remove, as many as the change says.
        victims: Vec<MemberId>,
    },
    /// Set the smaller size, which the pool has members for: it gives up places that were never
    /// filled and removes nobody.
    GiveUpMissing(Resize),
}

impl Action {
    /// The change of size.
    pub fn resize(&self) -> Resize {
        match self {
            Self::ScaleOut(resize) | Self::GiveUpMissing(resize) | Self::Evict { resize, .. } => {
                *resize
            }
        }
    }
}
