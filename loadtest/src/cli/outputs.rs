//! Where reports go.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use loadtest::{Summary, Verdict, report};

/// The report files that were asked for.
#[derive(Debug, Args)]
pub(crate) struct Outputs {
    /// Write the report as JSON (schema loadtest.report/1) to this file; - for standard output instead of the table
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
    /// Fails for files that cannot be written, before a run is wasted on them. Leaves no new file behind.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let files = [&self.json, &self.html, &self.hgrm]
            .into_iter()
            .flatten()
            .filter(|path| !is_stdout(path));
        for path in files {
            let existed = path.exists();
            fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .with_context(|| format!("cannot write {}", path.display()))?;
            if !existed {
                fs::remove_file(path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Writes what was asked for, and the table.
    pub(crate) fn write(&self, summary: &Summary, verdicts: &[Verdict]) -> anyhow::Result<()> {
        if let Some(path) = &self.html {
            put(path, &report::html(summary, verdicts))?;
        }
        if let Some(path) = &self.hgrm {
            put(path, &report::hgrm(&summary.histograms.response))?;
        }
        if let Some(path) = &self.json {
            put(path, &(report::to_json(summary, verdicts) + "\n"))?;
        }
        if !self.json.as_deref().is_some_and(is_stdout) {
            put(Path::new("-"), &report::table(summary, verdicts))?;
        }
        Ok(())
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        // A reader that has seen enough, such as `head`, is no failure.
        match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            result => result.context("cannot write to standard output"),
        }
    } else {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
