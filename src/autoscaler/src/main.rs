//! The command line of `autoscaler`: a file for each subcommand in `commands`.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong command line or setting; the demo has more.

mod commands;
#[cfg(all(test, feature = "laboratory"))]
mod error_tests;
mod failure;

use std::{env, ffi::OsString, process::ExitCode};

use ::program::packaging::Packaging;
use clap::{CommandFactory as _, Parser, Subcommand};

#[cfg(feature = "laboratory")]
use commands::laboratory::Laboratory;
use commands::{
    agent, check_config, config_args, ctl, doctor, init, instance_data, report, template,
};
use failure::failure;

/// What names the pool in the environment of a container. No other program knows these variables.
const POOL: [&str; 2] = [
    "EXOSCALE_INSTANCEPOOL_ID",
    "AUTOSCALER_EXOSCALE__INSTANCE_POOL",
];

/// Scales an Exoscale instance pool on alerts.
#[cfg_attr(feature = "laboratory", doc = "")]
#[cfg_attr(
    feature = "laboratory",
    doc = "Try it: `autoscaler demo` runs the complete autoscaling loop here, with no account and nothing to install."
)]
#[derive(Debug, Parser)]
#[command(
    name = "autoscaler",
    version,
    propagate_version = true,
    after_help = "A pool of yours: `autoscaler init`, then `doctor`, then `agent`, which begins in mode recommend.\nWithout a command it runs the agent if EXOSCALE_INSTANCEPOOL_ID is set, as in a container."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent: take alerts in, scale the pool, keep the service discovery file.
    #[command(after_help = config_args::help())]
    Agent(config_args::ConfigArgs),
    /// Print the effective settings and where each comes from, or everything that is wrong with
    /// them.
    #[command(after_help = config_args::help())]
    CheckConfig(check_config::CheckConfigArgs),
    // Their own texts have examples, which others here would hide.
    Init(Box<init::Options>),
    Doctor(doctor::Options),
    /// Look at a running agent, and give it orders: pause, resume, mode, limits, size.
    Ctl(ctl::Options),
    // Its own text says what the figures mean.
    Report(report::Options),
    #[cfg(feature = "laboratory")]
    #[command(flatten)]
    Laboratory(Laboratory),
    /// Read this instance's settings from its user-data, check them, and write one file for each
    /// program that needs a part. An image does this once at boot.
    InstanceData(::instance_data::Options),
    /// Register an image as a private template, or remove it; each may be repeated.
    Template(template::Options),
    #[command(flatten)]
    Packaging(Packaging),
}

fn main() -> ExitCode {
    let result = match Cli::parse_from(arguments()).command {
        Command::Agent(args) => agent::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Init(options) => init::run(&options),
        Command::Doctor(options) => {
            return doctor::run(&options).unwrap_or_else(|error| failure(&error));
        }
        Command::Ctl(options) => ctl::run(&options),
        Command::Report(options) => report::run(&options),
        #[cfg(feature = "laboratory")]
        Command::Laboratory(command) => return command.run(),
        Command::InstanceData(options) => instance_data::run(&options),
        Command::Template(options) => template::run(options),
        Command::Packaging(packaging) => packaging.run(Cli::command()).map_err(Into::into),
    };
    result.map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
}

/// The command line, with `agent` where it is empty and the environment names a pool.
fn arguments() -> impl Iterator<Item = OsString> {
    let is_set = |id: OsString| !id.to_string_lossy().trim().is_empty();
    let names_a_pool = || POOL.into_iter().filter_map(env::var_os).any(is_set);
    let is_bare = env::args_os().len() <= 1;
    let agent = (is_bare && names_a_pool()).then(|| OsString::from("agent"));
    env::args_os().chain(agent)
}
