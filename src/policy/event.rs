//! What the policy is told, and what it asks others to do.

use super::{
    decision::Decision,
    pool::{MemberId, Pool},
    rules::Mode,
    size::Resize,
    state::Memo,
    time::Moment,
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Alerts came: so many of each direction since the last event.
    Signals {
        /// Alerts that ask for more members.
        up: u32,
        /// Alerts that ask for fewer.
        down: u32,
    },
    /// The time that [`State::next_wake`](super::State::next_wake) named has come.
    Woken,
    /// The read that [`Effect::ReadPool`] asked for ended, or somebody else read the pool.
    PoolRead(Result<Pool, ReadFailure>),
    /// The change that [`Effect::Act`] asked for ended.
    ActionEnded {
        /// What became of it.
        outcome: Outcome,
        /// When the API had answered the write, where one was sent.
        written_at: Option<Moment>,
    },
    /// Somebody set the mode.
    ModeSet(Mode),
}

/// Why the pool could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// Anything that may pass by itself.
    Unavailable,
    /// The key is refused.
    Unauthorised,
    /// There is no such pool.
    NotFound,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pool has the size that was asked for.
    Applied,
    /// It has not, or not surely.
    Failed(Failure),
}

/// Why a change did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The provider has no capacity or quota left.
    NoCapacity,
    /// The API refused or failed the change.
    Refused,
    /// Not even reading back told whether it happened.
    Unknown,
}

/// What others must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write this down before going on.
    Save(Memo),
    /// Read the pool and answer with [`Event::PoolRead`].
    ReadPool,
    /// Make this change and answer with [`Event::ActionEnded`].
    Act(Action),
    /// Publish this decision.
    Record(Decision),
}

/// A change of the pool's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Set the size.
    ScaleOut(Resize),
    /// Drain these members, then remove them.
    ScaleIn {
        /// The change.
        resize: Resize,
        /// The members to remove, as many as the change says.
        victims: Vec<MemberId>,
    },
}

impl Action {
    /// The change of size.
    pub fn resize(&self) -> Resize {
        match self {
            Self::ScaleOut(resize) | Self::ScaleIn { resize, .. } => *resize,
        }
    }
}
