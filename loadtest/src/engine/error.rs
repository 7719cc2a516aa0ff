//! Why a run did not start, or broke off.

use std::{error::Error, io, path::PathBuf};

use crate::plan::PlanError;

/// A run could not start, or broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target's name has no address.
    #[error("cannot resolve {host:?}")]
    Resolve { host: String, source: io::Error },
    /// No connection to the target: it is down, or something is in between.
    #[error("cannot connect to {target} ({addresses})")]
    Unreachable {
        target: String,
        /// The addresses that were tried.
        addresses: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificates to trust cannot be used.
    #[error("cannot use the certificates of {} (--cacert)", file.display())]
    Certificates {
        file: PathBuf,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The client's own certificate or its key cannot be used.
    #[error("cannot use {} ({argument})", file.display())]
    ClientCertificate {
        file: PathBuf,
        argument: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    /// No certificate can be for the target's host.
    #[error("{host:?} cannot be the name of a TLS server")]
    ServerName {
        host: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// TLS cannot be set up on this machine.
    #[error(
        "cannot set up TLS; give the certificates to trust with --cacert, or accept any with --insecure"
    )]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The system refused a thread, a timer or the like.
    #[error("cannot run the load")]
    System(#[source] io::Error),
    /// A thread ended without its result.
    #[error("a thread of the load generator ended unexpectedly")]
    Lost,
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
