//! The API's operations that this project calls, and a count of how each call ended.
//!
//! One count is one request on the wire (a retry counts again), or one that was not sent because
//! the budget is spent, the API asked for a pause, or it has just refused the same. A call whose
//! future is dropped is not counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::ErrorKind;

macro_rules! api_calls {
    ($($(#[$doc:meta])* $name:ident = $method:literal $id:literal,)*) => {
        /// An operation of the API, named as its description and IAM policies name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ApiCall {
            $(#[doc = concat!("`", $id, "`")] $name,)*
        }

        impl ApiCall {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The operation's id, such as `scale-instance-pool`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The HTTP method.
            pub fn method(self) -> &'static str {
                match self { $(Self::$name => $method,)* }
            }
        }
    };
}

api_calls! {
    GetInstancePool = "GET" "get-instance-pool",
    ListInstances = "GET" "list-instances",
    GetLoadBalancer = "GET" "get-load-balancer",
    GetPrivateNetwork = "GET" "get-private-network",
    GetOperation = "GET" "get-operation",
    ListTemplates = "GET" "list-templates",
    ScaleInstancePool = "PUT" "scale-instance-pool",
    EvictInstancePoolMembers = "PUT" "evict-instance-pool-members",
    RegisterTemplate = "POST" "register-template",
    DeleteTemplate = "DELETE" "delete-template",
}

impl ApiCall {
    /// Whether it changes something, so that repeating it needs care.
    pub fn is_write(self) -> bool {
        self.method() != "GET"
    }
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        /// How a call ended, coarsely enough for a metric's label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Outcome {
            $($(#[$doc])* $name,)*
        }

        impl Outcome {
            /// Every outcome.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As metrics spell it.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

outcomes! {
    /// Answered as wished.
    Ok = "ok",
    /// Refused by a status of 400 to 499 other than the next two.
    Refused = "refused",
    /// 401 or 403.
    Unauthorized = "unauthorized",
    /// 429.
    RateLimited = "rate-limited",
    /// A status of 500 or above, or one that is no answer to such a call.
    ServerError = "server-error",
    /// No connection, or it was lost.
    Unreachable = "unreachable",
    /// No answer in time.
    TimedOut = "timed-out",
    /// An answer that cannot be read.
    Malformed = "malformed",
    /// Not sent: the call budget is spent.
    OverBudget = "over-budget",
    /// Not sent: the API asked for a pause, or has just refused the same.
    Paused = "paused",
}

impl Outcome {
    /// The class of an error.
    pub(super) fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Unauthorized { .. } => Self::Unauthorized,
            ErrorKind::RateLimited { .. } => Self::RateLimited,
            ErrorKind::Unreachable { .. } => Self::Unreachable,
            ErrorKind::TimedOut { .. } => Self::TimedOut,
            ErrorKind::Malformed { .. } => Self::Malformed,
            ErrorKind::BudgetExhausted { .. } => Self::OverBudget,
            ErrorKind::Paused { .. } => Self::Paused,
            ErrorKind::Unavailable { .. } => Self::ServerError,
            ErrorKind::Api { status, .. } if !(400..500).contains(status) => Self::ServerError,
            ErrorKind::Api { .. }
            | ErrorKind::NotFound { .. }
            | ErrorKind::Conflict { .. }
            | ErrorKind::Capacity { .. }
            | ErrorKind::OperationFailed { .. } => Self::Refused,
        }
    }
}

/// How often one operation ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The operation.
    pub call: ApiCall,
    /// How it ended.
    pub outcome: Outcome,
    /// How often, since the client was made.
    pub count: u64,
}

/// The counts: one atomic number for each operation and outcome.
#[derive(Debug)]
pub(super) struct CallCounters(Box<[AtomicU64]>);

impl CallCounters {
    pub(super) fn new() -> Self {
        let cells = ApiCall::ALL.len() * Outcome::ALL.len();
        Self((0..cells).map(|_| AtomicU64::new(0)).collect())
    }

    fn cell(&self, call: ApiCall, outcome: Outcome) -> &AtomicU64 {
        &self.0[call as usize * Outcome::ALL.len() + outcome as usize]
    }

    pub(super) fn add(&self, call: ApiCall, outcome: Outcome) {
        self.cell(call, outcome).fetch_add(1, Ordering::Relaxed);
    }

    /// Those that are not nought.
    pub(super) fn counts(&self) -> Vec<CallCount> {
        let pairs = ApiCall::ALL
            .iter()
            .flat_map(|call| Outcome::ALL.iter().map(move |outcome| (*call, *outcome)));
        pairs
            .map(|(call, outcome)| CallCount {
                call,
                outcome,
                count: self.cell(call, outcome).load(Ordering::Relaxed),
            })
            .filter(|entry| entry.count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_its_own_count() {
        let counters = CallCounters::new();
        for call in ApiCall::ALL {
            for outcome in Outcome::ALL {
                counters.add(*call, *outcome);
            }
        }
        let counts = counters.counts();
        assert_eq!(counts.len(), ApiCall::ALL.len() * Outcome::ALL.len());
        assert!(counts.iter().all(|entry| entry.count == 1));
    }
}
