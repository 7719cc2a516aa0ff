//! When each kind of alert was last heard, and the CPU use that it told of.
//!
//! It has a lock of its own: a webhook worker never waits for a reader of the pool (guarantee G12).

use jiff::Timestamp;
use parking_lot::Mutex;
use policy::Direction;

use super::webhook_receiver::{Alert, Ask, Ignored};

/// What alerts said last.
#[derive(Debug, Default)]
pub(crate) struct AlertLog(Mutex<Heard>);

/// When alerts were heard, each kind apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) up: Option<Timestamp>,
    pub(crate) down: Option<Timestamp>,
    pub(crate) at_least: Option<Timestamp>,
    /// The latest that said that it is over.
    pub(crate) resolved: Option<Timestamp>,
    /// The latest that asked for nothing, for another reason, and which.
    pub(crate) ignored: Option<(Timestamp, &'static str)>,
    /// The average CPU use that an alert told of last, and when.
    pub(crate) cpu: Option<(Timestamp, f64)>,
}

impl AlertLog {
    /// Notes one kind of alert of a message, and the value that the message gave.
    pub(crate) fn note(&self, alert: Alert, cpu: Option<f64>, now: Timestamp) {
        let mut heard = self.0.lock();
        match alert {
            Alert::Firing(Ask::Change(direction)) => {
                match direction {
                    Direction::Up => heard.up = Some(now),
                    Direction::Down => heard.down = Some(now),
                }
                if let Some(cpu) = cpu {
                    heard.cpu = Some((now, cpu));
                }
            }
            Alert::Firing(Ask::AtLeast) => heard.at_least = Some(now),
            Alert::Ignored(Ignored::Resolved | Ignored::DownResolved) => {
                heard.resolved = Some(now);
            }
            Alert::Ignored(why) => heard.ignored = Some((now, why.code())),
        }
    }

    pub(crate) fn heard(&self) -> Heard {
        *self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_remembered_apart_and_only_a_firing_alert_tells_of_the_cpu() {
        let log = AlertLog::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let ask = |direction| Alert::Firing(Ask::Change(direction));
        log.note(ask(Direction::Up), Some(0.9), at(1));
        log.note(ask(Direction::Down), None, at(2));
        log.note(Alert::Ignored(Ignored::DownResolved), Some(0.5), at(3));
        log.note(Alert::Ignored(Ignored::NoData), None, at(4));
        let heard = log.heard();
        assert_eq!((heard.up, heard.down), (Some(at(1)), Some(at(2))));
        assert_eq!((heard.resolved, heard.at_least), (Some(at(3)), None));
        assert_eq!(heard.ignored, Some((at(4), "no_data")));
        assert_eq!(heard.cpu, Some((at(1), 0.9)));
    }
}
