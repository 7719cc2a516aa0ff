//! What an operator orders while the agent runs: a pause, a mode, limits, one size.
//!
//! Orders change what the policy decides by. They make no change of size themselves: an ordered
//! size is a request like any other, and waits for the cooldown, a fresh read and a pool at rest.

use std::time::Duration;

use super::{
    decision::{Reason, Verdict},
    latch::Direction,
    rules::{Mode, Rules},
    size::{Bounds, Size},
    state::{Phase, State},
    step::Step,
    time::Moment,
};

/// What an operator orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Change nothing until [`Order::Resume`].
    Pause,
    /// Change the pool again.
    Resume,
    /// Have this mode instead of the settings'.
    Mode {
        /// The mode.
        mode: Mode,
        /// When it ends by itself; never without one.
        until: Option<Moment>,
    },
    /// Have the settings' mode again.
    OwnMode,
    /// Have these limits instead of the settings'.
    Limits(Bounds),
    /// Have the settings' limits again.
    OwnLimits,
    /// Give the pool this size, once.
    Size(Size),
}

/// The orders in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether nothing is to be changed.
    pub paused: bool,
    /// The mode instead of the settings'.
    pub mode: Option<OrderedMode>,
    /// The limits instead of the settings'.
    pub limits: Option<Bounds>,
    /// The size that the pool is to get next.
    pub size: Option<OrderedSize>,
}

/// A mode instead of the settings'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderedMode {
    /// The mode.
    pub mode: Mode,
    /// When it ends by itself.
    pub until: Option<Moment>,
}

/// A size that was ordered and not reached yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderedSize {
    /// The size.
    pub size: Size,
    /// When it was ordered; it waits for so long at most.
    pub asked: Moment,
}

impl OrderedSize {
    /// How long an ordered size waits: for a whole cooldown, and then as long as an "up" alert.
    fn lifetime(rules: &Rules) -> Duration {
        rules
            .cooldown
            .saturating_add(rules.scale_out.alert_lifetime)
    }
}

/// Why an order cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nothing is to be changed.
    #[error("the agent is paused, so it changes no size; resume it first")]
    Paused,
    /// The mode leaves no room for an ordered size.
    #[error(
        "mode `{0}` is in force, which allows no such change of size; order another mode first"
    )]
    Mode(Mode),
    /// The limits, a schedule and alerts leave no such size.
    #[error("{size} is outside the limits in force, {min} to {max}; order other limits first")]
    Outside {
        /// The size.
        size: Size,
        /// The smallest size allowed now.
        min: Size,
        /// The largest size allowed now.
        max: Size,
    },
    /// More members are asked for, which no smaller size may cross.
    #[error("an \"up\" alert waits for its action, and up beats down; pause first to hold it back")]
    UpWaits,
    /// The agent stops.
    #[error("the agent stops; ask the next one")]
    Stopping,
}

impl OrderError {
    fn reason(self) -> Reason {
        match self {
            Self::Paused => Reason::Paused,
            Self::Mode(_) => Reason::ModeForbids,
            Self::Outside { .. } => Reason::OutsideLimits,
            Self::UpWaits => Reason::UpWins,
            Self::Stopping => Reason::Stopping,
        }
    }
}

impl State {
    /// The orders in force.
    pub fn control(&self) -> Control {
        self.control
    }

    /// Whether an order can be followed now.
    pub fn accepts(&self, order: &Order) -> Result<(), OrderError> {
        let bounds = self.rules.bounds;
        match *order {
            _ if self.stopping => Err(OrderError::Stopping),
            Order::Mode {
                mode: Mode::Pinned(size),
                ..
            } => within(bounds, size),
            Order::Size(size) => self.accepts_size(size),
            _ => Ok(()),
        }
    }

    fn accepts_size(&self, size: Size) -> Result<(), OrderError> {
        let shrinks = self.size().is_some_and(|now| size < now);
        match self.mode {
            _ if self.control.paused => return Err(OrderError::Paused),
            Mode::Pinned(_) | Mode::Recommend => return Err(OrderError::Mode(self.mode)),
            Mode::ScaleOutOnly if shrinks => return Err(OrderError::Mode(self.mode)),
            Mode::On | Mode::ScaleOutOnly => {}
        }
        within(self.limits(Direction::Down), size)?;
        if shrinks && self.up.is_some() {
            return Err(OrderError::UpWaits);
        }
        Ok(())
    }

    /// Which way an ordered size leads. One that may be reached already is looked at as "up".
    pub(crate) fn ordered_direction(&self) -> Option<Direction> {
        let wanted = self.control.size?.size;
        let is_larger = self.size().is_some_and(|size| size > wanted);
        Some(if is_larger {
            Direction::Down
        } else {
            Direction::Up
        })
    }

    /// When the request in hand may be acted on; `None` without one, or while it cannot be.
    pub fn acts_at(&self) -> Option<Moment> {
        let (at, _) = self.earliest(self.request()?);
        (!self.control.paused && !self.standby).then_some(at)
    }

    /// The first moment at which the ordered size has waited too long.
    pub(crate) fn order_expires(&self) -> Option<Moment> {
        let ordered = self.control.size?;
        let lifetime = OrderedSize::lifetime(&self.rules);
        Some(ordered.asked + lifetime + Duration::from_millis(1))
    }

