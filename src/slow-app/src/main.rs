//! The `slow-app` program: the deliberately slow web application that an instance pool runs.

use std::process::ExitCode;

use clap::Parser;
use program::{failure, telemetry};
use slow_app::{Error, Options};

/// A deliberately slow web application: each request costs a set CPU time.
///
/// It gives an instance pool something to do. What it logs goes to standard error; `RUST_LOG` chooses how much.
#[derive(Parser)]
#[command(name = "slow-app", version)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let CommandLine { options } = CommandLine::parse();
    telemetry::start_slow_app();
    match slow_app::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error, matches!(error, Error::Settings { .. })),
    }
}
