//! Scale-in as two decisions: whom to drain, and, when they are drained, whether to remove them.
//!
//! Minutes may lie between the two, and operators, alerts and the provider act meanwhile. So the
//! second decision rests on a read of its own and on everything heard since; until it is made,
//! nothing has changed that cannot be given back.

use std::collections::BTreeSet;

use super::{
    decide::Change,
    decision::{Reason, Verdict},
    event::{Action, DrainId, Effect},
    latch::Direction,
    pool::{Condition, Member, MemberId, Pool},
    rules::Mode,
    size::Size,
    state::Phase,
    step::Step,
    time::Moment,
    victims,
};

/// Members on their way out, and the pool that they were chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drain {
    id: DrainId,
    pub(crate) change: Change,
    victims: Vec<Member>,
    /// Everyone who was a member when the victims were chosen.
    members: BTreeSet<MemberId>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The victims are being emptied. The pool is looked at again at this moment.
    Emptying { look_at: Moment },
    /// The victims are drained; the read for the second decision was asked for at this moment.
    Confirming { asked: Moment },
}

impl Drain {
    /// When the pool is to be looked at next; `None` while a read is awaited.
    pub(crate) fn looks_at(&self) -> Option<Moment> {
        match self.progress {
            Progress::Emptying { look_at } => Some(look_at),
            Progress::Confirming { .. } => None,
        }
    }

    /// When the read for the second decision was asked for.
    pub(crate) fn asked(&self) -> Option<Moment> {
        match self.progress {
            Progress::Emptying { .. } => None,
            Progress::Confirming { asked } => Some(asked),
        }
    }

    fn is_victim(&self, member: &Member) -> bool {
        self.victims.iter().any(|victim| victim.id == member.id)
    }

    /// Why the victims must stay, as far as `pool` tells; the load on the pool is not judged here.
    fn objection(&self, pool: &Pool, min: Size) -> Option<Reason> {
        let members: BTreeSet<MemberId> = pool.members.iter().map(|m| m.id).collect();
        let left = pool.members.len().saturating_sub(self.victims.len());
        match pool.condition {
            Condition::Running => {}
            Condition::Busy => return Some(Reason::PoolBusy),
            Condition::Degraded => return Some(Reason::PoolDegraded),
        }
        if !pool.is_listed_whole() {
            Some(Reason::MembersUnknown)
        } else if pool.size != self.change.resize.from() || members != self.members {
            Some(Reason::PoolChanged)
        } else if left < min.0 as usize || self.change.resize.to() < min {
            Some(Reason::AtMin)
        } else if !self.leaves_one_ready(pool) {
            Some(Reason::LastReady)
        } else {
            None
        }
    }

    fn leaves_one_ready(&self, pool: &Pool) -> bool {
        let mut stays = pool.members.iter().filter(|m| !self.is_victim(m));
        stays.any(Member::is_ready)
    }
}

impl Step<'_> {
    /// The first decision: chooses victims and has them drained. No size is changed yet, so the
    /// cooldown is not touched.
    pub(crate) fn drain(&mut self, pool: &Pool, change: Change) {
        let ids = victims::choose(pool, change.resize.members());
        let victims = pool.members.iter().filter(|m| ids.contains(&m.id));
        let id = DrainId(self.state.last_drain.0 + 1);
        let drain = Drain {
            id,
            change,
            victims: victims.cloned().collect(),
            members: pool.members.iter().map(|m| m.id).collect(),
            progress: Progress::Emptying {
                look_at: self.now + self.state.rules.retry,
            },
        };
        if let Some(reason) = drain.objection(pool, self.state.limits(Direction::Down).min()) {
            return self.refuse_request(Direction::Down, reason);
        }
        if self.state.mode == Mode::Recommend {
            return self.act(evict(&drain), Vec::new(), change.step);
        }
        self.state.last_drain = id;
        self.state.held = None;
        self.effects.push(Effect::Drain {
            id,
            members: drain.victims.clone(),
        });
        self.record_drain(Verdict::Draining, self.reason_to_shrink(), change);
        self.state.phase = Phase::Draining(drain);
    }

    /// Reads the pool, so that what changes in it is seen before the drain ends.
    pub(crate) fn look_while_draining(&mut self) {
        let next = self.now + self.state.rules.retry;
        if let Phase::Draining(drain) = &mut self.state.phase
            && let Progress::Emptying { look_at } = &mut drain.progress
            && *look_at <= self.now
        {
            *look_at = next;
            self.effects.push(Effect::ReadPool);
        }
    }

    /// Gives the victims back as soon as a read shows that the pool is not the one they were
    /// chosen from.
    pub(crate) fn compare_while_draining(&mut self) {
        if let (Phase::Draining(drain), Some(pool)) = (&self.state.phase, &self.state.pool)
            && let Some(reason) = drain.objection(pool, self.state.limits(Direction::Down).min())
        {
            self.give_back(reason);
            self.retry_later(reason);
        }
    }

    /// The victims are drained: asks for the read that the second decision rests on.
    pub(crate) fn confirm(&mut self, ended: DrainId) {
        let asked = self.now;
        if let Phase::Draining(drain) = &mut self.state.phase
            && drain.id == ended
            && matches!(drain.progress, Progress::Emptying { .. })
        {
            drain.progress = Progress::Confirming { asked };
            self.effects.push(Effect::ReadPool);
        }
    }

    /// The second decision, on the read that [`Step::confirm`] asked for. What the pool itself
    /// objects to was heard in [`Step::compare_while_draining`].
    pub(crate) fn decide_again(&mut self) {
        let (Phase::Draining(drain), Some(pool)) = (&self.state.phase, &self.state.pool) else {
            return;
        };
        let (earliest, reason) = self.state.earliest(Direction::Down);
        let objection = match self.can_change(pool, Direction::Down) {
            Err(reason) => Some(reason),
            Ok(()) if self.state.request() != Some(Direction::Down) => Some(Reason::Withdrawn),
            Ok(()) => (earliest > self.now).then_some(reason),
        };
        if let Some(reason) = objection {
            self.give_back(reason);
            return self.retry_later(reason);
        }
        let drain = drain.clone();
        let step = drain.change.step;
        self.act(evict(&drain), drain.victims, step);
    }

    /// Ends a drain, if one is under way, without removing anybody.
    pub(crate) fn give_back(&mut self, reason: Reason) {
        if let Phase::Draining(drain) = &self.state.phase {
            let drain = drain.clone();
            self.state.phase = Phase::Idle;
            self.effects.push(Effect::GiveBack(drain.victims));
            self.record_drain(Verdict::GivenBack, reason, drain.change);
        }
    }

    fn record_drain(&mut self, verdict: Verdict, reason: Reason, change: Change) {
        let signals = self.state.down.map_or(0, |pending| pending.count);
        self.record_resize(verdict, reason, change, signals);
    }

    fn reason_to_shrink(&self) -> Reason {
        match self.state.mode {
            Mode::Pinned(_) => Reason::Pinned,
            _ if self.state.control.size.is_some() => Reason::SizeOrdered,
            _ => Reason::LowLoad,
        }
    }
}

fn evict(drain: &Drain) -> Action {
    Action::Evict {
        resize: drain.change.resize,
        victims: drain.victims.iter().map(|victim| victim.id).collect(),
    }
}
