//! Why a request that was sent has no response.

use crate::record::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeError {
    /// The connection ended before the first byte of a response; with the reason, where there is
    /// more to say.
    ClosedEarly(Option<String>),
    /// The connection ended in the middle of a response.
    Closed(Option<String>),
    /// The response is not HTTP, or larger than is accepted.
    Protocol(String),
    /// The server ended the encrypted connection with an alert, such as one of a client
    /// certificate.
    Tls(String),
    Expired,
}

impl ExchangeError {
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::ClosedEarly(_) | Self::Closed(_) => Failure::Closed,
            Self::Protocol(_) => Failure::Protocol,
            Self::Tls(_) => Failure::Tls,
            Self::Expired => Failure::Timeout,
        }
    }

    /// What there is to say beyond the kind of failure.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::ClosedEarly(reason) | Self::Closed(reason) => reason.as_deref(),
            Self::Protocol(reason) | Self::Tls(reason) => Some(reason),
            Self::Expired => None,
        }
    }
}
