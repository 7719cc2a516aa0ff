//! The command line: what is asked, how it is shown, how it ends.

mod args;
mod help;
mod history;
mod outputs;
mod panels;
mod plain;
mod plan;
mod run;
mod screen;

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use loadtest::{RunError, Summary, report};

use args::{Args, Command};

/// A threshold failed.
const FAILED: u8 = 1;
/// The target cannot be reached. (2 is clap's, for wrong arguments.)
const UNREACHABLE: u8 = 3;
/// Something else went wrong.
const BROKEN: u8 = 4;

/// Runs the program and says how it went.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    match execute(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            match error.downcast_ref::<RunError>() {
                Some(RunError::Unreachable { .. } | RunError::Resolve { .. }) => {
                    ExitCode::from(UNREACHABLE)
                }
                Some(RunError::Plan(_)) => ExitCode::from(2),
                _ => ExitCode::from(BROKEN),
            }
        }
    }
}

fn execute(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let passed = runtime.block_on(run::run(&args.run))?;
            Ok(if passed {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FAILED)
            })
        }
        Some(Command::Merge(merge)) => {
            let summary = report::merge(&merge.logs)?;
            let verdicts: Vec<_> = merge
                .fail_if
                .iter()
                .map(|threshold| threshold.judge(&summary))
                .collect();
            merge.outputs.write(&summary, &verdicts)?;
            let failed = verdicts.iter().any(|verdict| verdict.failed);
            Ok(if failed {
                ExitCode::from(FAILED)
            } else {
                ExitCode::SUCCESS
            })
        }
        Some(Command::Compare { a, b }) => {
            let (name_a, name_b) = (a.display().to_string(), b.display().to_string());
            let (a, b) = (read_run(&a)?, read_run(&b)?);
            print!("{}", report::compare((&name_a, &a), (&name_b, &b)));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Reads a run from a `.hlog` or from a JSON report.
fn read_run(path: &Path) -> anyhow::Result<Summary> {
    if path
        .extension()
        .is_some_and(|extension| extension == "hlog")
    {
        return Ok(report::merge(&[path])?);
    }
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let report = report::read_json(&text).map_err(|reason| {
        anyhow::anyhow!(
            "{} is not a report written with --json: {reason}",
            path.display()
        )
    })?;
    Ok(report.run)
}
