//! The first decision: what to do about a request, on a pool that has just been read.

use super::{
    decision::{Decision, Reason, Verdict},
    event::{Action, Effect},
    latch::Direction,
    pool::{Condition, HealthSource, Pool},
    rules::Mode,
    severity::{ChosenStep, StepCause},
    size::{Bounds, Resize, Size},
    state::{Acting, Phase},
    step::Step,
    step_size::StepSize,
};

/// A change of size, and the step that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) resize: Resize,
    /// `None` toward a pinned or an ordered size.
    pub(crate) step: Option<ChosenStep>,
}

impl Step<'_> {
    pub(crate) fn decide(&mut self) {
        self.expire();
        self.check_order();
        self.end_reached_order();
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
        let Some(change) = self.larger(pool) else {
            return self.refuse_request(Direction::Up, Reason::AtMax);
        };
        let limit = self.state.rules.scale_out.max_unready;
        if pool.unready() >= limit.of(pool.members.len()) {
            return self.refuse_request(Direction::Up, Reason::Unready);
        }
        self.act(Action::ScaleOut(change.resize), Vec::new(), change.step);
    }

    fn decide_down(&mut self, pool: &Pool) {
        let Some(change) = self.smaller(pool) else {
            return self.refuse_request(Direction::Down, self.no_less());
        };
        if pool.missing() > 0 {
            return match self.without_the_missing(pool, change.resize) {
                Some(resize) => self.act(Action::GiveUpMissing(resize), Vec::new(), change.step),
                None => self.refuse_request(Direction::Down, self.no_less()),
            };
        }
        self.drain(pool, change);
    }

    /// Refuses alerts, and an order with them that leads the same way.
    pub(crate) fn refuse_request(&mut self, direction: Direction, reason: Reason) {
        self.refuse_order(reason);
        self.refuse_for_a_cooldown(direction, reason);
    }

    /// Why the pool cannot shrink further.
    pub(crate) fn no_less(&self) -> Reason {
        let (floor, min) = (self.state.floor(), self.state.rules.bounds.min());
        if floor.is_some_and(|floor| floor > min) {
            Reason::AtFloor
        } else {
            Reason::AtMin
        }
    }

    /// The part of a scale-in that only gives up places that no member fills.
    fn without_the_missing(&self, pool: &Pool, resize: Resize) -> Option<Resize> {
        let filled = Size(u32::try_from(pool.members.len()).unwrap_or(u32::MAX));
        let places = pool.size.0 - resize.to().max(filled).0;
        let limits = self.state.limits(Direction::Down);
        limits.resize(pool.size, Direction::Down, places)
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

    /// A larger size: the most of what alerts ask for, an order asks for, and a floor is missing.
    fn larger(&self, pool: &Pool) -> Option<Change> {
        let state = &self.state;
        let rules = &state.rules.scale_out;
        let missing = state
            .floor()
            .map_or(0, |floor| floor.0.saturating_sub(pool.size.0));
        let step = match (state.mode, state.up) {
            (Mode::Pinned(wanted), _) => {
                return self.toward(wanted, pool.size, rules.step.to_add(pool.size));
            }
            (_, Some(up)) => Some(up.steps.strongest(rules.step, pool.size)),
            (_, None) => None,
        };
        let asked = step.map_or(0, |step| step.size.to_add(pool.size));
        let most = rules.max_step.to_add(pool.size);
        let step = match step {
            Some(step) if asked >= missing => step,
            _ => ChosenStep {
                size: StepSize::members(missing),
                cause: StepCause::Floor,
            },
        };
        // Below the schedule's minimum, the limits lead to it at once.
        let limits = state.limits(Direction::Up);
        let by_rules = asked.max(missing).min(most);
        let ordered = state.control.size;
        let ordered = ordered.map_or(0, |ordered| ordered.size.0.saturating_sub(pool.size.0));
        let resize = limits.resize(pool.size, Direction::Up, by_rules.max(ordered))?;
        let step = (by_rules >= ordered).then_some(step);
        Some(Change { resize, step })
    }

    fn smaller(&self, pool: &Pool) -> Option<Change> {
        let size = self.state.rules.scale_in.step;
        let members = size.to_remove(pool.size);
        if let Mode::Pinned(wanted) = self.state.mode {
            return self.toward(wanted, pool.size, members);
        }
        let limits = self.state.limits(Direction::Down);
        if let Some(ordered) = self.state.control.size {
            let members = pool.size.0.saturating_sub(ordered.size.0);
            let resize = limits.resize(pool.size, Direction::Down, members)?;
            return Some(Change { resize, step: None });
        }
        let resize = limits.resize(pool.size, Direction::Down, members)?;
        let cause = StepCause::Default;
        Some(Change {
            resize,
            step: Some(ChosenStep { size, cause }),
        })
    }

    /// A step toward a pinned size, and not past it.
    fn toward(&self, wanted: Size, from: Size, step: u32) -> Option<Change> {
        let direction = Direction::between(from.0, wanted.0)?;
        let bounds = self.state.rules.bounds;
        let resize = bounds.resize(from, direction, step.min(wanted.0.abs_diff(from.0)))?;
        Some(Change { resize, step: None })
    }

    /// Orders a change, or in mode `recommend` records that it would have been ordered.
    pub(crate) fn act(
        &mut self,
        action: Action,
        victims: Vec<super::Member>,
        step: Option<ChosenStep>,
    ) {
        let resize = action.resize();
        let direction = resize.direction();
        let reason = self.reason_for(&action, step);
        let answers = self.state.consume(direction);
        // Places that are given up first do not end an order for fewer.
        let ordered = self.state.control.size.take_if(|ordered| {
            direction == Direction::Up || step.is_some() || ordered.size >= resize.to()
        });
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
                ordered,
                cooldown_ended,
            });
        }
        let verdict = if is_ordered {
            Verdict::Acted
        } else {
            Verdict::Recommended
        };
        let signals = answers.map_or(0, |pending| pending.count);
        self.record_resize(verdict, reason, Change { resize, step }, signals);
        let memo = self.state.memo();
        self.effects.push(if is_ordered {
            Effect::Act { action, memo }
        } else {
            Effect::Save(memo)
        });
    }

    fn reason_for(&self, action: &Action, step: Option<ChosenStep>) -> Reason {
        let is_for_floor = step.is_some_and(|step| step.cause == StepCause::Floor);
        match (self.state.mode, action) {
            (Mode::Pinned(_), _) => Reason::Pinned,
            _ if step.is_none() => Reason::SizeOrdered,
            (_, Action::ScaleOut(_)) if is_for_floor => self.which_floor(),
            (_, Action::ScaleOut(_)) => Reason::HighLoad,
            (_, Action::Evict { .. }) => Reason::LowLoad,
            (_, Action::GiveUpMissing(_)) => Reason::MembersMissing,
        }
    }

    /// Which floor is the higher.
    fn which_floor(&self) -> Reason {
        let scheduled = self.state.scheduled().min;
        let at_least = self.state.at_least().map(|alert| alert.members);
        let ordered = self.state.control.limits.map(Bounds::min);
        if ordered > scheduled.max(at_least) {
            Reason::LimitsChanged
        } else if scheduled >= at_least {
            Reason::Scheduled
        } else {
            Reason::AtLeast
        }
    }

    pub(crate) fn record_resize(
        &mut self,
        verdict: Verdict,
        reason: Reason,
        change: Change,
        signals: u32,
    ) {
        let Change { resize, step } = change;
        self.state.recorded = true;
        self.effects.push(Effect::Record(Decision {
            at: self.now,
            verdict,
            reason,
            direction: Some(resize.direction()),
            signals,
            from: Some(resize.from()),
            to: Some(resize.to()),
            step,
        }));
    }
}