    /// When the ordered mode ends.
    pub(crate) fn mode_ends(&self) -> Option<Moment> {
        self.control.mode?.until
    }
}

fn within(bounds: Bounds, size: Size) -> Result<(), OrderError> {
    let (min, max) = (bounds.min(), bounds.max());
    if bounds.clamp(size) == size {
        Ok(())
    } else {
        Err(OrderError::Outside { size, min, max })
    }
}

impl Step<'_> {
    /// Follows an order, or records why not.
    pub(crate) fn obey(&mut self, order: Order) {
        if let Err(error) = self.state.accepts(&order) {
            return self.record(Verdict::Refused, error.reason(), None, 0);
        }
        let control = &mut self.state.control;
        let reason = match order {
            Order::Pause => {
                control.paused = true;
                self.refuse_order(Reason::Paused);
                self.give_back(Reason::Paused);
                Reason::Paused
            }
            Order::Resume => {
                control.paused = false;
                Reason::Resumed
            }
            Order::Mode { mode, until } => {
                control.mode = Some(OrderedMode { mode, until });
                Reason::ModeChanged
            }
            Order::OwnMode => {
                control.mode = None;
                Reason::ModeChanged
            }
            Order::Limits(bounds) => {
                control.limits = Some(bounds);
                Reason::LimitsChanged
            }
            Order::OwnLimits => {
                control.limits = None;
                Reason::LimitsChanged
            }
            Order::Size(size) => {
                let asked = self.now;
                control.size = Some(OrderedSize { size, asked });
                self.give_back(Reason::SizeOrdered);
                Reason::SizeOrdered
            }
        };
        self.heed_limits();
        self.heed_mode();
        self.state.held = None;
        self.record(Verdict::Control, reason, None, 0);
        self.save();
    }

    /// Takes over settings that were read again. Orders stay in force. A cooldown under way becomes
    /// longer and not shorter.
    pub(crate) fn adopt(&mut self, rules: Rules, mode: Mode) {
        let state = &mut *self.state;
        let longer = rules.cooldown.saturating_sub(state.rules.cooldown);
        state.map_cooldown(|ends| ends + longer);
        state.own_bounds = rules.bounds;
        state.own_mode = mode;
        let bounds = state.rules.bounds;
        state.rules = Rules { bounds, ..rules };
        self.heed_limits();
        self.heed_mode();
        self.record(Verdict::Control, Reason::SettingsRead, None, 0);
        self.save();
    }

    /// Has the mode that orders and settings make.
    pub(crate) fn heed_mode(&mut self) {
        let state = &*self.state;
        let mode = state
            .control
            .mode
            .map_or(state.own_mode, |ordered| ordered.mode);
        let mode = mode.within(state.rules.bounds);
        if mode != self.state.mode {
            self.give_back(Reason::ModeChanged);
            self.refuse_order(Reason::ModeChanged);
            self.state.mode = mode;
            self.state.refused = None;
        }
    }

    /// Has the limits that orders and settings make.
    fn heed_limits(&mut self) {
        let bounds = self.state.control.limits.unwrap_or(self.state.own_bounds);
        if bounds == self.state.rules.bounds {
            return;
        }
        self.state.rules.bounds = bounds;
        self.state.refused = None;
        self.give_back(Reason::LimitsChanged);
        let ordered = self.state.control.size;
        if ordered.is_some_and(|ordered| within(bounds, ordered.size).is_err()) {
            self.refuse_order(Reason::LimitsChanged);
        }
        let is_limit = |reason| matches!(reason, Reason::AtMax | Reason::AtMin | Reason::AtFloor);
        self.state.retry = self.state.retry.filter(|retry| !is_limit(retry.reason));
    }

    /// Ends a mode whose time is over.
    pub(crate) fn end_mode(&mut self) {
        if self.state.mode_ends().is_some_and(|end| end <= self.now) {
            self.state.control.mode = None;
            self.heed_mode();
            self.record(Verdict::Control, Reason::ModeEnded, None, 0);
            self.save();
        }
    }

    /// Gives an ordered size up that came to nothing.
    pub(crate) fn refuse_order(&mut self, reason: Reason) {
        if self.state.control.size.take().is_some() {
            self.record(Verdict::Refused, reason, None, 0);
            self.save();
        }
    }

    /// Refuses an ordered size that waited too long, or that something else forbids by now.
    pub(crate) fn check_order(&mut self) {
        let Some(direction) = self.state.ordered_direction() else {
            return;
        };
        let is_used = matches!(self.state.phase, Phase::Draining(_));
        let is_over = self.state.order_expires().is_some_and(|at| at <= self.now);
        if is_over && !is_used {
            self.refuse_order(Reason::Expired);
        } else if direction == Direction::Down && self.state.up.is_some() {
            self.refuse_order(Reason::UpWins);
        } else if direction == Direction::Down && self.state.mode == Mode::ScaleOutOnly {
            self.refuse_order(Reason::ScaleInDisabled);
        }
    }

    /// Ends an order for the size that the pool was just read to have.
    pub(crate) fn end_reached_order(&mut self) {
        let ordered = self.state.control.size.map(|ordered| ordered.size);
        if ordered.is_some() && ordered == self.state.size() {
            self.refuse_order(Reason::AtSize);
        }
    }
}
