//! One step of the policy: an event comes in, effects go out.

use super::{
    answers::{Refusal, Retry},
    decision::{Reason, Verdict},
    event::{ActionFailure, ActionOutcome, Effect, Event, ReadFailure, Signals},
    floor::ScheduledLimits,
    latch::{Direction, Pending},
    memo::CapacityPause,
    pool::Pool,
    rules::Mode,
    severity::AskedSteps,
    size::Size,
    state::{Acting, Phase, State},
    time::Moment,
};

/// A step on its way: the state, the time, and the effects so far.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Moment,
    pub(crate) effects: Vec<Effect>,
}

impl State {
    /// Takes in one event at `now` and says what to do.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut step = Step {
            state: self,
            now,
            effects: Vec::new(),
        };
        step.end_mode();
        step.take(event);
        step.evaluate();
        step.effects
    }
}

impl Step<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Signals(signals) => self.take_signals(signals),
            Event::AtLeast(members) => self.hear_at_least(members),
            Event::Scheduled(limits) => self.follow_schedule(limits),
            Event::DownWithdrawn => self.withdraw_down(),
            Event::Woken => self.wake(),
            Event::PoolRead(result) => self.take_read(result),
            Event::DrainEnded(id) => self.confirm(id),
            Event::ActionEnded {
                outcome,
                written_at,
            } => self.finish(outcome, written_at),
            Event::ModeSet(mode) => {
                self.state.own_mode = mode;
                self.heed_mode();
            }
            Event::Control(order) => self.obey(order),
            Event::SettingsRead(rules, mode) => self.adopt(*rules, mode),
            Event::Leadership(leadership) => self.follow_lease(leadership),
            Event::Stopping => {
                self.state.stopping = true;
                self.give_back(Reason::Stopping);
            }
        }
    }

    fn take_signals(&mut self, signals: Signals) {
        let Signals { up, down, steps } = signals;
        if up > 0 {
            let known = self.state.up.map(|pending| pending.steps);
            Pending::add(&mut self.state.up, up, steps, self.now);
            self.state.last_up = self.now;
            if known != self.state.up.map(|pending| pending.steps) {
                self.save();
            }
            if !matches!(self.state.mode, Mode::Pinned(_)) {
                self.give_back(Reason::UpWins);
            }
        }
        if down > 0 {
            Pending::add(&mut self.state.down, down, AskedSteps::default(), self.now);
        }
        self.prefer_up();
    }

    fn hear_at_least(&mut self, members: Size) {
        let known = self.state.at_least();
        self.state.floors.at_least.hear(members, self.now);
        let heard = self.state.at_least();
        // A repetition is kept now and then, so that a flood does not wear the disk.
        let lifetime = self.state.rules.scale_out.at_least_lifetime;
        let is_due = self.now.since(self.state.at_least_kept) > lifetime / 4;
        if known.map(|k| k.members) != heard.map(|h| h.members) || (heard.is_some() && is_due) {
            self.state.at_least_kept = self.now;
            self.save();
        }
        self.heed_floor();
    }

    fn follow_schedule(&mut self, limits: ScheduledLimits) {
        if limits != self.state.floors.scheduled {
            self.state.floors.scheduled = limits;
            self.state.refused = None;
            self.heed_floor();
        }
    }

    /// Gives members back that a floor wants to stay.
    fn heed_floor(&mut self) {
        let floor = self.state.floor();
        let leaving = self.state.draining();
        if let (Some(floor), Some(resize)) = (floor, leaving)
            && resize.to() < floor
        {
            self.give_back(Reason::AtFloor);
        }
    }

    /// Up beats down in a cooldown (guarantee G5).
    fn prefer_up(&mut self) {
        if self.state.up.is_some() && self.state.down.is_some() {
            self.refuse(Direction::Down, Reason::UpWins);
        }
    }

    fn withdraw_down(&mut self) {
        let is_told = self.state.control.size.is_some();
        if !matches!(self.state.mode, Mode::Pinned(_)) && !is_told {
            self.give_back(Reason::Withdrawn);
        }
        if let Phase::Acting(acting) = &mut self.state.phase
            && acting.resize.direction() == Direction::Down
        {
            // Should the change not be made, nobody asks for it any more.
            acting.answers = None;
        }
        if self.state.down.is_some() {
            self.refuse(Direction::Down, Reason::Withdrawn);
        }
    }

    fn wake(&mut self) {
        match &self.state.phase {
            Phase::Idle => self.review(),
            Phase::Draining(_) => self.look_while_draining(),
            Phase::Reading { .. } | Phase::Acting(_) => {}
        }
    }

    /// Once a cooldown: reads the pool for the record, and notes that no alert came.
    fn review(&mut self) {
        if self.now < self.state.review_at || self.state.stopping {
            return;
        }
        self.state.review_at = self.now + self.state.rules.cooldown;
        if !self.state.recorded {
            self.record(Verdict::Quiet, Reason::NoSignal, None, 0);
        }
        self.state.recorded = false;
        // A request that is held reads the pool itself, unless it is held for an unknown time.
        let is_kept = self.state.control.paused || self.state.standby;
        if self.state.request().is_none() || is_kept {
            self.effects.push(Effect::ReadPool);
        }
    }

    fn take_read(&mut self, result: Result<Pool, ReadFailure>) {
        if self.state.stopping {
            return; // a decision now would take the alert and not act on it
        }
        // A read that somebody began earlier does not know what has happened since.
        let asked = match &self.state.phase {
            Phase::Reading { asked } => Some(*asked),
            Phase::Draining(drain) => drain.asked(),
            Phase::Idle | Phase::Acting(_) => None,
        };
        let for_decision = match (asked, &result) {
            (Some(asked), Ok(pool)) => pool.read_at >= asked,
            (Some(_), Err(_)) => true,
            (None, _) => false,
        };
        match result {
            Ok(pool) => {
                self.learn(pool);
                self.compare_while_draining();
            }
            Err(failure) if for_decision => return self.cannot_read(failure),
            Err(_) => {}
        }
        match &self.state.phase {
            Phase::Reading { .. } if for_decision => {
                self.state.phase = Phase::Idle;
                self.decide();
            }
            Phase::Draining(_) if for_decision => self.decide_again(),
            _ => {}
        }
    }

    /// Keeps what was read; a member of unknown age is as old as this agent's knowledge of it.
    fn learn(&mut self, mut pool: Pool) {
        if self.state.size() != Some(pool.size) {
            self.state.refused = None;
        }
        let known = std::mem::take(&mut self.state.first_seen);
        for member in &mut pool.members {
            let seen = known.get(&member.id).copied().unwrap_or(pool.read_at);
            self.state.first_seen.insert(member.id, seen);
            member.age.get_or_insert(pool.read_at.since(seen));
        }
        self.state.pool = Some(pool);
    }

    fn cannot_read(&mut self, failure: ReadFailure) {
        let retry = self.state.rules.retry;
        let (reason, wait) = match failure {
            ReadFailure::Unavailable => (Reason::ApiUnavailable, retry),
            ReadFailure::Unauthorised => (Reason::Unauthorised, retry),
            ReadFailure::NotFound => (Reason::PoolNotFound, retry),
            ReadFailure::RateLimited(wait) => (Reason::RateLimited, wait.max(retry)),
            ReadFailure::BudgetSpent(wait) => (Reason::BudgetSpent, wait.max(retry)),
        };
        self.give_back(reason);
        self.state.phase = Phase::Idle;
        let at = self.now + wait;
        self.state.retry = Some(Retry { at, reason });
    }

    /// Starts a decision when there is a request and nothing stands in its way.
    fn evaluate(&mut self) {
        if self.state.stopping {
            return;
        }
        self.expire();
        self.check_order();
        self.refuse_unread();
        if self.state.phase != Phase::Idle {
            return;
        }
        let Some(direction) = self.state.request() else {
            self.state.held = None;
            return;
        };
        let (earliest, reason) = self.state.earliest(direction);
        if earliest > self.now {
            self.hold(direction, reason);
        } else {
            self.state.phase = Phase::Reading { asked: self.now };
            self.effects.push(Effect::ReadPool);
        }
    }

    /// Refuses alerts that waited too long. One that is being acted on does not age: its drain has
    /// a time limit of its own.
    pub(crate) fn expire(&mut self) {
        let lifetime = self.state.rules.scale_out.at_least_lifetime;
        self.state.floors.at_least.expire(lifetime, self.now);
        for direction in [Direction::Up, Direction::Down] {
            let is_used =
                direction == Direction::Down && matches!(self.state.phase, Phase::Draining(_));
            let lifetime = self.state.lifetime(direction);
            let pending = self.state.slot(direction);
            if !is_used && pending.is_some_and(|p| p.is_expired(lifetime, self.now)) {
                self.refuse(direction, Reason::Expired);
            }
        }
    }

    /// Refuses what needs no look at the pool.
    fn refuse_unread(&mut self) {
        for direction in [Direction::Up, Direction::Down] {
            if self.state.slot(direction).is_none() {
                continue;
            }
            let reason = match (self.state.mode, direction) {
                (Mode::Pinned(_), _) => Some(Reason::Pinned),
                (Mode::ScaleOutOnly, Direction::Down) => Some(Reason::ScaleInDisabled),
                (_, Direction::Up) if self.now < self.state.capacity_pause.until => {
                    Some(Reason::CapacityPause)
                }
                _ => None,
            };
            if let Some(refused) = self.state.refused
                && refused.direction == direction
                && self.now < refused.until
            {
                self.refuse_again(refused);
            } else if let Some(reason) = reason {
                self.refuse_for_a_cooldown(direction, reason);
            }
        }
    }

    /// Gives the same answer; a flood is not written down alert by alert.
    fn refuse_again(&mut self, refused: Refusal) {
        if refused.is_recorded {
            self.state.consume(refused.direction);
            self.state.recorded = true;
        } else {
            self.refuse(refused.direction, refused.reason);
            self.state.refused = Some(Refusal {
                is_recorded: true,
                ..refused
            });
        }
    }

    fn finish(&mut self, outcome: ActionOutcome, written_at: Option<Moment>) {
        let Phase::Acting(acting) = &self.state.phase else {
            return;
        };
        let acting = acting.clone();
        self.state.phase = Phase::Idle;
        let is_unknown = outcome == ActionOutcome::Failed(ActionFailure::Unknown);
        self.state.cooldown_ends = match written_at {
            Some(written_at) => {
                let next = written_at + self.state.rules.cooldown;
                self.state.cooldown_ends.max(next)
            }
            None if is_unknown => self.state.cooldown_ends,
            // What was not written is no action.
            None => acting.cooldown_ended,
        };
        let direction = acting.resize.direction();
        if direction == Direction::Up {
            self.state.last_up = self.state.last_up.max(self.now);
        }
        match outcome {
            ActionOutcome::Applied if direction == Direction::Up => {
                self.state.capacity_pause = CapacityPause::default();
            }
            ActionOutcome::Applied => {}
            ActionOutcome::Failed(failure) => self.fail(failure, &acting, written_at.is_some()),
        }
        self.save();
    }

    fn fail(&mut self, failure: ActionFailure, acting: &Acting, is_written: bool) {
        let direction = acting.resize.direction();
        if !acting.victims.is_empty() {
            // Those that are still there must not stay out of service.
            self.effects.push(Effect::GiveBack(acting.victims.clone()));
        }
        let reason = match failure {
            ActionFailure::Postponed { reason, retry_in } => {
                let at = self.now + retry_in.max(self.state.rules.retry);
                self.state.retry = Some(Retry { at, reason });
                self.state.put_back(direction, acting.answers);
                self.state.control.size = self.state.control.size.or(acting.ordered);
                return self.prefer_up();
            }
            ActionFailure::NoCapacity if direction == Direction::Up => {
                let rules = &self.state.rules.scale_out;
                let (first, longest) = (rules.capacity_pause, rules.capacity_pause_max);
                self.state.capacity_pause.grow(first, longest, self.now);
                Reason::NoCapacity
            }
            ActionFailure::NoCapacity | ActionFailure::Refused => {
                if !is_written {
                    // No cooldown begins, but the same request is not sent again and again.
                    self.remember_refusal(Refusal {
                        direction,
                        reason: Reason::WriteFailed,
                        until: self.now + self.state.rules.cooldown,
                        is_recorded: false,
                    });
                }
                Reason::WriteFailed
            }
            ActionFailure::Unknown => Reason::OutcomeUnknown,
        };
        let signals = acting.answers.map_or(0, |pending| pending.count);
        self.record(Verdict::Failed, reason, Some(direction), signals);
    }
}
