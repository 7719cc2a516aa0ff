//! Where reports go.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use loadtest::{
    Summary, Verdict,
    report::{self, Headline},
};

use super::{
    ending::{Ending, print, say_error},
    files::{Named, check_distinct, check_writable, is_stdout},
};

/// The report that is added to what is there.
const SAVE_SUMMARY: &str = "--save-summary";

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
    /// Write the run over time as comma-separated values to this file, a line per tick
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) csv: Option<PathBuf>,
    /// Append the headline figures as a line of JSON to this file, a history for compare
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) save_summary: Option<PathBuf>,
}

impl Outputs {
    fn files(&self) -> impl Iterator<Item = Named<'_>> {
        let files = [
            ("--html", &self.html),
            ("--hgrm", &self.hgrm),
            ("--csv", &self.csv),
            (SAVE_SUMMARY, &self.save_summary),
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
                "--csv" => report::csv(summary),
                SAVE_SUMMARY => {
                    let passed = verdicts.iter().all(|verdict| !verdict.failed);
                    Headline::of(summary, passed).to_line()
                }
                _ => report::to_json(summary, verdicts) + "\n",
            };
            let put = if flag == SAVE_SUMMARY { append } else { put };
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

/// Adds a line to a file. Runs that end at once each add theirs whole.
fn append(path: &Path, line: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        return put(path, line);
    }
    let add = || {
        // A line that a full disk once cut off must not spoil this one.
        let begin = if ends_within_a_line(path)? { "\n" } else { "" };
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        file.write_all(format!("{begin}{line}").as_bytes())
    };
    add().with_context(|| format!("cannot write {}", path.display()))
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(data) if data.is_file() && data.len() > 0 => {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            Ok(last != *b"\n")
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::append;

    #[test]
    fn a_history_grows_by_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.jsonl");
        append(&path, "1\n").expect("written");
        append(&path, "2\n").expect("written");
        fs::write(&path, "1\n2\ncut o").expect("written");
        append(&path, "3\n").expect("written");
        let text = fs::read_to_string(&path).expect("there");
        assert_eq!(text, "1\n2\ncut o\n3\n");
    }
}
