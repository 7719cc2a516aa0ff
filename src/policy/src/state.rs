//! What the policy remembers between two events.

use std::{collections::BTreeMap, time::Duration};

use super::{
    answers::{Hold, Refusal, Retry},
    control::{Control, OrderedSize},
    decision::{Reason, Verdict},
    event::{DrainId, Effect},
    floor::{Floors, ScheduledLimits},
    latch::{Direction, Pending},
    memo::{AtLeastMemo, CapacityPause, Memo},
    pool::{MemberId, Pool},
    rules::{Mode, Rules},
    scale_in::Drain,
    size::{Bounds, Resize, Size},
    step::Step,
    time::Moment,
};

/// The policy's whole memory.
///
/// Give every event to [`State::step`], carry out the effects in order, and call again with
/// `Event::Woken` at [`State::next_wake`].
#[derive(Clone, Debug)]
pub struct State {
    /// The settings in force, with the limits that are ordered.
    pub(crate) rules: Rules,
    /// The mode in force.
    pub(crate) mode: Mode,
    /// The settings' own limits and mode, which hold while nothing else is ordered.
    pub(crate) own_bounds: Bounds,
    pub(crate) own_mode: Mode,
    pub(crate) control: Control,
    pub(crate) up: Option<Pending>,
    pub(crate) down: Option<Pending>,
    pub(crate) phase: Phase,
    /// When the next action is allowed (G2).
    pub(crate) cooldown_ends: Moment,
    /// Before this, the pool is not read again.
    pub(crate) retry: Option<Retry>,
    /// The latest "up" alert or scale-out; shrinking waits for it to be old.
    pub(crate) last_up: Moment,
    pub(crate) capacity_pause: CapacityPause,
    pub(crate) floors: Floors,
    /// When the alert that asks for at least so many members was last written down.
    pub(crate) at_least_kept: Moment,
    /// What was refused, so that the same request gets the same answer unread for a while.
    pub(crate) refused: Option<Refusal>,
    /// The hold that was recorded last, so that a waiting request is recorded once.
    pub(crate) held: Option<Hold>,
    /// When the pool is read again for the record.
    pub(crate) review_at: Moment,
    /// Whether something was recorded since the last review.
    pub(crate) recorded: bool,
    pub(crate) pool: Option<Pool>,
    /// When each member listed now was first seen: its age where the provider names none.
    pub(crate) first_seen: BTreeMap<MemberId, Moment>,
    pub(crate) last_drain: DrainId,
    /// Whether another agent may act instead of this one.
    pub(crate) standby: bool,
    /// The lease that this agent held last.
    pub(crate) lease_number: Option<u64>,
    /// Whether the agent stops, so that nothing new may begin.
    pub(crate) stopping: bool,
}

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    /// The pool is being read for a decision; the read was asked for at this moment.
    Reading {
        asked: Moment,
    },
    /// Members are being emptied, or the pool is read again before they are removed.
    Draining(Drain),
    /// A change is being made.
    Acting(Acting),
}

/// A change under way, with what is put back should nothing come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acting {
    pub(crate) resize: Resize,
    pub(crate) victims: Vec<super::Member>,
    /// The alerts that it answers.
    pub(crate) answers: Option<Pending>,
    /// The order that it follows.
    pub(crate) ordered: Option<OrderedSize>,
    /// When the next action would be allowed had this one never begun.
    pub(crate) cooldown_ended: Moment,
}

