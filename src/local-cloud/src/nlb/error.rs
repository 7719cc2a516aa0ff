//! What can keep a service from starting or from taking a new configuration.

use std::{io, net::SocketAddr};

/// Why a service did not start, or kept its configuration.
#[derive(Debug, thiserror::Error)]
pub enum NlbError {
    /// Another socket listens there.
    #[error(
        "cannot listen on {address}: the address is in use; stop what listens there or choose another port"
    )]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system does not let this process listen there: on Linux, ports below
    /// `net.ipv4.ip_unprivileged_port_start` (1024 unless set) need `CAP_NET_BIND_SERVICE`.
    #[error(
        "cannot listen on {address}: permission denied; ports below 1024 need a privilege, choose a higher one"
    )]
    PermissionDenied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system refused to listen there for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A setting is out of its bounds.
    #[error("{setting} {problem}")]
    Invalid {
        /// The setting, as a path such as `health.retries`.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A running service cannot forward something else.
    #[error("the service was started for another protocol; start another service for this one")]
    ProtocolFixed,
    /// A running service cannot move to another address.
    #[error(
        "the service was started on {current} and cannot move to {asked}; start another service there"
    )]
    ListenAddressFixed {
        /// The address the service was started with.
        current: SocketAddr,
        /// The address asked for.
        asked: SocketAddr,
    },
}
