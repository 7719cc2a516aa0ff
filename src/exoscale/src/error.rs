//! Why a call failed, in the terms in which a caller has to decide what to do.
//!
//! No text here holds a secret: nothing of the request's headers is ever put into an error.

use std::{sync::Arc, time::Duration};

use super::{
    calls::ApiCall,
    wording::{says_capacity, says_locked, tidy},
};

/// A failed call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} at {host}: {kind}{}", .call.id(), self.hint())]
pub struct ClientError {
    /// What was called.
    pub call: ApiCall,
    /// The API's host (and port).
    pub host: Arc<str>,
    /// Why it failed.
    pub kind: ErrorKind,
    pub(super) ambiguous: bool,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// 401 or 403: the key is wrong, revoked, or its role does not allow the operation.
    #[error("not authorised (HTTP {status}): {message}")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// What the API says.
        message: String,
    },
    /// 404.
    #[error("not found: {message}")]
    NotFound {
        /// What the API says.
        message: String,
    },
    /// 429; certainly not applied. Nothing else is sent before the time asked for.
    #[error("too many requests{}", .retry_after.map(|d| format!(", retry after {d:?}")).unwrap_or_default())]
    RateLimited {
        /// What the API asks for, if it does.
        retry_after: Option<Duration>,
    },
    /// 409 or 423, or 403 with the API's "Locked by …": something else holds the resource for now.
    #[error("conflict: {message}")]
    Conflict {
        /// What the API says.
        message: String,
    },
    /// The account's quota, the provider's capacity or an anti-affinity group is used up. The API
    /// has no code of its own for it, so this is a status of 400 to 499 whose message says so.
    #[error("out of quota or capacity (HTTP {status}): {message}")]
    Capacity {
        /// The HTTP status.
        status: u16,
        /// What the API says.
        message: String,
    },
    /// A status of 500 or above that says when to come back. Nothing else is sent before.
    #[error("unavailable (HTTP {status}), retry after {retry_after:?}: {message}")]
    Unavailable {
        /// The HTTP status, mostly 503.
        status: u16,
        /// What the API asks for.
        retry_after: Duration,
        /// What the API says, or the start of the body.
        message: String,
    },
    /// Any other answer that is no success.
    #[error("HTTP {status}: {message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// What the API says, or the start of the body.
        message: String,
    },
    /// No connection, or it was lost.
    #[error("unreachable: {detail}")]
    Unreachable {
        /// The chain of causes.
        detail: String,
    },
    /// No answer in time.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// An answer that cannot be read.
    #[error("malformed answer: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// Not sent: the call budget is spent.
    #[error("the budget of API calls is spent, the next call is free in {retry_in:?}")]
    BudgetExhausted {
        /// When to come back.
        retry_in: Duration,
    },
    /// Not sent: an earlier answer (429, or 503 with `Retry-After`) asked to be left alone.
    #[error("not sent: the API asked for a pause, which ends in {retry_in:?}")]
    Paused {
        /// When to come back.
        retry_in: Duration,
    },
    /// The API took the order, and its operation then failed.
    #[error("the operation failed ({reason}): {message}")]
    OperationFailed {
        /// From the API's short list: `busy`, `unavailable`, `conflict`, …; `timeout` if the
        /// provider gave it up; `unknown` if not said.
        reason: String,
        /// For people; may be empty.
        message: String,
    },
}

impl ClientError {
    /// Whether the change asked for may have been made although the call failed: read back before
    /// deciding anything. Of reads, only true of [`wait`](super::Client::wait), for the operation
    /// it was to wait for.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether the same call may succeed later with nobody changing anything, and repeating it is
    /// safe.
    pub fn is_retryable(&self) -> bool {
        if self.ambiguous {
            return false;
        }
        match &self.kind {
            ErrorKind::RateLimited { .. }
            | ErrorKind::Conflict { .. }
            | ErrorKind::Unreachable { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Unavailable { .. }
            | ErrorKind::Paused { .. }
            | ErrorKind::BudgetExhausted { .. } => true,
            ErrorKind::Api { status, .. } => *status >= 500,
            ErrorKind::OperationFailed { reason, message } => {
                matches!(reason.as_str(), "busy" | "conflict") || says_locked(message)
            }
            ErrorKind::Unauthorized { .. }
            | ErrorKind::NotFound { .. }
            | ErrorKind::Capacity { .. }
            | ErrorKind::Malformed { .. } => false,
        }
    }

    /// Whether a write that failed so certainly did nothing: it was not sent, or it was refused.
    /// Then no action was begun, and there is nothing to read back. Not the opposite of
    /// [`is_ambiguous`](Self::is_ambiguous): an order that was taken and then failed is neither.
    pub fn is_certainly_not_applied(&self) -> bool {
        if self.ambiguous {
            return false;
        }
        match &self.kind {
            ErrorKind::RateLimited { .. }
            | ErrorKind::BudgetExhausted { .. }
            | ErrorKind::Paused { .. }
            | ErrorKind::Unauthorized { .. }
            | ErrorKind::NotFound { .. }
            | ErrorKind::Conflict { .. }
            | ErrorKind::Capacity { .. }
            // Without doubt only where there was no connection to send it over.
            | ErrorKind::Unreachable { .. } => true,
            ErrorKind::Api { status, .. } => (400..500).contains(status),
            ErrorKind::Unavailable { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Malformed { .. }
            | ErrorKind::OperationFailed { .. } => false,
        }
    }

    /// Whether there is no more to be had: by quota or capacity, at once or from an operation.
    pub fn is_capacity(&self) -> bool {
        match &self.kind {
            ErrorKind::Capacity { .. } => true,
            ErrorKind::OperationFailed { reason, message } => {
                reason == "unavailable" || says_capacity(message)
            }
            _ => false,
        }
    }

    /// How long to leave the API alone, where it or the budget says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.kind.retry_after()
    }

    fn hint(&self) -> String {
        let id = self.call.id();
        match self.kind {
            ErrorKind::Unauthorized { status: 403, .. } => {
                format!(" (does the key's IAM role allow the compute operation '{id}'?)")
            }
            ErrorKind::Unauthorized { .. } => {
                " (check key, secret, zone and this machine's clock)".to_owned()
            }
            _ if self.ambiguous => " (the change may have been made)".to_owned(),
            _ => String::new(),
        }
    }
}

impl ErrorKind {
    /// The kind for an answer that is no success.
    pub(super) fn from_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let message = message(body);
        match (status, retry_after) {
            (401, _) => Self::Unauthorized { status, message },
            (429, _) => Self::RateLimited { retry_after },
            (404, _) => Self::NotFound { message },
            (400..500, _) if says_locked(&message) => Self::Conflict { message },
            (400..500, _) if says_capacity(&message) => Self::Capacity { status, message },
            (403, _) => Self::Unauthorized { status, message },
            (409 | 423, _) => Self::Conflict { message },
            (500.., Some(retry_after)) => Self::Unavailable {
                status,
                retry_after,
                message,
            },
            _ => Self::Api { status, message },
        }
    }

