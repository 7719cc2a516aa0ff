//! One step of the policy: an event comes in, effects go out.

use super::{
    decision::{Decision, Reason, Verdict},
    event::{Action, Effect, Event, Failure, Outcome, ReadFailure},
    latch::{Direction, Pending},
    pool::{Member, Pool},
    rules::Mode,
    size::Resize,
    state::{Backoff, Phase, State},
    time::Moment,
    victims,
};

impl State {
    /// Takes in one event at `now` and says what to do.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Signals { up, down } => self.take_signals(up, down, now, &mut effects),
            Event::Woken => self.review(now, &mut effects),
            Event::PoolRead(result) => self.take_read(result, now, &mut effects),
            Event::ActionEnded {
                outcome,
                written_at,
            } => {
                self.finish(outcome, written_at, now, &mut effects);
            }
            Event::ModeSet(mode) => {
                self.mode = mode.within(self.rules.bounds);
                self.refused = None;
            }
        }
        self.evaluate(now, &mut effects);
        effects
    }

    fn take_signals(&mut self, up: u32, down: u32, now: Moment, effects: &mut Vec<Effect>) {
        if up > 0 {
            let is_new = self.up.is_none();
            Pending::add(&mut self.up, up, now);
            self.last_up = now;
            if is_new {
                effects.push(Effect::Save(self.memo()));
            }
        }
        if down > 0 {
            Pending::add(&mut self.down, down, now);
        }
        if self.up.is_some() && self.down.is_some() {
            self.refuse(Direction::Down, Reason::UpWins, now, effects);
        }
    }

    /// Ends a window: reads the pool for the record, and notes a window without alerts.
    fn review(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if now < self.review_at || self.phase != Phase::Idle {
            return;
        }
        self.review_at = now + self.rules.window;
        if !self.recorded {
            self.record(effects, Verdict::Quiet, Reason::NoSignal, None, 0, now);
        }
        self.recorded = false;
        if self.wish().is_none() {
            effects.push(Effect::ReadPool);
        }
    }

    fn take_read(
        &mut self,
        result: Result<Pool, ReadFailure>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let for_decision = match (self.phase, &result) {
            // A read that somebody began earlier does not know what has happened since.
            (Phase::Reading { asked }, Ok(pool)) => pool.read_at >= asked,
            (Phase::Reading { .. }, Err(_)) => true,
            (Phase::Idle | Phase::Acting { .. }, _) => false,
        };
        if for_decision {
            self.phase = Phase::Idle;
        }
        match result {
            Ok(pool) => {
                if self.size() != Some(pool.size) {
                    self.refused = None;
                }
                self.pool = Some(pool);
                if for_decision {
                    self.decide(now, effects);
                }
            }
            Err(failure) if for_decision => {
                let reason = match failure {
                    ReadFailure::Unavailable => Reason::ApiUnavailable,
                    ReadFailure::Unauthorised => Reason::Unauthorised,
                    ReadFailure::NotFound => Reason::PoolNotFound,
                };
                self.retry_later(reason, now);
            }
            Err(_) => {}
        }
    }

    /// Starts a decision when there is a wish and nothing stands in its way.
    fn evaluate(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.expire(now, effects);
        self.refuse_unread(now, effects);
        if self.phase != Phase::Idle {
            return;
        }
        let Some(direction) = self.wish() else {
            self.held = None;
            return;
        };
        let (earliest, reason) = self.earliest(direction);
        if earliest > now {
            self.hold(direction, reason, now, effects);
        } else {
            self.phase = Phase::Reading { asked: now };
            effects.push(Effect::ReadPool);
        }
    }

    fn expire(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for direction in [Direction::Up, Direction::Down] {
            let ttl = self.ttl(direction);
            if self.slot(direction).is_some_and(|p| p.is_expired(ttl, now)) {
                self.refuse(direction, Reason::Expired, now, effects);
            }
        }
    }

    /// Refuses what needs no look at the pool.
    fn refuse_unread(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for direction in [Direction::Up, Direction::Down] {
            if self.slot(direction).is_none() {
                continue;
            }
            let reason = match (self.mode, direction) {
                (Mode::Pinned(_), _) => Some(Reason::Pinned),
                (Mode::ScaleOutOnly, Direction::Down) => Some(Reason::ScaleInDisabled),
                (_, Direction::Up) if now < self.backoff.until => Some(Reason::CapacityBackoff),
                _ => None,
            };
            if let Some((same, _, until)) = self.refused
                && same == direction
                && now < until
            {
                // Said once in this window already: a flood is not written down alert by alert.
                self.consume(direction);
                self.recorded = true;
            } else if let Some(reason) = reason {
                self.refuse_for_a_window(direction, reason, now, effects);
            }
        }
    }

    /// Decides on a pool that has just been read.
    fn decide(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.expire(now, effects);
        let (Some(direction), Some(pool)) = (self.wish(), self.pool.clone()) else {
            return;
        };
        if let Err(reason) = self.can_change(&pool, now) {
            return self.retry_later(reason, now);
        }
        if self.earliest(direction).0 > now {
            return; // an "up" or a young member came to light while reading; `evaluate` holds
        }
        let Some(resize) = self.resize(&pool, direction) else {
            let reason = match direction {
                Direction::Up => Reason::AtMax,
                Direction::Down => Reason::AtMin,
            };
            return self.refuse_for_a_window(direction, reason, now, effects);
        };
        let action = match direction {
            Direction::Up if pool.unready() >= self.rules.scale_out.max_unready => {
                return self.refuse_for_a_window(direction, Reason::Unready, now, effects);
            }
            Direction::Up => Action::ScaleOut(resize),
            Direction::Down if pool.members.len() < pool.size.0 as usize => {
                return self.retry_later(Reason::MembersUnknown, now);
            }
            Direction::Down => {
                let victims = victims::choose(&pool, resize.members());
                let stays = |m: &&Member| !victims.contains(&m.id);
                if !pool.members.iter().filter(stays).any(Member::is_ready) {
                    return self.refuse_for_a_window(direction, Reason::Unready, now, effects);
                }
                Action::ScaleIn { resize, victims }
            }
        };
        self.act(action, now, effects);
    }

    fn can_change(&self, pool: &Pool, now: Moment) -> Result<(), Reason> {
        if now.since(pool.read_at) > self.rules.fresh {
            Err(Reason::StaleRead)
        } else if !pool.running {
            Err(Reason::PoolBusy)
        } else {
            Ok(())
        }
    }

    fn resize(&self, pool: &Pool, direction: Direction) -> Option<Resize> {
        let step = match direction {
            Direction::Up => self.rules.scale_out.step.get(),
            Direction::Down => self.rules.scale_in.step.get(),
        };
        let step = match self.mode {
            Mode::Pinned(wanted) => step.min(wanted.0.abs_diff(pool.size.0)),
            _ => step,
        };
        self.rules.bounds.resize(pool.size, direction, step)
    }

    fn act(&mut self, action: Action, now: Moment, effects: &mut Vec<Effect>) {
        let resize = action.resize();
        let direction = resize.direction();
        let signals = self.consume(direction);
        self.opens = now + self.rules.window;
        self.retry = None;
        self.held = None;
        self.refused = None;
        let (verdict, reason) = match (self.mode, direction) {
            (Mode::Recommend, Direction::Up) => (Verdict::Recommended, Reason::HighLoad),
            (Mode::Recommend, Direction::Down) => (Verdict::Recommended, Reason::LowLoad),
            (Mode::Pinned(_), _) => (Verdict::Acted, Reason::Pinned),
            (_, Direction::Up) => (Verdict::Acted, Reason::HighLoad),
            (_, Direction::Down) => (Verdict::Acted, Reason::LowLoad),
        };
        if verdict == Verdict::Acted {
            self.phase = Phase::Acting { resize, signals };
        }
        effects.push(Effect::Save(self.memo()));
        self.recorded = true;
        effects.push(Effect::Record(Decision {
            at: now,
            verdict,
            reason,
            direction: Some(direction),
            signals,
            from: Some(resize.from()),
            to: Some(resize.to()),
        }));
        if verdict == Verdict::Acted {
            effects.push(Effect::Act(action));
        }
    }

    fn finish(
        &mut self,
        outcome: Outcome,
        written_at: Option<Moment>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Acting { resize, signals } = self.phase else {
            return;
        };
        let direction = resize.direction();
        self.phase = Phase::Idle;
        if let Some(written_at) = written_at {
            self.opens = self.opens.max(written_at + self.rules.window);
        }
        if direction == Direction::Up {
            self.last_up = self.last_up.max(now);
        }
        let failed = match outcome {
            Outcome::Applied => {
                if direction == Direction::Up {
                    self.backoff = Backoff::default();
                }
                None
            }
            Outcome::Failed(Failure::NoCapacity) => {
                let rules = &self.rules.scale_out;
                self.backoff.grow(rules.backoff, rules.backoff_max, now);
                Some(Reason::NoCapacity)
            }
            Outcome::Failed(Failure::Refused) => Some(Reason::WriteFailed),
            Outcome::Failed(Failure::Unknown) => Some(Reason::OutcomeUnknown),
        };
        if let Some(reason) = failed {
            self.record(
                effects,
                Verdict::Failed,
                reason,
                Some(direction),
                signals,
                now,
            );
        }
        effects.push(Effect::Save(self.memo()));
    }

    fn retry_later(&mut self, reason: Reason, now: Moment) {
        self.retry = Some((now + self.rules.retry, reason));
    }

    /// Records that a wish waits, once for each thing it waits for.
    fn hold(
        &mut self,
        direction: Direction,
        reason: Reason,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if self.held != Some((direction, reason)) {
            self.held = Some((direction, reason));
            let signals = self.slot(direction).map_or(0, |p| p.count);
            self.record(
                effects,
                Verdict::Held,
                reason,
                Some(direction),
                signals,
                now,
            );
        }
    }

    fn refuse(
        &mut self,
        direction: Direction,
        reason: Reason,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let signals = self.consume(direction);
        self.record(
            effects,
            Verdict::Refused,
            reason,
            Some(direction),
            signals,
            now,
        );
        if direction == Direction::Up {
            effects.push(Effect::Save(self.memo()));
        }
    }

    /// Refuses, and gives the same wish the same answer until the window ends or the size changes.
    fn refuse_for_a_window(
        &mut self,
        direction: Direction,
        reason: Reason,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.refuse(direction, reason, now, effects);
        let until = now + self.rules.window;
        self.refused = Some((direction, reason, until));
        self.held = None;
        if let Mode::Pinned(_) = self.mode {
            self.retry = Some((until, reason)); // a pinned size is wished for without an alert
        }
    }
}
