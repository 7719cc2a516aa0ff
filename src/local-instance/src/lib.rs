//! What an image's boot does, as a process of the local cloud: it reads the instance's user-data
//! with the code that the images use ([`instance_data`]) and becomes or starts the programs
//! that the image would run.

mod end;
mod monitoring;
mod slow_app;

use std::{io, net::Ipv4Addr, path::PathBuf, process::ExitStatus};

use agent::settings::Problems;
use clap::Args;
use instance_data::{InstanceDataError, MetadataOptions, Role};
use rule_evaluator::prometheus::PrometheusError;
use thiserror::Error;

/// One instance.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What the instance is for.
    role: Role,

    /// Its own address.
    #[arg(long)]
    ip: Ipv4Addr,

    /// How much faster than Exoscale the cloud is.
    #[arg(long, default_value_t = 1.0, value_parser = local_cloud::speed)]
    speed: f64,

    #[command(flatten)]
    source: MetadataOptions,

    /// The program of a member of the pool, and its arguments.
    #[arg(last = true)]
    program: Vec<std::ffi::OsString>,
}

/// Why an instance does not work.
#[derive(Debug, Error)]
pub enum LocalInstanceError {
    /// It has no settings.
    #[error(transparent)]
    Data(#[from] InstanceDataError),
    /// The agent's settings are wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// Prometheus is there and does not start.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// A folder, a process or a signal could not be had.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be run.
    #[error("cannot run {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No program was named.
    #[error("name the member's program after `--`")]
    NoProgram,
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
    /// The agent ended by itself.
    #[error("the agent ended with {0}")]
    AgentEnded(ExitStatus),
}

/// Runs the instance until it is asked to end, or until the process that started it is gone.
///
/// # Errors
/// See [`LocalInstanceError`].
pub fn run(options: Options) -> Result<(), LocalInstanceError> {
    match options.role {
        Role::SlowApp => slow_app::run(&options),
        Role::Monitoring => actix_rt::System::new().block_on(monitoring::run(options)),
    }
}
