//! Decision records: what was decided, and why.

use std::fmt;

use serde::Serialize;

use super::{
    latch::Direction,
    severity::{ChosenStep, StepCause},
    size::Size,
    time::Moment,
};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The change was ordered.
    Acted,
    /// The change would have been ordered in mode `on`.
    Recommended,
    /// Not now; the request stays pending.
    Held,
    /// No; the request is gone.
    Refused,
    /// The change was ordered and did not happen, or not surely.
    Failed,
    /// Members chosen to leave are being emptied of requests; nothing is changed yet.
    Draining,
    /// The members being drained are given back: the pool does not shrink after all.
    GivenBack,
    /// There was no alert.
    Quiet,
    /// What is decided by was changed: an operator's order, or settings that were read again.
    Control,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $text:literal,)*) => {
        /// Why a decision was made: one code for logs, metrics and `/decisions` alike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $text] $variant,)*
        }

        impl Reason {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

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
    HighLoad "high_load" "an alert asks for more members, and the pool can grow",
    LowLoad "low_load" "an alert asks for fewer members, and the pool can shrink",
    Pinned "pinned" "the mode pins the size",
    NoSignal "no_signal" "no alert came",
    Scheduled "scheduled" "the schedule asks for more members",
    AtLeast "at_least" "an alert asks for at least so many members",
    AtFloor "at_floor" "the schedule or an alert asks for at least this size",
    UpWins "up_wins" "an up alert in the same cooldown beats a down alert",
    Expired "expired" "the alert grew too old before it could be acted on",
    AtMax "at_max" "already at maximum",
    AtMin "at_min" "already at minimum",
    ScaleInDisabled "scale_in_disabled" "the mode allows no scale-in",
    Cooldown "window" "less than one cooldown has passed since the last action, or since the agent's start",
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
    CapacityPause "capacity_backoff" "the provider had no capacity or quota a short time ago",
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
    Paused "paused" "an operator paused the agent",
    Resumed "resumed" "an operator lets the agent act again",
    ModeEnded "mode_ended" "the time of the ordered mode is over",
    ModeForbids "mode_forbids" "the mode allows no such size",
    LimitsChanged "limits_changed" "the limits were changed",
    OutsideLimits "outside_limits" "the size is outside the limits in force",
    SizeOrdered "size_ordered" "an operator asked for this size",
    AtSize "at_size" "the pool has this size already",
    SettingsRead "settings_read" "the settings were read again",
    Standby "standby" "this agent does not hold the lease, so that another may act",
    Leading "leading" "this agent holds the lease and acts",
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
            Self::Control => "control",
        }
    }
}

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When it was made.
    pub at: Moment,
    /// What became of the request.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The request; absent when there was none.
    pub direction: Option<Direction>,
    /// Alerts that the request stands for.
    pub signals: u32,
    /// The size that was read, where the pool was read.
    pub from: Option<Size>,
    /// The size asked for, where one was asked for.
    pub to: Option<Size>,
    /// The step of the change, and why it is that.
    pub step: Option<ChosenStep>,
}

impl Decision {
    /// Why the step is what it is, where it is not simply the settings' number.
    fn step_text(&self) -> String {
        match self.step {
            Some(ChosenStep {
                cause: StepCause::Floor,
                ..
            })
            | None => String::new(),
            Some(ChosenStep {
                size,
                cause: StepCause::Default,
            }) if size.percent() == 0 => String::new(),
            Some(ChosenStep {
                size,
                cause: StepCause::Default,
            }) => format!(", step {size}"),
            Some(ChosenStep { size, cause }) => format!(", step {size} for {cause}"),
        }
    }
}

impl fmt::Display for Decision {
    /// One sentence without its full stop, as a log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.direction {
            Some(Direction::Up) => "scale-out",
            Some(Direction::Down) => "scale-in",
            None => "action",
        };
        let why = self.reason.text();
        let change = || match (self.from, self.to) {
            (Some(from), Some(to)) => format!("{action} {from} -> {to}"),
            _ => action.to_owned(),
        };
        let cause = match (self.reason, self.direction) {
            (Reason::HighLoad | Reason::LowLoad, Some(direction)) => {
                format!("\"{direction}\" alert")
            }
            _ => why.to_owned(),
        };
        match self.verdict {
            Verdict::Acted => write!(f, "{}: {cause}{}", capitalised(&change()), self.step_text()),
            Verdict::Recommended => write!(
                f,
                "Recommended, not ordered: {}: {cause}{}",
                change(),
                self.step_text()
            ),
            Verdict::Draining => {
                write!(
                    f,
                    "Draining before {}: {cause}{}",
                    change(),
                    self.step_text()
                )
            }
            Verdict::GivenBack => write!(f, "{} given up: {why}", capitalised(&change())),
            Verdict::Held => write!(f, "Waiting ({action}): {why}"),
            Verdict::Refused => write!(f, "Not scaled ({action}): {why}"),
            Verdict::Failed => write!(f, "{} failed: {why}", capitalised(action)),
            Verdict::Quiet => f.write_str("No alert"),
            Verdict::Control => write!(f, "Control: {why}"),
        }
    }
}

fn capitalised(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use doc_page::Page;

    use super::*;

    #[test]
    fn reasons_page_lists_all() {
        let rows = Reason::ALL.iter();
        let rows = rows.map(|reason| format!("| `{}` | {} |\n", reason.code(), reason.text()));
        let page = Page {
            name: "http-api.md",
            test: "-p policy reasons_page",
        };
        let head = "| reason | |\n| --- | --- |\n".to_owned();
        page.has("the reasons", &(head + &rows.collect::<String>()));
    }
}
