//! The provider's side of a world: the pool as it is, what is read of it, and what a write does to
//! it.

use std::time::Duration;

use policy::{Condition, HealthSource, Member, MemberId, Moment, Pool, Size};

use super::{InFlight, REFILL, Server, World};

impl World {
    /// The pool has this size from now on; members are made or removed to fit.
    pub(super) fn resize(&mut self, size: u32) {
        self.size = size;
        self.members.truncate(size as usize);
        if !self.barren {
            self.fill();
        }
    }

    pub(super) fn fill(&mut self) {
        self.refill_at = None;
        while self.members.len() < self.size as usize {
            self.members.push(Server {
                id: MemberId(uuid::Uuid::new_v4()),
                created: self.now,
            });
        }
    }

    pub(super) fn kill(&mut self, which: usize) {
        if !self.members.is_empty() {
            let which = which % self.members.len();
            self.members.remove(which);
            self.refill_at = Some(self.now + REFILL);
        }
    }

    pub(super) fn land(&mut self, in_flight: InFlight) {
        let mut write = in_flight.write;
        write.at = self.now;
        if write.applied {
            let gone = &in_flight.victims;
            let before = self.members.len();
            self.members.retain(|member| !gone.contains(&member.id));
            if gone.is_empty() {
                self.resize(write.to.0);
            } else {
                // An eviction is relative: the pool gives up as many places as members leave.
                let left = before - self.members.len();
                self.size = self.size.saturating_sub(u32::try_from(left).unwrap());
            }
            self.working_until = self.now + self.mood.work_takes;
        }
        self.history.writes.push(write);
    }

    pub(super) fn pool(&self, read_at: Moment) -> Pool {
        let shown = if self.truncated {
            self.members.len() / 2
        } else {
            self.members.len()
        };
        let drained = self.draining.iter().flat_map(|d| &d.members);
        let drained: Vec<MemberId> = drained.copied().collect();
        let members = self.members.iter().take(shown).map(|server| Member {
            id: server.id,
            address: None,
            running: true,
            healthy: self
                .balancer_readable
                .then(|| self.healthy && !drained.contains(&server.id)),
            age: Some(read_at.since(server.created)),
        });
        let condition = if self.now < self.working_until {
            Condition::Busy
        } else {
            self.condition
        };
        Pool {
            read_at,
            size: Size(self.size),
            condition,
            health: if self.balancer_readable {
                HealthSource::LoadBalancer
            } else {
                HealthSource::Unknown
            },
            counted: self.members.len(),
            members: members.collect(),
        }
    }

    pub(super) fn start_read(&mut self) {
        self.history.reads.push(self.now);
        let (takes, result) = match self.mood.read {
            Ok(takes) => (takes, Ok(())),
            Err(failure) => (Duration::from_secs(1), Err(failure)),
        };
        self.reading.push((self.now, self.now + takes, result));
    }
}
