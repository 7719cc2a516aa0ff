//! What shows and tries the agent on one machine; packages for servers are built without it.

use std::{error::Error, ffi::OsString, process::ExitCode};

use ::demo::ScenarioError;
use ::local_instance::LocalInstanceError;
use clap::Subcommand;

use super::{demo, local_cloud, local_instance, simulate, slow_app};
use crate::failure::failure;

/// The commands of the feature `laboratory`.
#[derive(Debug, Subcommand)]
pub(crate) enum Laboratory {
    /// Show the complete autoscaling loop on this machine: load rises, the pool grows; load falls,
    /// it shrinks.
    Demo(::demo::Options),
    /// Simulate a pool in virtual time: this autoscaler beside models of others, on loads of yours.
    Simulate(simulate::Options),
    /// Run the deliberately slow web application that the pool's members serve.
    SlowApp(::slow_app::Options),
    // Its own text has examples, which another one here would hide.
    LocalCloud(::local_cloud::Options),
    /// Be an instance of the local cloud, set up by its user-data (used by `local-cloud`).
    #[command(hide = true)]
    LocalInstance(::local_instance::Options),
    /// Become another program that ends when process PARENT does (used by `demo`).
    #[command(hide = true)]
    DieWithParent {
        /// The process to die with.
        parent: u32,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
}

impl Laboratory {
    pub(crate) fn run(self) -> ExitCode {
        let result = match self {
            Self::Demo(options) => return demo::run(options),
            Self::Simulate(options) => simulate::run(&options),
            Self::SlowApp(options) => slow_app::run(options),
            Self::LocalCloud(options) => local_cloud::run(options),
            Self::LocalInstance(options) => local_instance::run(options),
            Self::DieWithParent { parent, program } => {
                program::die_with_parent::run(parent, &program)
                    .map(|never| match never {})
                    .map_err(Into::into)
            }
        };
        result.map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
    }
}

/// Whether it is a wrong command line or setting of one of these commands.
pub(crate) fn is_mistake(error: &(dyn Error + 'static)) -> bool {
    error.is::<ScenarioError>()
        || matches!(
            error.downcast_ref(),
            Some(::slow_app::Error::Settings { .. })
        )
        || matches!(
            error.downcast_ref(),
            Some(
                ::local_cloud::Error::Config { .. }
                    | ::local_cloud::Error::Seed { .. }
                    | ::local_cloud::Error::Command(_)
            )
        )
        || matches!(
            error.downcast_ref(),
            Some(LocalInstanceError::NoProgram | LocalInstanceError::Settings(_))
        )
}
