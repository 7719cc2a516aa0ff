//! What the agent does to the pool in a world: drains and writes, and how they end.

use std::time::Duration;

use policy::{Action, ActionFailure, ActionOutcome, Direction, DrainId, Event, Member, Reason};

use super::{Draining, InFlight, World};
use crate::{
    happening::WriteFate,
    history::{Drained, Truth, Write},
};

impl World {
    pub(super) fn answer(&mut self, done: InFlight) {
        let fate = done.fate;
        let written_at = fate.is_taken().then_some(self.now);
        self.land(done);
        let outcome = match fate {
            WriteFate::Applied => ActionOutcome::Applied,
            WriteFate::NoCapacity => ActionOutcome::Failed(ActionFailure::NoCapacity),
            WriteFate::Refused => ActionOutcome::Failed(ActionFailure::Refused),
            WriteFate::RateLimited => ActionOutcome::Failed(ActionFailure::Postponed {
                reason: Reason::RateLimited,
                retry_in: Duration::from_secs(20),
            }),
            WriteFate::UnknownApplied | WriteFate::UnknownLost => {
                ActionOutcome::Failed(ActionFailure::Unknown)
            }
        };
        self.give(Event::ActionEnded {
            outcome,
            written_at,
        });
    }

    pub(super) fn start_drain(&mut self, id: DrainId, members: &[Member]) {
        assert!(self.draining.is_none(), "two drains at once");
        self.history.drains.push(Drained {
            from: self.now,
            until: None,
            paused: self.paused,
            standby: self.standby,
        });
        self.draining = Some(Draining {
            id,
            members: members.iter().map(|m| m.id).collect(),
            ends_at: Some(self.now + self.mood.drain_takes),
            down_was_fresh: self.down_is_fresh(),
        });
    }

    pub(super) fn end_drain(&mut self) {
        if self.draining.take().is_some() {
            let drain = self.history.drains.last_mut().expect("it was noted");
            drain.until = Some(self.now);
        }
    }

    fn down_is_fresh(&self) -> bool {
        let lifetime = self.rules.scale_in.alert_lifetime;
        self.history.is_fresh(Direction::Down, lifetime, self.now)
    }

    pub(super) fn start_write(&mut self, action: &Action) {
        assert!(self.in_flight.is_none(), "two writes at once");
        let resize = action.resize();
        let fate = self.mood.write;
        let victims = match action {
            Action::ScaleOut(_) | Action::GiveUpMissing(_) => Vec::new(),
            Action::Evict { victims, .. } => victims.clone(),
        };
        let down_is_fresh = match &self.draining {
            Some(draining) => draining.down_was_fresh,
            None => self.down_is_fresh(),
        };
        let ready = self.members.iter().filter(|_| self.healthy);
        let others_ready = ready.filter(|m| !victims.contains(&m.id)).count();
        let read = self.state.pool().expect("an action rests on a read");
        let write = Write {
            at: self.now,
            ordered_at: self.now,
            alerts_before: self.history.alerts.len(),
            crashes_before: self.history.crashes.len(),
            takeovers_before: self.history.taken_over.len(),
            read: read.clone(),
            from: resize.from(),
            to: resize.to(),
            direction: resize.direction(),
            victims: victims.len(),
            applied: fate.is_applied(),
            taken: fate.is_taken(),
            truth: Truth {
                size: self.size,
                members: self.members.len(),
                others_ready,
            },
            mode: self.state.mode(),
            up_waits: self.history.up_waits(&self.rules, self.now),
            down_is_fresh,
            down_has_resolved: self.history.down_has_resolved(),
            floor: self.floor(),
            scheduled_max: self.scheduled_max(),
            bounds: self.bounds(),
            paused: self.paused,
            standby: self.standby,
            ordered: self.followed_order(),
        };
        self.end_drain();
        self.in_flight = Some(InFlight {
            write,
            victims,
            answer_at: self.now + self.mood.write_takes,
            fate,
        });
    }
}
