//! How a request is answered without a change: recorded, held, refused, tried again later.

use super::{
    decision::{Decision, Reason, Verdict},
    event::Effect,
    latch::Direction,
    rules::Mode,
    step::Step,
    time::Moment,
};

/// A pause before the pool is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) at: Moment,
    pub(crate) reason: Reason,
}

/// A request that was refused, and until when it gets the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) direction: Direction,
    pub(crate) reason: Reason,
    pub(crate) until: Moment,
    /// Whether the refusal is on record; a failed write has none yet.
    pub(crate) is_recorded: bool,
}

/// A request that waits, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) direction: Direction,
    pub(crate) reason: Reason,
}

impl Step<'_> {
    pub(crate) fn save(&mut self) {
        self.effects.push(Effect::Save(self.state.memo()));
    }

    pub(crate) fn record(
        &mut self,
        verdict: Verdict,
        reason: Reason,
        direction: Option<Direction>,
        signals: u32,
    ) {
        self.state.recorded = true;
        self.effects.push(Effect::Record(Decision {
            at: self.now,
            verdict,
            reason,
            direction,
            signals,
            from: self.state.size(),
            to: None,
            step: None,
        }));
    }

    pub(crate) fn retry_later(&mut self, reason: Reason) {
        let at = self.now + self.state.rules.retry;
        self.state.retry = Some(Retry { at, reason });
    }

    /// Records that a request waits, once for each thing it waits for.
    pub(crate) fn hold(&mut self, direction: Direction, reason: Reason) {
        let hold = Some(Hold { direction, reason });
        if self.state.held != hold {
            self.state.held = hold;
            let signals = self.state.slot(direction).map_or(0, |p| p.count);
            self.record(Verdict::Held, reason, Some(direction), signals);
        }
    }

    pub(crate) fn refuse(&mut self, direction: Direction, reason: Reason) {
        let signals = self.state.consume(direction).map_or(0, |p| p.count);
        self.record(Verdict::Refused, reason, Some(direction), signals);
        if direction == Direction::Up {
            self.save();
        }
    }

    /// Refuses, and gives the same request the same answer until the cooldown ends or the size
    /// changes.
    pub(crate) fn refuse_for_a_cooldown(&mut self, direction: Direction, reason: Reason) {
        self.refuse(direction, reason);
        let until = self.now + self.state.rules.cooldown;
        self.remember_refusal(Refusal {
            direction,
            reason,
            until,
            is_recorded: true,
        });
    }

    pub(crate) fn remember_refusal(&mut self, refusal: Refusal) {
        let Refusal { until, reason, .. } = refusal;
        self.state.refused = Some(refusal);
        self.state.held = None;
        let is_pinned = matches!(self.state.mode, Mode::Pinned(_)) && reason != Reason::Pinned;
        if is_pinned || self.state.is_below_floor() {
            // Asked for without an alert, so it is asked for again at once; an alert that is
            // refused for a pinned size is not.
            self.state.retry = Some(Retry { at: until, reason });
        }
    }
}