impl State {
    /// The state after a start at `now`, with what the journal kept (times in the new clock).
    ///
    /// Without a journal, or when the process ended in the middle of a change, nothing is known
    /// about the last action, so a whole cooldown passes first. Shrinking waits for the
    /// stabilisation time in any case.
    pub fn restore(
        rules: Rules,
        mode: Mode,
        memo: Option<Memo>,
        now: Moment,
    ) -> (Self, Vec<Effect>) {
        let control = memo.map(|memo| memo.control).unwrap_or_default();
        let (own_bounds, own_mode) = (rules.bounds, mode);
        let bounds = control.limits.unwrap_or(own_bounds);
        let rules = Rules { bounds, ..rules };
        let mode = control.mode.map_or(own_mode, |ordered| ordered.mode);
        let whole_cooldown = now + rules.cooldown;
        let (cooldown_ends, up, capacity_pause) = match memo {
            Some(memo) if !memo.acting => (
                memo.cooldown_ends.min(whole_cooldown),
                memo.up,
                memo.capacity_pause,
            ),
            Some(memo) => (whole_cooldown, memo.up, memo.capacity_pause),
            None => (whole_cooldown, None, CapacityPause::default()),
        };
        let longest_pause = now + rules.scale_out.capacity_pause_max;
        let mut floors = Floors::default();
        if let Some(kept) = memo.and_then(|memo| memo.at_least) {
            floors.at_least.hear(kept.members, kept.heard.min(now));
        }
        let mut state = Self {
            mode: mode.within(rules.bounds),
            rules,
            own_bounds,
            own_mode,
            control,
            up,
            down: None,
            phase: Phase::Idle,
            cooldown_ends,
            retry: None,
            last_up: now,
            capacity_pause: CapacityPause {
                until: capacity_pause.until.min(longest_pause),
                ..capacity_pause
            },
            floors,
            at_least_kept: now,
            refused: None,
            held: None,
            review_at: now,
            recorded: true,
            pool: None,
            first_seen: BTreeMap::new(),
            last_drain: DrainId::default(),
            standby: false,
            lease_number: memo.and_then(|memo| memo.lease_number),
            stopping: false,
        };
        let mut step = Step {
            state: &mut state,
            now,
            effects: Vec::new(),
        };
        if memo.is_some_and(|m| m.acting) {
            step.record(Verdict::Failed, Reason::Restarted, None, 0);
        }
        step.save();
        let effects = step.effects;
        (state, effects)
    }

    /// What must outlive the process.
    pub(crate) fn memo(&self) -> Memo {
        Memo {
            cooldown_ends: self.cooldown_ends,
            acting: matches!(self.phase, Phase::Acting(_)),
            up: self.up,
            capacity_pause: self.capacity_pause,
            at_least: self.at_least(),
            control: self.control,
            lease_number: self.lease_number,
        }
    }

    /// The alert in force that asks for at least so many members.
    pub fn at_least(&self) -> Option<AtLeastMemo> {
        let in_force = self.floors.at_least.in_force();
        in_force.map(|(heard, members)| AtLeastMemo { members, heard })
    }

    /// What the schedule says now.
    pub fn scheduled(&self) -> ScheduledLimits {
        self.floors.scheduled
    }

    /// The limits within which a size may be asked for: the settings', and of those what the
    /// schedule and alerts leave. A pinned size heeds the settings alone.
    pub(crate) fn limits(&self, direction: Direction) -> Bounds {
        match (self.mode, direction) {
            (Mode::Pinned(_), _) => self.rules.bounds,
            (_, Direction::Up) => self.floors.limits(self.rules.bounds),
            (_, Direction::Down) => self.floors.bounds(self.rules.bounds),
        }
    }

    /// The size up to which the pool grows without an alert that asks for more; `None` without a
    /// schedule, an alert or ordered limits that ask for one.
    pub fn floor(&self) -> Option<Size> {
        let is_asked = self.floors.scheduled.min.is_some() || self.at_least().is_some();
        let is_set = is_asked || self.control.limits.is_some();
        let heeds = is_set && !matches!(self.mode, Mode::Pinned(_));
        heeds.then(|| self.floors.bounds(self.rules.bounds).min())
    }

    /// Whether the pool, as last read, is smaller than a floor.
    pub(crate) fn is_below_floor(&self) -> bool {
        let size = self.size();
        self.floor()
            .is_some_and(|floor| size.is_some_and(|size| size < floor))
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
        match &self.phase {
            Phase::Acting(acting) => Some(acting.resize),
            Phase::Idle | Phase::Reading { .. } | Phase::Draining(_) => None,
        }
    }

    /// The scale-in whose members are being drained, if one is.
    pub fn draining(&self) -> Option<Resize> {
        match &self.phase {
            Phase::Draining(drain) => Some(drain.change.resize),
            Phase::Idle | Phase::Reading { .. } | Phase::Acting(_) => None,
        }
    }

    /// The pause after a lack of capacity or quota.
    pub fn capacity_pause(&self) -> CapacityPause {
        self.capacity_pause
    }

    /// Whether an alert that asks for more members waits.
    pub fn asks_up(&self) -> bool {
        self.request() == Some(Direction::Up)
    }

    /// When the next action is allowed.
    pub fn cooldown_ends(&self) -> Moment {
        self.cooldown_ends
    }

