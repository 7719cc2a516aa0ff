//! What can happen in a world.

use std::time::Duration;

use policy::{Bounds, Condition, Mode, ReadFailure, ScheduledLimits, StepSize};

/// Something that happens to the agent.
#[derive(Clone, Debug)]
pub enum Happening {
    Alerts {
        up: u32,
        down: u32,
    },
    /// An "up" alert that asks for a step of its own.
    Severe(StepSize),
    /// An alert asks for at least so many members.
    AtLeast(u32),
    /// The schedule says something else.
    Scheduled(ScheduledLimits),
    /// The alert behind "down" resolves.
    DownResolves,
    Pass(Duration),
    OperatorSets(u32),
    /// The provider changes what it says that the pool is doing.
    Condition(Condition),
    Api(Mood),
    /// The load balancer's verdict on every member that is not drained.
    MembersHealthy(bool),
    /// Whether the load balancer can be read.
    BalancerReadable(bool),
    ListTruncated(bool),
    /// One member dies; the provider puts another in its place after a while.
    MemberDies(usize),
    /// From now on, members asked for are made or not.
    Barren(bool),
    Crash {
        write_lands: bool,
    },
    ModeSet(Mode),
    /// The agent gets the lease after another agent had it, or loses it.
    Leads(bool),
    /// An operator pauses the agent, or lets it act again.
    Pause(bool),
    /// An operator orders a mode, for a while or until another order, or the settings' own.
    OrderMode(Option<(Mode, Option<Duration>)>),
    /// An operator orders limits, or the settings' own.
    OrderLimits(Option<Bounds>),
    OrderSize(u32),
    /// The settings are read again with other limits and steps.
    SettingsRead(Bounds, StepSize),
}

/// How the API answers, and how long things take, from now on.
#[derive(Clone, Copy, Debug)]
pub struct Mood {
    pub read: Result<Duration, ReadFailure>,
    pub write: WriteFate,
    pub write_takes: Duration,
    /// How long members take to be empty.
    pub drain_takes: Duration,
    /// How long the pool is busy after a write.
    pub work_takes: Duration,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            read: Ok(Duration::from_millis(50)),
            write: WriteFate::Applied,
            write_takes: Duration::from_secs(3),
            drain_takes: Duration::from_secs(5),
            work_takes: Duration::ZERO,
        }
    }
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFate {
    Applied,
    NoCapacity,
    Refused,
    RateLimited,
    UnknownApplied,
    UnknownLost,
}

impl WriteFate {
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::UnknownApplied)
    }

    /// Whether the API took the write, so that it counts as an action.
    pub fn is_taken(self) -> bool {
        self.is_applied() || self == Self::UnknownLost
    }
}