    /// Whether the API asks to be left alone, for [`retry_after`](Self::retry_after) if it says so.
    pub(super) fn asks_for_pause(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::Unavailable { retry_after, .. } => Some(*retry_after),
            Self::BudgetExhausted { retry_in } | Self::Paused { retry_in } => Some(*retry_in),
            _ => None,
        }
    }
}

/// What an error's body says, in any of the forms that the API's clients know, or its start.
fn message(body: &[u8]) -> String {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Document {
        message: Option<String>,
        error: Option<String>,
        detail: Option<String>,
        title: Option<String>,
    }
    let document = serde_json::from_slice::<Document>(body).unwrap_or_default();
    let texts = [
        document.message,
        document.error,
        document.detail,
        document.title,
    ];
    let said = texts.into_iter().flatten().find(|text| !text.is_empty());
    tidy(&said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
}

/// The text of the API's own error document, `{"message": "…"}`. Nothing if the body is something
/// else, such as a proxy's page.
pub(super) fn api_message(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Document {
        message: String,
    }
    serde_json::from_slice::<Document>(body)
        .ok()
        .map(|document| tidy(&document.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, ambiguous: bool) -> ClientError {
        ClientError {
            call: ApiCall::ScaleInstancePool,
            host: "api-at-vie-1.example".into(),
            kind,
            ambiguous,
        }
    }

    #[test]
    fn statuses_have_their_kinds() {
        let kind = |status, body: &str| ErrorKind::from_answer(status, body.as_bytes(), None);
        let message = "no".to_owned();
        let body = r#"{"message":"no"}"#;
        assert_eq!(
            kind(401, body),
            ErrorKind::Unauthorized {
                status: 401,
                message: message.clone()
            }
        );
        assert_eq!(
            kind(403, body),
            ErrorKind::Unauthorized {
                status: 403,
                message: message.clone()
            }
        );
        assert_eq!(
            kind(404, body),
            ErrorKind::NotFound {
                message: message.clone()
            }
        );
        assert_eq!(
            kind(409, body),
            ErrorKind::Conflict {
                message: message.clone()
            }
        );
        assert_eq!(
            kind(429, body),
            ErrorKind::RateLimited { retry_after: None }
        );
        assert_eq!(
            kind(400, body),
            ErrorKind::Api {
                status: 400,
                message: message.clone()
            }
        );
        assert_eq!(
            kind(502, "<p>\nbad\tgateway"),
            ErrorKind::Api {
                status: 502,
                message: "<p> bad gateway".into()
            }
        );
        for status in [400, 402, 403, 409, 412, 422] {
            let kind = kind(status, r#"{"message":"Quota exceeded for instances"}"#);
            assert!(matches!(kind, ErrorKind::Capacity { .. }), "{status}");
        }
        assert!(matches!(
            kind(500, r#"{"message":"quota"}"#),
            ErrorKind::Api { .. }
        ));
    }

    #[test]
    fn a_refusal_by_iam_names_the_operation_to_allow() {
        let text = error(
            ErrorKind::from_answer(403, b"{\"message\":\"Forbidden\"}", None),
            false,
        )
        .to_string();
        assert_eq!(
            text,
            "scale-instance-pool at api-at-vie-1.example: not authorised (HTTP 403): Forbidden \
             (does the key's IAM role allow the compute operation 'scale-instance-pool'?)"
        );
    }

    #[test]
    fn an_ambiguous_error_is_never_retryable_and_says_so() {
        let lost = ErrorKind::Unreachable {
            detail: "connection reset".into(),
        };
        assert!(error(lost.clone(), false).is_retryable());
        let ambiguous = error(lost, true);
        assert!(!ambiguous.is_retryable() && ambiguous.is_ambiguous());
        assert!(ambiguous.to_string().contains("may have been made"));
    }
}
