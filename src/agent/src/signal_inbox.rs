//! Where alerts wait for the scaler.
//!
//! Counters and maxima instead of a queue: ten thousand alerts take the room of one, none is lost
//! when the scaler's mailbox is full, and a web worker never waits for the scaler (guarantees G4,
//! G12 and G14).

use std::sync::OnceLock;

use actix::Recipient;
use parking_lot::Mutex;
use policy::{AskedSteps, Direction, Size};

use super::messages::SignalsWaiting;

/// Alerts that the scaler has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct SignalInbox {
    waiting: Mutex<Waiting>,
    scaler: OnceLock<Recipient<SignalsWaiting>>,
}

/// How many alerts wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Alerts that ask for more members.
    pub(crate) up: u32,
    /// Alerts that ask for fewer.
    pub(crate) down: u32,
    /// The steps that those ask for which ask for more members.
    pub(crate) steps: AskedSteps,
    /// The largest number of members that one asks for at least.
    pub(crate) at_least: Option<Size>,
    /// Whether the alert that asks for fewer has resolved since the last of them.
    pub(crate) down_resolved: bool,
    /// Whether the pool is no longer as it was last read.
    pub(crate) pool_changed: bool,
}

impl SignalInbox {
    /// Tells the inbox whom to wake. Once only; later calls change nothing.
    pub(crate) fn connect(&self, scaler: Recipient<SignalsWaiting>) {
        let _ = self.scaler.set(scaler);
        self.wake();
    }

    /// Leaves several alerts of one message and wakes the scaler once.
    pub(crate) fn put_many(&self, direction: Direction, alerts: u32, steps: AskedSteps) {
        {
            let mut waiting = self.waiting.lock();
            if direction == Direction::Up {
                waiting.steps = waiting.steps.and(steps);
            }
            let count = match direction {
                Direction::Up => &mut waiting.up,
                Direction::Down => &mut waiting.down,
            };
            *count = count.saturating_add(alerts);
            if direction == Direction::Down {
                waiting.down_resolved = false;
            }
        }
        self.wake();
    }

    /// Leaves an alert that asks for at least so many members, and wakes the scaler.
    pub(crate) fn put_at_least(&self, members: Size) {
        {
            let mut waiting = self.waiting.lock();
            waiting.at_least = waiting.at_least.max(Some(members));
        }
        self.wake();
    }

    /// Notes that the alert that asks for fewer members has resolved, and wakes the scaler.
    pub(crate) fn withdraw_down(&self) {
        self.waiting.lock().down_resolved = true;
        self.wake();
    }

    /// Notes that what the scaler knows of the pool is old, and wakes it.
    pub(crate) fn pool_changed(&self) {
        self.waiting.lock().pool_changed = true;
        self.wake();
    }

    /// Takes all alerts.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock())
    }

    fn wake(&self) {
        if let Some(scaler) = self.scaler.get() {
            // Full means that a wake-up is in the mailbox already, and it will find this alert. A
            // closed mailbox is the watchdog's to notice.
            let _ = scaler.try_send(SignalsWaiting);
        }
    }
}
