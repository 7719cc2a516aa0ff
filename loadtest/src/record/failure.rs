//! The ways in which a request fails.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

/// Why a request has no successful response. Ordered as reports list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The host name could not be resolved.
    Dns,
    Refused,
    /// The connection was not open within the connect timeout.
    ConnectTimeout,
    /// The connection could not be opened for another reason.
    Connect,
    Tls,
    /// A proxy did not connect to the target.
    Proxy,
    /// No complete response within the timeout.
    Timeout,
    /// The connection was closed or reset before the response was complete.
    Closed,
    /// The response was not valid HTTP.
    Protocol,
    /// This machine has no local port left; more connections than ports are waiting to be
    /// forgotten.
    LocalPorts,
    /// This process may not open more files.
    OpenFiles,
    /// The response's status was 4xx.
    #[serde(rename = "status4xx")]
    Status4xx,
    /// The response's status was 5xx, or none that is known.
    #[serde(rename = "status5xx")]
    Status5xx,
    /// The response was not what the plan expects.
    Check,
    /// The response was a redirect that could not be followed.
    Redirect,
}

impl Failure {
    pub(crate) const ALL: [Self; 15] = [
        Self::Dns,
        Self::Refused,
        Self::ConnectTimeout,
        Self::Connect,
        Self::Tls,
        Self::Proxy,
        Self::Timeout,
        Self::Closed,
        Self::Protocol,
        Self::LocalPorts,
        Self::OpenFiles,
        Self::Status4xx,
        Self::Status5xx,
        Self::Check,
        Self::Redirect,
    ];

    /// The failure that a status is, if it is one.
    pub(crate) fn of_status(status: u16) -> Option<Self> {
        match status {
            200..400 => None,
            400..500 => Some(Self::Status4xx),
            _ => Some(Self::Status5xx),
        }
    }

    pub(crate) fn of_connect(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::ConnectionRefused, _) => Self::Refused,
            (io::ErrorKind::TimedOut, _) => Self::ConnectTimeout,
            (io::ErrorKind::AddrNotAvailable, _) => Self::LocalPorts,
            (_, Some(code))
                if [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
                    .iter()
                    .any(|e| e.raw_os_error() == code) =>
            {
                Self::OpenFiles
            }
            _ => Self::Connect,
        }
    }

    /// The name in JSON, logs and thresholds.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::LocalPorts => "local_ports",
            Self::OpenFiles => "open_files",
            Self::Status4xx => "status4xx",
            Self::Status5xx => "status5xx",
            Self::Check => "check",
            Self::Redirect => "redirect",
        }
    }

    /// What a reader should know about it.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Dns => "the host name could not be resolved",
            Self::Refused => "the connection was refused",
            Self::ConnectTimeout => "no connection within --connect-timeout",
            Self::Connect => "the connection could not be opened",
            Self::Tls => {
                "the TLS handshake failed, or the server ended the connection with an alert"
            }
            Self::Proxy => "the proxy did not connect to the target",
            Self::Timeout => "no complete response within --timeout",
            Self::Closed => "the connection was closed before the response was complete",
            Self::Protocol => "the response was not HTTP/1 or HTTP/2, or too large",
            Self::LocalPorts => {
                "no local port was left: keep connections longer (--connection-max-age)"
            }
            Self::OpenFiles => "too many open files: raise `ulimit -n`, or lower --connections",
            Self::Status4xx => "the status was 4xx",
            Self::Status5xx => "the status was 5xx",
            Self::Redirect => "the redirect could not be followed",
            Self::Check => "the response was not what was expected (--expect-…)",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn names_agree_with_the_json_form() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(
                serde_json::to_value(failure).expect("a name"),
                failure.name()
            );
            assert_eq!(failure as usize, index);
        }
    }
}
