//! The first decision: what to do about a request, on a pool that has just been read.

use super::{
    decision::{Decision, Reason, Verdict},
    event::{Action, Effect},
    latch::Direction,
    pool::{Condition, HealthSource, Pool},
    rules::Mode,
    size::{Resize, Size},
    state::{Acting, Phase},
    step::Step,
};

impl Step<'_> {
    pub(crate) fn decide(&mut self) {
        self.expire();
        let (Some(direction), Some(pool)) = (self.state.request(), self.state.pool.clone()) else {
            return;
        };
        if let Err(reason) = self.can_change(&pool, direction) {
            return self.retry_later(reason);
        }
        if self.state.earliest(direction).0 > self.now {
            return; // an "up" or a young member came to light while reading; `evaluate` holds
        }
        match direction {
            Direction::Up => self.decide_up(&pool),
            Direction::Down => self.decide_down(&pool),
        }
    }

    fn decide_up(&mut self, pool: &Pool) {
        let Some(resize) = self.resize(pool, Direction::Up) else {
            return self.refuse_for_a_cooldown(Direction::Up, Reason::AtMax);
        };
        let limit = self.state.rules.scale_out.max_unready;
        if pool.unready() >= limit.of(pool.members.len()) {
            return self.refuse_for_a_cooldown(Direction::Up, Reason::Unready);
        }
        self.act(Action::ScaleOut(resize), Vec::new());
    }

    fn decide_down(&mut self, pool: &Pool) {
        let Some(resize) = self.resize(pool, Direction::Down) else {
            return self.refuse_for_a_cooldown(Direction::Down, Reason::AtMin);
        };
        if pool.missing() > 0 {
            return match self.without_the_missing(pool, resize) {
                Some(resize) => self.act(Action::GiveUpMissing(resize), Vec::new()),
                None => self.refuse_for_a_cooldown(Direction::Down, Reason::AtMin),
            };
        }
        self.drain(pool, resize);
    }

    /// The part of a scale-in that only gives up places that no member fills.
    fn without_the_missing(&self, pool: &Pool, resize: Resize) -> Option<Resize> {
        let filled = Size(u32::try_from(pool.members.len()).unwrap_or(u32::MAX));
        let places = pool.size.0 - resize.to().max(filled).0;
        let bounds = self.state.rules.bounds;
        bounds.resize(pool.size, Direction::Down, places)
    }

    pub(crate) fn can_change(&self, pool: &Pool, direction: Direction) -> Result<(), Reason> {
        if self.now.since(pool.read_at) > self.state.rules.fresh {
            return Err(Reason::StaleRead);
        }
        let gives_up = direction == Direction::Down && pool.missing() > 0 && pool.is_listed_whole();
        match pool.condition {
            Condition::Running => {}
            // What is missing may be what degrades it, and giving that up removes nobody.
            Condition::Degraded if gives_up => {}
            Condition::Degraded => return Err(Reason::PoolDegraded),
            Condition::Busy => return Err(Reason::PoolBusy),
        }
        if direction == Direction::Up || gives_up {
            Ok(())
        } else if pool.health == HealthSource::Unknown {
            Err(Reason::HealthUnknown)
        } else if !pool.is_listed_whole() {
            Err(Reason::MembersUnknown)
        } else {
            Ok(())
        }
    }

    fn resize(&self, pool: &Pool, direction: Direction) -> Option<Resize> {
        let rules = &self.state.rules;
        let step = match direction {
            Direction::Up => rules.scale_out.step.get(),
            Direction::Down => rules.scale_in.step.get(),
        };
        let step = match self.state.mode {
            Mode::Pinned(wanted) => step.min(wanted.0.abs_diff(pool.size.0)),
            _ => step,
        };
        rules.bounds.resize(pool.size, direction, step)
    }

    /// Orders a change, or in mode `recommend` records that it would have been ordered.
    pub(crate) fn act(&mut self, action: Action, victims: Vec<super::Member>) {
        let resize = action.resize();
        let direction = resize.direction();
        let reason = self.reason_for(&action);
        let answers = self.state.consume(direction);
        let cooldown_ended = self.state.cooldown_ends;
        self.state.cooldown_ends = self.now + self.state.rules.cooldown;
        self.state.retry = None;
        self.state.held = None;
        self.state.refused = None;
        let is_ordered = self.state.mode != Mode::Recommend;
        self.state.phase = Phase::Idle;
        if is_ordered {
            self.state.phase = Phase::Acting(Acting {
                resize,
                victims,
                answers,
                cooldown_ended,
            });
        }
        let verdict = if is_ordered {
            Verdict::Acted
        } else {
            Verdict::Recommended
        };
        self.record_resize(verdict, reason, resize, answers.map_or(0, |p| p.count));
        let memo = self.state.memo();
        self.effects.push(if is_ordered {
            Effect::Act { action, memo }
        } else {
            Effect::Save(memo)
        });
    }

    fn reason_for(&self, action: &Action) -> Reason {
        match (self.state.mode, action) {
            (Mode::Pinned(_), _) => Reason::Pinned,
            (_, Action::ScaleOut(_)) => Reason::HighLoad,
            (_, Action::Evict { .. }) => Reason::LowLoad,
            (_, Action::GiveUpMissing(_)) => Reason::MembersMissing,
        }
    }

    pub(crate) fn record_resize(
        &mut self,
        verdict: Verdict,
        reason: Reason,
        resize: Resize,
        signals: u32,
    ) {
        self.state.recorded = true;
        self.effects.push(Effect::Record(Decision {
            at: self.now,
            verdict,
            reason,
            direction: Some(resize.direction()),
            signals,
            from: Some(resize.from()),
            to: Some(resize.to()),
        }));
    }
}
