//! The `slow-app` program: the deliberately slow web application that an instance pool runs.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use program::{failure, packaging::Packaging, telemetry};
use slow_app::{Error, Options};

/// A deliberately slow web application: each request costs a set CPU time.
///
/// It gives an instance pool something to do. What it logs goes to standard error; `RUST_LOG`
/// chooses how much.
#[derive(Parser)]
#[command(name = "slow-app", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    packaging: Option<Packaging>,
}

fn main() -> ExitCode {
    let CommandLine { options, packaging } = CommandLine::parse();
    if let Some(packaging) = packaging {
        let done = packaging.run(CommandLine::command());
        return done.map_or_else(
            |error| failure::report(&error, false),
            |()| ExitCode::SUCCESS,
        );
    }
    telemetry::start_slow_app();
    match slow_app::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, matches!(error, Error::Settings { .. })),
    }
}
