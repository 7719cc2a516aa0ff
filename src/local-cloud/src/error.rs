//! Why a local cloud does not start.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::{intercept::AuthorityError, refusal::Refusal};

/// A local cloud could not be started.
#[derive(Debug, Error)]
pub enum Error {
    /// A setting is out of its bounds.
    #[error("local cloud: {setting}: {problem}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The API's address is taken or not there.
    #[error(
        "local cloud: cannot listen on {address}; choose another with {flag}, port 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
        /// What sets the address.
        flag: &'static str,
    },
    /// The certificate authority could not be made.
    #[error("local cloud: cannot make a certificate")]
    Authority(#[source] AuthorityError),
    /// Its file could not be written.
    #[error(
        "local cloud: cannot write its certificate for SSL_CERT_FILE into the folder for temporary files (TMPDIR)"
    )]
    AuthorityFile(#[source] io::Error),
    /// No range of loopback addresses could be reserved.
    #[error(
        "local cloud: no free range in 127.0.0.0/8; it needs a system that answers on all of it, such as Linux"
    )]
    Addresses(#[source] io::Error),
    /// The HTTP server did not start.
    #[error("local cloud: cannot serve")]
    Serve(#[source] io::Error),
    /// A pool or load balancer to begin with was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A pool or load balancer to begin with could not be made.
    #[error("local cloud: {0}")]
    Failed(String),
    /// This program's own path, which the instances run, is not known.
    #[error(
        "local cloud: cannot tell which program instances run; name one with --instance-program"
    )]
    Program(#[source] io::Error),
    /// Signals could not be listened for.
    #[error("local cloud: cannot wait for signals")]
    Signal(#[source] io::Error),
    /// What a shell needs could not be printed.
    #[error("cannot print the local cloud's variables")]
    Print(#[source] io::Error),
    /// The file to begin with is wrong.
    #[error("local cloud: {file}: {problem}", file = file.display())]
    Seed {
        /// The file.
        file: PathBuf,
        /// The key, and what is wrong with it.
        problem: String,
    },
    /// The file to begin with cannot be read.
    #[error("local cloud: cannot read {file}, which --seed names", file = file.display())]
    SeedFile {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The local cloud that runs refuses what the command line asks for.
    #[error("the local cloud refuses it: {0}")]
    Command(String),
    /// There is no local cloud to ask.
    #[error(
        "no local cloud answers on {address}; start it with `autoscaler local-cloud`, or name its address with --listen"
    )]
    Unreachable {
        /// Where it was looked for.
        address: SocketAddr,
        /// The client's reason.
        source: reqwest::Error,
    },
}
