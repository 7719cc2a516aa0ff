//! What the actors say to each other.

use actix::Message;
use policy::{
    Action, ActionOutcome, Member, Memo, Mode, Moment, Pool, ReadFailure, Rules, ScheduledLimits,
};
use schedule::Schedule;
use tokio_util::sync::CancellationToken;

use super::{control::Note, journal::JournalError, target::TargetError};

/// To the scaler: alerts lie in the inbox.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SignalsWaiting;

/// To the scaler: the schedule says something else from now on.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ScheduleSays(pub(crate) ScheduledLimits);

/// To the cloud: read the pool, its members and their health.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Pool, ReadFailure>")]
pub(crate) struct ReadPool {
    /// Whether it may use the reserve of the call budget.
    pub(crate) urgent: bool,
}

/// To the cloud: list the pool's members, with one call.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<Member>, TargetError>")]
pub(crate) struct ListMembers;

/// To discovery: list the members now, not at the end of the interval.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ListNow;

/// To the cloud: empty these members of requests, until `given_up` is cancelled. Answered when they
/// are empty or time is up, and after a cancellation when nobody is being asked any more.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct DrainMembers {
    /// Whom to drain.
    pub(crate) members: Vec<Member>,
    /// Cancelled when the members are given back.
    pub(crate) given_up: CancellationToken,
}

/// To the cloud: tell these members to serve on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct GiveBack(pub(crate) Vec<Member>);

/// To the cloud: change the pool's size, to the end.
#[derive(Clone, Debug, Message)]
#[rtype(result = "ActionReport")]
pub(crate) struct Perform(pub(crate) Action);

/// How a change ended.
#[derive(Clone, Debug)]
pub(crate) struct ActionReport {
    /// What became of it.
    pub(crate) outcome: ActionOutcome,
    /// When the API had answered the last write; `None` when nothing was written.
    pub(crate) written_at: Option<Moment>,
    /// The failure in words.
    pub(crate) detail: Option<String>,
}

/// To the scaler: the settings were read again.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct AdoptRules(pub(crate) Rules, pub(crate) Mode);

/// To the timetable: the schedule is another.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct AdoptSchedule(pub(crate) Schedule);

/// To the journal: keep this, and who gave the latest order.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub(crate) struct SaveMemo(pub(crate) Memo, pub(crate) Option<Note>);

/// To every actor: answer, so that one that died or hangs is noticed.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ping;

/// To an actor: begin nothing new, and answer when what was begun has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Finish;
