//! The `slow-app` program: the deliberately slow web application that an instance pool runs.

use std::process::ExitCode;

use autoscaler::slow_app::{self, Options};
use clap::Parser;
use tracing::error;
use tracing_subscriber::EnvFilter;

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
    let command_line = CommandLine::parse();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn,actix_http=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    match slow_app::run(command_line.options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}
