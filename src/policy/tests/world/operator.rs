//! The operator's side of a world: orders to the agent, settings that are read again, and the
//! limits that they and floors make.

use policy::{Bounds, Event, Order, Reason, Size};

use super::World;
use crate::{happening::Happening, history::Ordered};

impl World {
    /// The limits in force.
    pub(super) fn bounds(&self) -> Bounds {
        self.limits.unwrap_or(self.rules.bounds)
    }

    /// The floor by what was heard since the last crash; the agent may know of a higher one.
    pub(super) fn floor(&self) -> u32 {
        let since = self.history.crashes.last().copied().unwrap_or_default();
        let lifetime = self.rules.scale_out.at_least_lifetime;
        let heard = self
            .history
            .at_least
            .iter()
            .filter(|(at, _)| *at >= since && self.now.since(*at) <= lifetime);
        let scheduled = self.scheduled.min.map_or(0, |size| size.0);
        let floor = heard.map(|(_, members)| *members).max();
        floor.unwrap_or(0).max(scheduled).min(self.scheduled_max())
    }

    pub(super) fn scheduled_max(&self) -> u32 {
        self.bounds()
            .narrowed(self.scheduled.min, self.scheduled.max)
            .max()
            .0
    }

    pub(super) fn operate(&mut self, happening: &Happening) {
        match *happening {
            Happening::Pause(paused) => {
                // Before the event: what it leads to must heed it already.
                self.paused = paused;
                if paused {
                    self.history.pauses.push(self.now);
                }
                self.order(if paused { Order::Pause } else { Order::Resume });
            }
            Happening::OrderMode(None) => self.order(Order::OwnMode),
            Happening::OrderMode(Some((mode, time))) => {
                let until = time.map(|time| self.now + time);
                self.order(Order::Mode { mode, until });
            }
            Happening::OrderLimits(limits) => {
                self.limits = limits;
                self.order(limits.map_or(Order::OwnLimits, Order::Limits));
            }
            Happening::OrderSize(size) => {
                let order = Order::Size(Size(size));
                if self.state.accepts(&order).is_ok() {
                    self.history.ordered.push(Ordered { at: self.now, size });
                }
                self.order(order);
            }
            Happening::SettingsRead(bounds, step) => {
                self.rules.bounds = bounds;
                self.rules.scale_out.step = step;
                let rules = Box::new(self.rules.clone());
                self.give(Event::SettingsRead(rules, self.mode));
            }
            _ => unreachable!("not the operator's"),
        }
    }

    fn order(&mut self, order: Order) {
        self.give(Event::Control(order));
    }

    /// The ordered size that the write follows that is being ordered now.
    pub(super) fn followed_order(&self) -> Option<u32> {
        let last = self.history.decisions.last()?;
        let follows = last.reason == Reason::SizeOrdered && last.at == self.now;
        let ordered = self.history.ordered.last().filter(|_| follows)?;
        Some(ordered.size)
    }
}
