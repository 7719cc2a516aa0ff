//! What happened in a world, as facts to check.

use std::time::Duration;

use policy::{Bounds, Decision, Direction, Mode, Moment, Pool, Rules, Size, Verdict};

/// A write as the API saw it.
#[derive(Clone, Debug)]
pub struct Write {
    /// When the API had it.
    pub at: Moment,
    /// When the policy ordered it.
    pub ordered_at: Moment,
    /// How many alerts had come, and how many crashes, by then.
    pub alerts_before: usize,
    pub crashes_before: usize,
    /// How often the agent had got the lease after another.
    pub takeovers_before: usize,
    /// The read it rested on.
    pub read: Pool,
    pub from: Size,
    pub to: Size,
    pub direction: Direction,
    pub victims: usize,
    pub applied: bool,
    /// Whether it counts as an action: the API took it, or may have.
    pub taken: bool,
    /// The pool as it really was when the policy ordered it.
    pub truth: Truth,
    /// The mode in force and the alerts waiting, just before the order.
    pub mode: Mode,
    pub up_waits: bool,
    /// Whether the "down" that it answers was fresh when its drain began.
    pub down_is_fresh: bool,
    /// Whether that "down" has resolved since.
    pub down_has_resolved: bool,
    /// The floor that alerts and the schedule set, as far as this run of the agent heard of it.
    pub floor: u32,
    /// The largest size that the schedule leaves.
    pub scheduled_max: u32,
    /// The limits in force, by the latest order or the settings.
    pub bounds: Bounds,
    /// Whether the agent was paused.
    pub paused: bool,
    /// Whether another agent could act.
    pub standby: bool,
    /// The size that an operator ordered and waits for, if this write follows the order.
    pub ordered: Option<u32>,
}

/// The pool as it is, whatever is read of it.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    pub size: u32,
    pub members: usize,
    /// Members that serve and are not victims of the write.
    pub others_ready: usize,
}

/// Alerts as they came.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    pub at: Moment,
    pub direction: Direction,
    pub mode: Mode,
    /// Whether all was well for an "up" to be served when it came.
    pub servable: bool,
}

/// A drain, and how it ended.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    pub from: Moment,
    /// When the members were removed or given back.
    pub until: Option<Moment>,
    /// Whether the agent was paused when it began.
    pub paused: bool,
    /// Whether another agent could act when it began.
    pub standby: bool,
}

/// A size that an operator ordered, and that the agent accepted.
#[derive(Clone, Copy, Debug)]
pub struct Ordered {
    pub at: Moment,
    pub size: u32,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub struct History {
    pub alerts: Vec<Alert>,
    pub writes: Vec<Write>,
    pub decisions: Vec<Decision>,
    pub crashes: Vec<Moment>,
    pub reads: Vec<Moment>,
    pub drains: Vec<Drained>,
    /// When something last happened that may keep an "up" from being served.
    pub trouble: Vec<Moment>,
    pub resolved: Vec<Moment>,
    /// Sizes that were ordered, and when the agent was paused.
    pub ordered: Vec<Ordered>,
    pub pauses: Vec<Moment>,
    /// When another agent got the lease, and when this one got it back, after a change of the
    /// other's.
    pub lost: Vec<Moment>,
    pub taken_over: Vec<Moment>,
    /// When alerts asked for at least so many members.
    pub at_least: Vec<(Moment, u32)>,
    pub end: Moment,
}

impl History {
    fn last(&self, direction: Direction) -> Option<&Alert> {
        let mut alerts = self.alerts.iter().rev();
        alerts.find(|alert| alert.direction == direction)
    }

    /// Whether an alert of this direction is young enough at `now` to act on.
    pub fn is_fresh(&self, direction: Direction, lifetime: Duration, now: Moment) -> bool {
        let last = self.last(direction);
        last.is_some_and(|alert| now.since(alert.at) <= lifetime)
    }

    /// Whether the latest "down" has resolved since it came.
    pub fn down_has_resolved(&self) -> bool {
        let last = self.last(Direction::Down).map(|alert| alert.at);
        let resolved = self.resolved.last().copied();
        resolved.is_some_and(|resolved| last.is_some_and(|last| resolved > last))
    }

    /// Whether a fresh "up" has had no answer at `now`.
    pub fn up_waits(&self, rules: &Rules, now: Moment) -> bool {
        let answered = |at: Moment| {
            self.decisions.iter().any(|decision| {
                decision.direction == Some(Direction::Up)
                    && match decision.verdict {
                        Verdict::Acted | Verdict::Recommended => decision.at >= at,
                        Verdict::Refused => decision.at + rules.cooldown > at,
                        _ => false,
                    }
            })
        };
        let is_fresh = self.is_fresh(Direction::Up, rules.scale_out.alert_lifetime, now);
        is_fresh && self.last(Direction::Up).is_some_and(|up| !answered(up.at))
    }
}
