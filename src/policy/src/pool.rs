//! What was read of the instance pool.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use super::{size::Size, time::Moment};

/// Which member: the instance's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub Uuid);

/// What the provider says that the pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// At rest: it can be changed.
    Running,
    /// Being changed, or in a state that this version does not know.
    Busy,
    /// The provider could not do what was asked of it.
    Degraded,
}

/// What the load balancer's health checks say of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthSource {
    /// There is no load balancer to ask.
    None,
    /// It answered: each member's health is its verdict.
    LoadBalancer,
    /// It could not be read: no member's health is known.
    Unknown,
}

/// The pool as one read found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// When the read *began*: what it tells is at least this fresh.
    pub read_at: Moment,
    /// Members wanted.
    pub size: Size,
    /// What the provider says that it is doing.
    pub condition: Condition,
    /// Where the members' health comes from.
    pub health: HealthSource,
    /// Members that the pool itself counts, leaving ones apart. Where this differs from the list,
    /// one of the two is not whole.
    pub counted: usize,
    /// Its members as listed, whatever their state, leaving ones apart.
    pub members: Vec<Member>,
}

/// One server of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identifier.
    pub id: MemberId,
    /// Where its application can be asked to drain.
    pub address: Option<IpAddr>,
    /// Whether the instance runs.
    pub running: bool,
    /// The load balancer's verdict, where there is one.
    pub healthy: Option<bool>,
    /// Time since it was created; `None` when the provider does not say.
    pub age: Option<Duration>,
}

impl Member {
    /// Whether it can serve: runs, and no load balancer says otherwise.
    pub(crate) fn is_ready(&self) -> bool {
        self.running && self.healthy != Some(false)
    }
}

impl Pool {
    /// Members that can serve.
    pub fn ready(&self) -> usize {
        self.members.iter().filter(|m| m.is_ready()).count()
    }

    /// Members that cannot serve (yet), those that are wanted and not there among them.
    pub fn unready(&self) -> usize {
        self.members.len().max(self.size.0 as usize) - self.ready()
    }

    /// Members wanted and not there.
    pub(crate) fn missing(&self) -> usize {
        (self.size.0 as usize).saturating_sub(self.members.len())
    }

    /// Whether a member that is wanted and not listed really is missing, and not just left out of a
    /// truncated list: the pool's own count must say so, too. An empty list proves nothing.
    pub(crate) fn is_listed_whole(&self) -> bool {
        self.missing() == 0 || (self.counted == self.members.len() && self.counted > 0)
    }

    /// How long until the youngest member is `warm_up` old; zero when all are.
    pub(crate) fn warm_in(&self, warm_up: Duration) -> Duration {
        let youngest = self.members.iter().filter_map(|m| m.age).min();
        youngest.map_or(Duration::ZERO, |age| warm_up.saturating_sub(age))
    }
}