    /// Moves the cooldown's end, and also the one that holds again if the action under way turns
    /// out not to have been written.
    pub(crate) fn map_cooldown(&mut self, moved: impl Fn(Moment) -> Moment) {
        self.cooldown_ends = moved(self.cooldown_ends);
        if let Phase::Acting(acting) = &mut self.phase {
            acting.cooldown_ended = moved(acting.cooldown_ended);
        }
    }

    /// When to give `Event::Woken`; `None` while an answer is awaited.
    pub fn next_wake(&self) -> Option<Moment> {
        match &self.phase {
            _ if self.stopping => return None,
            Phase::Idle => {}
            Phase::Draining(drain) => return drain.looks_at(),
            Phase::Reading { .. } | Phase::Acting(_) => return None,
        }
        let request = self.request().map(|direction| {
            let (earliest, _) = self.earliest(direction);
            match self.slot(direction) {
                Some(pending) => earliest.min(self.expiry(direction, pending)),
                None => earliest,
            }
        });
        let ends = [request, self.order_expires(), self.mode_ends()];
        let earliest = ends.into_iter().flatten().min();
        Some(earliest.map_or(self.review_at, |at| at.min(self.review_at)))
    }

    /// Which way to go: "up" beats "down" (G5), a floor that is not reached counts as "up", and a
    /// pinned size beats all.
    pub(crate) fn request(&self) -> Option<Direction> {
        if let Mode::Pinned(wanted) = self.mode {
            let size = self.pool.as_ref()?.size;
            return match size.cmp(&wanted) {
                std::cmp::Ordering::Less => Some(Direction::Up),
                std::cmp::Ordering::Greater => Some(Direction::Down),
                std::cmp::Ordering::Equal => None,
            };
        }
        let ordered = self.ordered_direction();
        if self.up.is_some() || self.is_below_floor() || ordered == Some(Direction::Up) {
            Some(Direction::Up)
        } else {
            ordered.or(self.down.map(|_| Direction::Down))
        }
    }

    /// The earliest moment at which a request may be acted on, and what it waits for.
    pub(crate) fn earliest(&self, direction: Direction) -> (Moment, Reason) {
        let mut latest = (self.cooldown_ends, Reason::Cooldown);
        let mut wait = |at: Moment, reason: Reason| {
            if at > latest.0 {
                latest = (at, reason);
            }
        };
        if let Some(Retry { at, reason }) = self.retry {
            wait(at, reason);
        }
        if direction == Direction::Up {
            // Alerts are refused in this pause; a pinned size, which no alert asks for, waits.
            wait(self.capacity_pause.until, Reason::CapacityPause);
        }
        let is_told = matches!(self.mode, Mode::Pinned(_)) || self.control.size.is_some();
        if direction == Direction::Down && !is_told {
            let rules = &self.rules.scale_in;
            wait(self.last_up + rules.stabilisation, Reason::Stabilising);
            if let Some(pool) = &self.pool {
                let warm_at = pool.read_at + pool.warm_in(rules.warm_up);
                wait(warm_at, Reason::WarmingUp);
            }
        }
        if self.control.paused {
            wait(Moment::at(Duration::MAX), Reason::Paused);
        }
        if self.standby {
            wait(Moment::at(Duration::MAX), Reason::Standby);
        }
        latest
    }

    pub(crate) fn slot(&self, direction: Direction) -> Option<Pending> {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }

    pub(crate) fn lifetime(&self, direction: Direction) -> Duration {
        match direction {
            Direction::Up => self.rules.scale_out.alert_lifetime,
            Direction::Down => self.rules.scale_in.alert_lifetime,
        }
    }

    /// The first moment at which `pending` is expired.
    fn expiry(&self, direction: Direction, pending: Pending) -> Moment {
        pending.last + self.lifetime(direction) + Duration::from_millis(1)
    }

    /// Takes the alerts of one direction away.
    pub(crate) fn consume(&mut self, direction: Direction) -> Option<Pending> {
        match direction {
            Direction::Up => self.up.take(),
            Direction::Down => self.down.take(),
        }
    }

    /// Puts alerts back that nothing came of, beside those that came meanwhile.
    pub(crate) fn put_back(&mut self, direction: Direction, pending: Option<Pending>) {
        let slot = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        *slot = match (pending, *slot) {
            (Some(old), Some(new)) => Some(Pending {
                first: old.first,
                last: new.last,
                count: old.count.saturating_add(new.count),
                steps: old.steps.and(new.steps),
            }),
            (old, new) => old.or(new),
        };
    }

    pub(crate) fn size(&self) -> Option<Size> {
        self.pool.as_ref().map(|pool| pool.size)
    }
}
