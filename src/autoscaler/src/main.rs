//! The command line of `autoscaler`: a file for each subcommand in `commands`.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong command line or setting; the demo has more.

mod commands;
#[cfg(test)]
mod error_tests;
mod failure;

use std::process::ExitCode;

use ::program::packaging::Packaging;
use clap::{CommandFactory as _, Parser, Subcommand};

use commands::{
    agent, check_config, config_args, ctl, instance_data, local_cloud, local_instance, simulate,
    slow_app, template,
};
use failure::failure;

/// Scales an Exoscale instance pool on alerts, and shows that it does on one machine.
///
/// Try it: `autoscaler demo` runs the whole loop here, with no account and nothing to install.
#[derive(Debug, Parser)]
#[command(name = "autoscaler", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole loop on this machine: load rises, the pool grows; load falls, it shrinks.
    Demo(::demo::Options),
    /// Run the agent: take alerts in, scale the pool, keep the service discovery file.
    #[command(after_help = config_args::help())]
    Agent(config_args::ConfigArgs),
    /// Print the effective settings and where each comes from, or everything that is wrong with
    /// them.
    #[command(after_help = config_args::help())]
    CheckConfig(check_config::CheckConfigArgs),
    /// Look at a running agent, and give it orders: pause, resume, mode, limits, size.
    Ctl(ctl::Options),
    /// Simulate a pool in virtual time: this autoscaler beside models of others, on loads of yours.
    Simulate(simulate::Options),
    /// Run the deliberately slow web application that the pool's members serve.
    SlowApp(::slow_app::Options),
    // Its own text has examples, which another one here would hide.
    LocalCloud(::local_cloud::Options),
    /// Read this instance's settings from its user-data, check them, and write one file for each
    /// program that needs a part. An image does this once at boot.
    InstanceData(::instance_data::Options),
    /// Register an image as a private template, or remove it; each may be repeated.
    Template(template::Options),
    #[command(flatten)]
    Packaging(Packaging),
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
        program: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(options) => return commands::demo::run(options),
        Command::Agent(args) => agent::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Ctl(options) => ctl::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::SlowApp(options) => slow_app::run(options),
        Command::LocalCloud(options) => local_cloud::run(options),
        Command::InstanceData(options) => instance_data::run(&options),
        Command::Template(options) => template::run(options),
        Command::Packaging(packaging) => packaging.run(Cli::command()).map_err(Into::into),
        Command::LocalInstance(options) => local_instance::run(options),
        Command::DieWithParent { parent, program } => {
            ::program::die_with_parent::run(parent, &program)
                .map(|never| match never {})
                .map_err(Into::into)
        }
    };
    result.map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
}
