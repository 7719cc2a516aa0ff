//! How a request ended, and the kinds that are timed apart.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// A response, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A response that is judged by its status.
    Status(u16),
    /// A response that is a success whatever its status.
    Expected(u16),
    /// A response that failed a check.
    Unexpected(u16),
    Failed(Failure),
}

/// How a request ended, as far as its times are kept apart: responses of one kind say nothing about
/// another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A status of 2xx or 3xx, or one that is expected.
    Ok,
    /// A status of 4xx.
    Client,
    /// A status of 5xx.
    Server,
    /// Given up after the timeout, or the connect timeout; the time is what it waited.
    Timeout,
    /// No response for another reason.
    Error,
    /// A response that failed a check.
    Check,
}

impl Class {
    pub(crate) const ALL: [Self; 6] = [
        Self::Ok,
        Self::Client,
        Self::Server,
        Self::Timeout,
        Self::Error,
        Self::Check,
    ];

    /// The name in tags and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Client => "client",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Check => "check",
        }
    }

    /// Whether the headline percentiles count it. Timeouts do, with the time they waited: giving up
    /// must not make a percentile better. Other failures do not: failing fast must not either.
    pub(crate) fn is_headline(self) -> bool {
        matches!(self, Self::Ok | Self::Timeout)
    }

    pub(crate) fn has_response(self) -> bool {
        !matches!(self, Self::Timeout | Self::Error)
    }

    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Status(status) => match Failure::of_status(status) {
                None => Self::Ok,
                Some(Failure::Status4xx) => Self::Client,
                Some(_) => Self::Server,
            },
            Outcome::Expected(_) => Self::Ok,
            Outcome::Unexpected(_) => Self::Check,
            Outcome::Failed(Failure::Timeout | Failure::ConnectTimeout) => Self::Timeout,
            Outcome::Failed(_) => Self::Error,
        }
    }
}

/// Which requests a histogram is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag {
    /// The backend that responded; `-` where none is known.
    pub(crate) backend: Arc<str>,
    pub(crate) class: Class,
}
