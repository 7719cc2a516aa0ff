//! `autoscaler slow-app`, and the `slow-app` program, which is the same.

use std::process::ExitCode;

use clap::Parser;

use super::failure::failure;
use crate::{
    slow_app::{self, Options},
    telemetry,
};

/// A deliberately slow web application: each request costs a set CPU time.
///
/// It gives an instance pool something to do. What it logs goes to standard error; `RUST_LOG` chooses how much.
#[derive(Parser)]
#[command(name = "slow-app", version)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

/// Runs the `slow-app` program and returns its exit code: 0 done, 1 failed, 2 wrong command line or setting.
pub fn run_slow_app() -> ExitCode {
    let CommandLine { options } = CommandLine::parse();
    run(options).map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
}

pub(super) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start_slow_app();
    Ok(slow_app::run(options)?)
}
