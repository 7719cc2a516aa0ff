//! What was read of the instance pool.

use std::time::Duration;

use uuid::Uuid;

use super::{size::Size, time::Moment};

/// Which member: the instance's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub Uuid);

/// The pool as one read found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// When the read *began*: what it tells is at least this fresh.
    pub read_at: Moment,
    /// Members wanted.
    pub size: Size,
    /// Whether the pool is at rest, so that it can be changed.
    pub running: bool,
    /// Its members, whatever their state.
    pub members: Vec<Member>,
}

/// One server of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identifier.
    pub id: MemberId,
    /// Whether the instance runs.
    pub running: bool,
    /// The load balancer's verdict, where there is a load balancer.
    pub healthy: Option<bool>,
    /// Time since it was created; zero when unknown, so that it counts as young.
    pub age: Duration,
}

impl Member {
    /// Whether it can serve: runs, and no load balancer says otherwise.
    pub fn is_ready(&self) -> bool {
        self.running && self.healthy != Some(false)
    }
}

impl Pool {
    /// Members that can serve.
    pub fn ready(&self) -> usize {
        self.members.iter().filter(|m| m.is_ready()).count()
    }

    /// Members that cannot serve (yet).
    pub fn unready(&self) -> usize {
        self.members.len() - self.ready()
    }

    /// How long until the youngest member is `warm_up` old; zero when all are.
    pub fn warm_in(&self, warm_up: Duration) -> Duration {
        let youngest = self.members.iter().map(|m| m.age).min();
        youngest.map_or(Duration::ZERO, |age| warm_up.saturating_sub(age))
    }
}
