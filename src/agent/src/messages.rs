//! What the actors say to each other.

use actix::Message;
use exoscale::{ClientError, models::Instance};
use policy::{Action, Member, Memo, Moment, Outcome, Pool, ReadFailure};
use tokio_util::sync::CancellationToken;

use super::journal::JournalError;

/// To the scaler: alerts lie in the inbox.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct SignalsWaiting;

/// To the cloud: read the pool, its members and their health.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Pool, ReadFailure>")]
pub struct ReadPool {
    /// Whether it may use the reserve of the call budget.
    pub urgent: bool,
}

/// To the cloud: list the pool's members, with one call.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<Instance>, ClientError>")]
pub struct ListMembers;

/// To the cloud: empty these members of requests, until `given_up` is cancelled. Answered when they
/// are empty or time is up, and after a cancellation when nobody is being asked any more.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct DrainMembers {
    /// Whom to drain.
    pub members: Vec<Member>,
    /// Cancelled when the members are given back.
    pub given_up: CancellationToken,
}

/// To the cloud: tell these members to serve on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct GiveBack(pub Vec<Member>);

/// To the cloud: change the pool's size, to the end.
#[derive(Clone, Debug, Message)]
#[rtype(result = "ActionReport")]
pub struct Perform(pub Action);

/// How a change ended.
#[derive(Clone, Debug)]
pub struct ActionReport {
    /// What became of it.
    pub outcome: Outcome,
    /// When the API had answered the last write; `None` when nothing was written.
    pub written_at: Option<Moment>,
    /// The failure in words.
    pub detail: Option<String>,
}

/// To the journal: keep this.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub struct SaveMemo(pub Memo);

/// To every actor: answer, so that one that died or hangs is noticed.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Ping;

/// To an actor: begin nothing new, and answer when what was begun has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Finish;
