//! The command line: what is asked, how it is shown, how it ends.

mod args;
mod connection_args;
mod ending;
mod files;
mod fleet;
mod help;
mod history;
mod interrupts;
mod merge;
mod outputs;
mod packaging;
mod panels;
mod plain;
mod plan;
mod push;
mod remote_write;
mod request_args;
mod run;
mod runs;
mod screen;
mod store;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use args::{Args, Command};
use ending::{Ending, Failed, print, say_error};

/// Runs the program and says how it went.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let ending = execute(args).unwrap_or_else(|Failed { ending, error }| {
        say_error(&error);
        ending
    });
    ending.into()
}

fn execute(args: Args) -> Result<Ending, Failed> {
    match args.command {
        None => block_on(run::run(args.run)),
        Some(Command::Merge(args)) => merge::merge(&args),
        Some(Command::Fleet(args)) => block_on(fleet::prepare(args)),
        Some(Command::Compare { runs }) => {
            let text = runs::compare(&runs).map_err(Failed::usage)?;
            print(&text).context("cannot write to standard output")?;
            Ok(Ending::Well)
        }
        Some(Command::Completions { shell }) => {
            packaging::print_completions(shell)?;
            Ok(Ending::Well)
        }
        Some(Command::Man { dir }) => packaging::write_manual(&dir).map(|()| Ending::Well),
    }
}

fn block_on(work: impl Future<Output = Result<Ending, Failed>>) -> Result<Ending, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let ended = runtime.block_on(work);
    // A report that nobody takes may still be waited for.
    runtime.shutdown_background();
    ended
}
