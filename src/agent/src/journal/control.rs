//! How the journal writes the orders in force.
//!
//! Their times are by the wall clock: an operator who pauses the agent means the next boot, too.

use jiff::Timestamp;
use policy::{Bounds, Control, Moment, OrderedMode, OrderedSize, Size};
use serde::{Deserialize, Serialize};

use crate::control::{Note, at_moment, at_wall_clock};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Orders {
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode_ends: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<(u32, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<(u32, Timestamp)>,
    /// The latest order, also when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<Note>,
}

impl Orders {
    /// The orders as they are written; `None` where nobody ever gave one.
    pub(super) fn of(control: &Control, note: Option<&Note>, now: Moment) -> Option<Self> {
        let wall = Timestamp::now();
        let at = |moment| at_wall_clock(moment, now, wall);
        let orders = Self {
            paused: control.paused,
            mode: control.mode.map(|ordered| ordered.mode.to_string()),
            mode_ends: control.mode.and_then(|ordered| ordered.until).map(at),
            limits: control
                .limits
                .map(|bounds| (bounds.min().0, bounds.max().0)),
            size: control
                .size
                .map(|ordered| (ordered.size.0, at(ordered.asked))),
            note: note.cloned(),
        };
        (orders != Self::default()).then_some(orders)
    }

    /// The orders as the policy has them. What cannot be read is not in force; a pause always can.
    pub(super) fn control(&self, now: Moment) -> Control {
        let wall = Timestamp::now();
        let at = |time: Timestamp| at_moment(time, now, wall);
        let mode = self.mode.as_ref().and_then(|mode| mode.parse().ok());
        let limits = self.limits.map(|(min, max)| Bounds::new(min, max));
        Control {
            paused: self.paused,
            mode: mode.map(|mode| OrderedMode {
                mode,
                until: self.mode_ends.map(at),
            }),
            limits: limits.and_then(Result::ok),
            size: self.size.map(|(size, asked)| OrderedSize {
                size: Size(size),
                asked: at(asked).min(now),
            }),
        }
    }
}
