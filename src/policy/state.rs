//! What the policy remembers between two events.

use std::time::Duration;

use super::{
    decision::{Decision, Reason, Verdict},
    event::Effect,
    latch::{Direction, Pending},
    pool::Pool,
    rules::{Mode, Rules},
    size::{Resize, Size},
    time::Moment,
};

/// The policy's whole memory.
///
/// Give every event to [`State::step`], carry out the effects in order, and call again with
/// `Event::Woken` at [`State::next_wake`].
#[derive(Clone, Debug)]
pub struct State {
    pub(super) rules: Rules,
    pub(super) mode: Mode,
    pub(super) up: Option<Pending>,
    pub(super) down: Option<Pending>,
    pub(super) phase: Phase,
    /// When the next action is allowed (G2).
    pub(super) opens: Moment,
    /// Before this, the pool is not read again, for this reason.
    pub(super) retry: Option<(Moment, Reason)>,
    /// The latest "up" alert or scale-out; shrinking waits for it to be old.
    pub(super) last_up: Moment,
    pub(super) backoff: Backoff,
    /// What was refused, and until when the same wish gets the same answer unread.
    pub(super) refused: Option<(Direction, Reason, Moment)>,
    /// The hold that was recorded last, so that a waiting wish is recorded once.
    pub(super) held: Option<(Direction, Reason)>,
    /// When a window without alerts ends.
    pub(super) review_at: Moment,
    /// Whether something was recorded in this window.
    pub(super) recorded: bool,
    pub(super) pool: Option<Pool>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    /// The pool is being read for a decision; the read was asked for at this moment.
    Reading {
        asked: Moment,
    },
    /// A change is being made.
    Acting {
        resize: Resize,
        signals: u32,
    },
}

/// The growing pause after the provider had no capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// Failures in a row.
    pub failures: u32,
    /// End of the pause.
    pub until: Moment,
}

impl Backoff {
    pub(super) fn grow(&mut self, first: Duration, longest: Duration, now: Moment) {
        let pause = first
            .saturating_mul(1 << self.failures.min(16))
            .min(longest);
        self.failures = self.failures.saturating_add(1);
        self.until = now + pause;
    }
}

/// What must outlive the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memo {
    /// When the next action is allowed.
    pub opens: Moment,
    /// Whether a change was being made.
    pub acting: bool,
    /// An accepted scale-up that was not acted on yet.
    pub up: Option<Pending>,
    /// The pause after a lack of capacity.
    pub backoff: Backoff,
}

impl State {
    /// The state after a start at `now`, with what the journal kept (times in the new clock).
    ///
    /// Without a journal, or when the process ended in the middle of a change, nothing is known
    /// about the last action, so a whole window passes first. Shrinking waits for the
    /// stabilisation time in any case.
    pub fn restore(
        rules: Rules,
        mode: Mode,
        memo: Option<Memo>,
        now: Moment,
    ) -> (Self, Vec<Effect>) {
        let whole_window = now + rules.window;
        let (opens, up, backoff) = match memo {
            Some(memo) if !memo.acting => (memo.opens.min(whole_window), memo.up, memo.backoff),
            Some(memo) => (whole_window, memo.up, memo.backoff),
            None => (whole_window, None, Backoff::default()),
        };
        let longest_backoff = now + rules.scale_out.backoff_max;
        let mut state = Self {
            mode: mode.within(rules.bounds),
            rules,
            up,
            down: None,
            phase: Phase::Idle,
            opens,
            retry: None,
            last_up: now,
            backoff: Backoff {
                until: backoff.until.min(longest_backoff),
                ..backoff
            },
            refused: None,
            held: None,
            review_at: now,
            recorded: true,
            pool: None,
        };
        let mut effects = Vec::new();
        if memo.is_some_and(|m| m.acting) {
            state.record(
                &mut effects,
                Verdict::Failed,
                Reason::Restarted,
                None,
                0,
                now,
            );
        }
        effects.push(Effect::Save(state.memo()));
        (state, effects)
    }

