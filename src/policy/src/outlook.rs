//! What an alert that came now would meet: for people who look on, not for decisions.

use super::{
    decision::Reason,
    latch::{Direction, Pending},
    pool::Condition,
    rules::Mode,
    state::State,
    time::Moment,
};

/// What stands in the way of a change in one direction, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// What stands in the way; `None` when nothing does.
    pub reason: Option<Reason>,
    /// When that ends by itself; `None` when it does not, or nobody knows when.
    pub ends: Option<Moment>,
}

impl Outlook {
    const FREE: Self = Self {
        reason: None,
        ends: None,
    };

    fn lasting(reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ends: None,
        }
    }
}

impl State {
    /// The alerts of this direction that wait.
    pub fn pending(&self, direction: Direction) -> Option<Pending> {
        self.slot(direction)
    }

    /// What stands in the way of a change in this direction at `now`, as far as the last read of
    /// the pool tells. What lasts comes before what only takes its time.
    pub fn outlook(&self, direction: Direction, now: Moment) -> Outlook {
        if let Some(reason) = self.lasting_obstacle(direction) {
            return Outlook::lasting(reason);
        }
        let (at, reason) = self.earliest(direction);
        if at > now {
            return Outlook {
                reason: Some(reason),
                ends: Some(at),
            };
        }
        match self.passing_obstacle(direction) {
            Some(reason) => Outlook::lasting(reason),
            None => Outlook::FREE,
        }
    }

    fn lasting_obstacle(&self, direction: Direction) -> Option<Reason> {
        if self.control.paused {
            return Some(Reason::Paused);
        }
        match (self.mode(), direction) {
            (Mode::Pinned(_), _) => return Some(Reason::Pinned),
            (Mode::ScaleOutOnly, Direction::Down) => return Some(Reason::ScaleInDisabled),
            _ => {}
        }
        let size = self.size()?;
        let (own, limits) = (self.rules().bounds, self.limits(direction));
        match direction {
            Direction::Up => (size >= limits.max()).then_some(Reason::AtMax),
            Direction::Down if size <= own.min() => Some(Reason::AtMin),
            Direction::Down => (size <= limits.min()).then_some(Reason::AtFloor),
        }
    }

    /// What ends by somebody else's doing, at a moment that nobody knows.
    fn passing_obstacle(&self, direction: Direction) -> Option<Reason> {
        if direction == Direction::Down && self.pending(Direction::Up).is_some() {
            return Some(Reason::UpWins);
        }
        let pool = self.pool()?;
        match (pool.condition, direction) {
            (Condition::Running, _) => {}
            (Condition::Busy, _) => return Some(Reason::PoolBusy),
            // Places that were never filled are given up all the same.
            (Condition::Degraded, Direction::Down) if pool.missing() > 0 => return None,
            (Condition::Degraded, _) => return Some(Reason::PoolDegraded),
        }
        let limit = self.rules().scale_out.max_unready.of(pool.members.len());
        (direction == Direction::Up && pool.unready() >= limit).then_some(Reason::Unready)
    }
}
