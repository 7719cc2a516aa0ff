//! The operator's side of a world: orders to the agent, and settings that are read again.

use policy::{Bounds, Event, Order, Reason, Size};

use super::World;
use crate::{happening::Happening, history::Ordered};

impl World {
    /// The limits in force.
    pub(super) fn bounds(&self) -> Bounds {
        self.limits.unwrap_or(self.rules.bounds)
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