    /// What must outlive the process.
    pub fn memo(&self) -> Memo {
        Memo {
            opens: self.opens,
            acting: matches!(self.phase, Phase::Acting { .. }),
            up: self.up,
            backoff: self.backoff,
        }
    }

    /// The mode in force.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The settings in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The pool as last read.
    pub fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// The change being made, if one is.
    pub fn acting(&self) -> Option<Resize> {
        match self.phase {
            Phase::Acting { resize, .. } => Some(resize),
            Phase::Idle | Phase::Reading { .. } => None,
        }
    }

    /// Whether an alert that asks for more members waits.
    pub fn wishes_up(&self) -> bool {
        self.wish() == Some(Direction::Up)
    }

    /// When the next action is allowed.
    pub fn opens(&self) -> Moment {
        self.opens
    }

    /// When to give `Event::Woken`; `None` while an answer is awaited.
    pub fn next_wake(&self) -> Option<Moment> {
        if self.phase != Phase::Idle {
            return None;
        }
        let wish = self.wish().map(|direction| {
            let (earliest, _) = self.earliest(direction);
            match self.slot(direction) {
                Some(pending) => earliest.min(self.expiry(direction, pending)),
                None => earliest,
            }
        });
        Some(wish.map_or(self.review_at, |at| at.min(self.review_at)))
    }

    /// Which way to go: "up" beats "down" (G5); a pinned size beats both.
    pub(super) fn wish(&self) -> Option<Direction> {
        if let Mode::Pinned(wanted) = self.mode {
            let size = self.pool.as_ref()?.size;
            return match size.cmp(&wanted) {
                std::cmp::Ordering::Less => Some(Direction::Up),
                std::cmp::Ordering::Greater => Some(Direction::Down),
                std::cmp::Ordering::Equal => None,
            };
        }
        if self.up.is_some() {
            Some(Direction::Up)
        } else {
            self.down.map(|_| Direction::Down)
        }
    }

    /// The earliest moment at which a wish may be acted on, and what it waits for.
    pub(super) fn earliest(&self, direction: Direction) -> (Moment, Reason) {
        let mut latest = (self.opens, Reason::Window);
        let mut wait = |at: Moment, reason: Reason| {
            if at > latest.0 {
                latest = (at, reason);
            }
        };
        if let Some((at, reason)) = self.retry {
            wait(at, reason);
        }
        if direction == Direction::Down && !matches!(self.mode, Mode::Pinned(_)) {
            let rules = &self.rules.scale_in;
            wait(self.last_up + rules.stabilisation, Reason::Stabilising);
            if let Some(pool) = &self.pool {
                let warm_at = pool.read_at + pool.warm_in(rules.warm_up);
                wait(warm_at, Reason::WarmingUp);
            }
        }
        latest
    }

    pub(super) fn slot(&self, direction: Direction) -> Option<Pending> {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }

    pub(super) fn ttl(&self, direction: Direction) -> Duration {
        match direction {
            Direction::Up => self.rules.scale_out.signal_ttl,
            Direction::Down => self.rules.scale_in.signal_ttl,
        }
    }

    /// The first moment at which `pending` is expired.
    fn expiry(&self, direction: Direction, pending: Pending) -> Moment {
        pending.last + self.ttl(direction) + Duration::from_millis(1)
    }

    /// Takes the alerts of one direction away, and tells how many there were.
    pub(super) fn consume(&mut self, direction: Direction) -> u32 {
        let slot = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        slot.take().map_or(0, |pending| pending.count)
    }

    pub(super) fn size(&self) -> Option<Size> {
        self.pool.as_ref().map(|pool| pool.size)
    }

    pub(super) fn record(
        &mut self,
        effects: &mut Vec<Effect>,
        verdict: Verdict,
        reason: Reason,
        direction: Option<Direction>,
        signals: u32,
        now: Moment,
    ) {
        self.recorded = true;
        effects.push(Effect::Record(Decision {
            at: now,
            verdict,
            reason,
            direction,
            signals,
            from: self.size(),
            to: None,
        }));
    }
}
