//! The boundary to the provider of the pool: reads in the policy's words, changes of size, and
//! errors.
//!
//! Only the module below knows a provider's API. Another provider is another such module with the
//! same methods.

mod exoscale;

use policy::{Pool, ReadFailure};

pub(crate) use self::exoscale::{
    Api, ApiKey, ApiSecret, ClientConfig, ConfigError, DEFAULT_ZONE, Endpoint, Exoscale as Target,
    ExoscaleConfig as TargetConfig, LoadBalancerId, OPERATIONS, POOL_READS, PoolId, sos_endpoint,
};

/// A pool as the provider tells of it.
#[derive(Clone, Debug)]
pub(crate) struct PoolReport {
    pub(crate) pool: Pool,
    /// The pool's name.
    pub(crate) name: String,
    /// The state by the provider's own name.
    pub(crate) state: String,
    /// Why the provider calls the pool degraded, where it says so.
    pub(crate) error_reason: Option<String>,
    /// The members' names, in the order of [`Pool::members`].
    pub(crate) names: Vec<String>,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct TargetError {
    pub(crate) text: String,
    /// What it means to whoever wanted to know of the pool.
    pub(crate) read_failure: ReadFailure,
    /// Whether it was held back, because an earlier answer asked for a pause.
    pub(crate) is_paused: bool,
    /// Whether somebody must do something before it can succeed.
    pub(crate) needs_operator: bool,
}

impl TargetError {
    /// One that may pass by itself.
    #[cfg(test)]
    pub(crate) fn passing(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            read_failure: ReadFailure::Unavailable,
            is_paused: false,
            needs_operator: false,
        }
    }
}

/// How often an operation of the provider's API ended in one way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallCount {
    pub(crate) operation: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) count: u64,
}
