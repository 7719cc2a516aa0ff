//! What the API's errors mean to the agent.

use exoscale::{ClientError, ErrorKind, calls::ApiCall};
use policy::{ActionFailure, ReadFailure, Reason};

use crate::target::TargetError;

impl From<&ClientError> for TargetError {
    fn from(error: &ClientError) -> Self {
        Self {
            text: error.to_string(),
            read_failure: read_failure(error),
            is_paused: matches!(error.kind, ErrorKind::Paused { .. }),
            needs_operator: needs_operator(error),
        }
    }
}

impl From<ClientError> for TargetError {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

pub(super) fn read_failure(error: &ClientError) -> ReadFailure {
    let wait = error.retry_after().unwrap_or_default();
    match (&error.kind, error.call) {
        (ErrorKind::Unauthorized { .. }, _) => ReadFailure::Unauthorised,
        (ErrorKind::NotFound { .. }, ApiCall::GetInstancePool) => ReadFailure::NotFound,
        (ErrorKind::RateLimited { .. } | ErrorKind::Paused { .. }, _) => {
            ReadFailure::RateLimited(wait)
        }
        (ErrorKind::BudgetExhausted { .. }, _) => ReadFailure::BudgetSpent(wait),
        _ => ReadFailure::Unavailable,
    }
}

/// Why a change did not happen.
pub(super) fn action_failure(error: &ClientError) -> ActionFailure {
    let postponed = |reason| ActionFailure::Postponed {
        reason,
        retry_in: error.retry_after().unwrap_or_default(),
    };
    if error.is_capacity() {
        return ActionFailure::NoCapacity;
    } else if error.is_ambiguous() {
        return ActionFailure::Unknown;
    }
    match error.kind {
        ErrorKind::RateLimited { .. } | ErrorKind::Paused { .. } => postponed(Reason::RateLimited),
        ErrorKind::BudgetExhausted { .. } => postponed(Reason::BudgetSpent),
        ErrorKind::Conflict { .. } => postponed(Reason::Conflict),
        _ if error.is_retryable() => postponed(Reason::ApiUnavailable),
        _ => ActionFailure::Refused,
    }
}

fn needs_operator(error: &ClientError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unauthorized { .. } | ErrorKind::NotFound { .. } | ErrorKind::Malformed { .. }
    ) || error.is_capacity()
        || matches!(error.kind, ErrorKind::Api { status, .. } if (400..500).contains(&status))
}
