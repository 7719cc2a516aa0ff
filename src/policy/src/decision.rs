//! Decision records: what was decided, and why.

use std::fmt;

use serde::Serialize;

use super::{latch::Direction, size::Size, time::Moment};

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The change was ordered.
    Acted,
    /// The change would have been ordered in mode `on`.
    Recommended,
    /// Not now; the wish stays.
    Held,
    /// No; the wish is gone.
    Refused,
    /// The change was ordered and did not happen, or not surely.
    Failed,
    /// Members chosen to leave are being emptied of requests; nothing is changed yet.
    Draining,
    /// The members being drained are given back: the pool does not shrink after all.
    GivenBack,
    /// There was no wish.
    Quiet,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $text:literal,)*) => {
        /// Why a decision was made: one code for logs, metrics and `/decisions` alike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $text] $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code, in `snake_case`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The reason in words.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

reasons! {
    HighLoad "high_load" "CPU is high and the pool can grow",
    LowLoad "low_load" "CPU is low and the pool can shrink",
    Pinned "pinned" "the mode pins the size",
    NoSignal "no_signal" "no alert came",
    UpWins "up_wins" "an up alert in the same window beats a down alert",
    Expired "expired" "the alert grew too old before it could be acted on",
    AtMax "at_max" "the pool has its maximum size",
    AtMin "at_min" "the pool has its minimum size",
    ScaleInDisabled "scale_in_disabled" "the mode allows no scale-in",
    Window "window" "the last action is less than one window ago",
    Stabilising "stabilising" "an up alert or a scale-out is too recent to shrink",
    WarmingUp "warming_up" "a member is too young to shrink",
    PoolBusy "pool_busy" "the pool is not in state running",
    PoolDegraded "pool_degraded" "the provider reports the pool as degraded",
    PoolChanged "pool_changed" "the pool changed while its members drained",
    MembersUnknown "members_unknown" "the list of members and the pool's own count disagree",
    MembersMissing "members_missing" "the pool wants more members than it has; the places are given up",
    HealthUnknown "health_unknown" "the load balancer cannot be read, so no member's health is known",
    StaleRead "stale_read" "reading the pool took too long to act on it",
    Unready "unready" "too many members are missing or cannot serve yet",
    LastReady "last_ready" "no member that serves would be left",
    CapacityBackoff "capacity_backoff" "the provider had no capacity or quota a short time ago",
    ApiUnavailable "api_unavailable" "the API cannot be reached or fails",
    RateLimited "rate_limited" "the API asks to be left alone for a while",
    BudgetSpent "budget_spent" "the agent's own budget of API calls is spent",
    Conflict "conflict" "something else is changing the pool or holds a lock on it",
    Unauthorised "unauthorised" "the API refuses the key",
    PoolNotFound "pool_not_found" "the API knows no such pool",
    NoCapacity "no_capacity" "the provider has no capacity or quota",
    WriteFailed "write_failed" "the API refused or failed the change",
    OutcomeUnknown "outcome_unknown" "the API did not say whether the change was made",
    Withdrawn "withdrawn" "the alert that asked for it has resolved",
    ModeChanged "mode_changed" "the mode was changed",
    Stopping "stopping" "the agent stops",
    Restarted "restarted" "the agent ended in the middle of an action",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl Verdict {
    /// The verdict's code, in `snake_case`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::Recommended => "recommended",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Draining => "draining",
            Self::GivenBack => "given_back",
            Self::Quiet => "quiet",
        }
    }
}

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When it was made.
    pub at: Moment,
    /// What became of the wish.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The wish; absent when there was none.
    pub direction: Option<Direction>,
    /// Alerts that the wish stands for.
    pub signals: u32,
    /// The size that was read, where the pool was read.
    pub from: Option<Size>,
    /// The size asked for, where one was asked for.
    pub to: Option<Size>,
}
