//! Floors: sizes below which the pool is not to fall, and up to which it grows without an alert
//! that asks for more.
//!
//! A floor only raises (guarantee G17). It acts through the cooldown, the limits and the journal as
//! everything else does, and never removes a member.

use std::{collections::VecDeque, time::Duration};

use super::{
    size::{Bounds, Size},
    time::Moment,
};

/// What a schedule says now; nothing where none is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScheduledLimits {
    /// The smallest size.
    pub min: Option<Size>,
    /// The largest size. A pool that is larger is not shrunk for it.
    pub max: Option<Size>,
}

/// The latest words of alerts that ask for at least so many members.
///
/// The floor is the largest number heard within their lifetime, as a stabilisation window of
/// Kubernetes' autoscaler is.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtLeast {
    /// Numbers that may still become the floor: each later, and smaller, than the one before.
    heard: VecDeque<(Moment, Size)>,
}

/// Numbers kept at most; beyond it, the oldest of the smaller ones are forgotten, since the floor
/// then is a little too low for a moment.
const KEPT: usize = 64;

impl AtLeast {
    pub(crate) fn hear(&mut self, members: Size, now: Moment) {
        while self
            .heard
            .back()
            .is_some_and(|(_, smaller)| *smaller <= members)
        {
            self.heard.pop_back();
        }
        if members > Size(0) {
            self.heard.push_back((now, members));
        }
        if self.heard.len() > KEPT {
            self.heard.remove(1);
        }
    }

    /// Forgets what is older than `lifetime`.
    pub(crate) fn expire(&mut self, lifetime: Duration, now: Moment) {
        while self
            .heard
            .front()
            .is_some_and(|(at, _)| now.since(*at) > lifetime)
        {
            self.heard.pop_front();
        }
    }

    /// The number in force, and when it was heard last.
    pub(crate) fn in_force(&self) -> Option<(Moment, Size)> {
        self.heard.front().copied()
    }
}

/// The floors in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floors {
    pub(crate) scheduled: ScheduledLimits,
    pub(crate) at_least: AtLeast,
}

impl Floors {
    /// The limits with the schedule's.
    pub(crate) fn limits(&self, bounds: Bounds) -> Bounds {
        bounds.narrowed(self.scheduled.min, self.scheduled.max)
    }

    /// The limits with every floor.
    pub(crate) fn bounds(&self, bounds: Bounds) -> Bounds {
        let limits = self.limits(bounds);
        limits.narrowed(self.at_least.in_force().map(|(_, size)| size), None)
    }
}
