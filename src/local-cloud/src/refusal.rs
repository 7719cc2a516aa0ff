//! Why the local cloud refuses a call, and with which HTTP status.

use thiserror::Error;

/// A refused call. The text is what the API answers as `message`.
///
/// Exoscale does not publish the statuses of its refusals. Chosen here: 400 for a body or an
/// argument that is wrong, 403 for credentials and for a quota (its text begins with
/// `quota exceeded`), 404 for a resource that is not there, 409 for one that is busy or in use.
///
/// Known is the form of what is locked, a 403: "Operation … on resource … is forbidden - reason:
/// …". The tests of Exoscale's Terraform provider expect it with "manual instance protection" of a
/// protected instance; "Locked by NLB …" is the reason of a pool that a load balancer needs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A field, path or query argument is missing or wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field, with dots for nested ones.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The signature, the key or the expiry is wrong.
    #[error("{0}")]
    Forbidden(String),
    /// The account's limit is reached.
    #[error("quota exceeded: {wanted} {resource}s wanted, {limit} allowed")]
    Quota {
        /// What is limited, as `GET /quota` names it.
        resource: &'static str,
        /// How many there would be.
        wanted: u32,
        /// How many there may be.
        limit: u32,
    },
    /// There is no such resource.
    #[error("{what} {id} not found")]
    NotFound {
        /// The kind of resource.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// It is busy with another change, or used by another resource.
    #[error("{0}")]
    Conflict(String),
    /// Another resource, or its owner, needs it as it is.
    #[error("Operation {operation} on resource {id} is forbidden - reason: {reason}")]
    Locked {
        /// As the provider's own service names it.
        operation: &'static str,
        /// The resource.
        id: String,
        /// What locks it.
        reason: String,
    },
    /// The real API does this; the local cloud does not.
    #[error("the local cloud does not serve {0}")]
    Unsupported(String),
}

impl Refusal {
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            problem: problem.into(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "identifiers are small and copied"
    )]
    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "identifiers are small and copied"
    )]
    pub(crate) fn locked(
        operation: &'static str,
        id: impl ToString,
        reason: impl Into<String>,
    ) -> Self {
        Self::Locked {
            operation,
            id: id.to_string(),
            reason: reason.into(),
        }
    }

    /// The HTTP status of the answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Invalid { .. } => 400,
            Self::Forbidden(_) | Self::Quota { .. } | Self::Locked { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict(_) => 409,
            Self::Unsupported(_) => 501,
        }
    }
}
