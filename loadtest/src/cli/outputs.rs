//! Where reports go.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use loadtest::{Summary, Verdict, report};

use super::{
    ending::{Ending, print, say_error},
    files::{Named, check_distinct, check_writable, is_stdout},
};

/// The report files that were asked for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Outputs {
    /// Write the report as JSON (schema loadtest.report/2) to this file; - for standard output
    /// instead of the table
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) html: Option<PathBuf>,
    /// Write the response times' percentile spectrum to this file
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) hgrm: Option<PathBuf>,
}

impl Outputs {
    fn files(&self) -> impl Iterator<Item = Named<'_>> {
        let files = [
            ("--html", &self.html),
            ("--hgrm", &self.hgrm),
            ("--json", &self.json),
        ];
        files
            .into_iter()
            .filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
    }

    /// Fails for files that cannot be written, before a run is wasted on them. `log` is written
    /// while it runs; `read` are the files that are read.
    pub(super) fn check(&self, log: Option<&Path>, read: &[Named<'_>]) -> anyhow::Result<()> {
        ensure!(
            !log.is_some_and(is_stdout),
            "--hlog - is not possible: the log needs a file"
        );
        let log = log.map(|path| ("--hlog", path));
        let written: Vec<_> = self.files().chain(log).collect();
        check_distinct(&written, read)?;
        written
            .into_iter()
            .filter(|(_, path)| !is_stdout(path))
            .try_for_each(check_writable)
    }

    /// Shows the table, and writes everything that was asked for whatever becomes of the others.
    /// Gives the failures.
    pub(super) fn write(&self, summary: &Summary, verdicts: &[Verdict]) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        if !self.files().any(|(_, path)| is_stdout(path)) {
            failures.extend(put(Path::new("-"), &report::table(summary, verdicts)).err());
        }
        for (flag, path) in self.files() {
            let text = match flag {
                "--html" => report::html(summary, verdicts),
                "--hgrm" => report::hgrm(&summary.histograms.response),
                _ => report::to_json(summary, verdicts) + "\n",
            };
            failures.extend(put(path, &text).err());
        }
        failures
    }
}

/// Says which reports could not be written; they decide how the program ends.
pub(super) fn settle(ending: Ending, failures: &[anyhow::Error]) -> Ending {
    failures.iter().for_each(say_error);
    if failures.is_empty() {
        ending
    } else {
        Ending::Broken
    }
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        print(text).context("cannot write to standard output")
    } else {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
