//! Where the comparison goes: the table, a JSON document, figures.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use anyhow::Context as _;
use program::{error_chain::with_causes, output};
use simulator::{Competition, Contender, Outcome, Progress, figure, json, table};

use super::{Options, measured::Measured};
use crate::failure::Usage;

/// Seconds between two lines about the progress of runs that take long.
const PAUSE_S: u64 = 2;
/// Everyone may read what is written.
const MODE: u32 = 0o644;

pub(super) struct Outputs {
    json: Option<PathBuf>,
    figures: Option<PathBuf>,
}

impl Outputs {
    /// Says before anything runs what could not be written after it.
    pub(super) fn new(options: &Options, competition: &Competition) -> anyhow::Result<Self> {
        let json = options.json.clone();
        if let Some(path) = json.as_deref().filter(|path| !is_standard_output(path)) {
            whole_file::check(path)
                .map_err(|error| Usage(format!("--json: {}", with_causes(&error))))?;
        }
        let figures = options.figures.clone();
        if let Some(path) = &figures {
            let mut contenders = competition.contenders.iter();
            if !contenders.any(|contender| contender.is_ours()) {
                let ours = Contender::Ours;
                let what = format!(
                    "--figures: a figure shows ours beside others; add `{ours}` to --policies"
                );
                return Err(Usage(what).into());
            }
            if path.exists() && !path.is_dir() {
                let what = format!("--figures: {} is not a folder", path.display());
                return Err(Usage(what).into());
            }
        }
        Ok(Self { json, figures })
    }

    pub(super) fn write(
        &self,
        competition: &Competition,
        outcome: &Outcome,
        measured: Option<&Measured>,
    ) -> anyhow::Result<()> {
        let mut is_printed = false;
        if let Some(path) = &self.json {
            let document = json(outcome, &competition.seeds).context("cannot write JSON")?;
            if is_standard_output(path) {
                output::print(&document).context("cannot print the JSON document")?;
                is_printed = true;
            } else {
                whole_file::replace(path, document.as_bytes(), MODE)?;
            }
        }
        if let Some(folder) = &self.figures {
            whole_file::make_folder(folder)?;
            for of_trace in &outcome.traces {
                if let Some(source) = figure(of_trace, &competition.world) {
                    let path = folder.join(format!("{}.svg", of_trace.trace.name));
                    whole_file::replace(&path, source.as_bytes(), MODE)?;
                }
            }
        }
        if !is_printed {
            let hours = measured.map(|measured| measured.hours(outcome));
            let text = table(outcome) + &hours.unwrap_or_default();
            output::print(&text).context("cannot print the table")?;
        }
        Ok(())
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Tells a person of runs that take long.
pub(super) fn progress() -> impl Fn(Progress) + Sync {
    let is_watched = io::stderr().is_terminal();
    let (begun, told) = (Instant::now(), AtomicU64::new(0));
    move |progress: Progress| {
        let pauses = begun.elapsed().as_secs() / PAUSE_S;
        if is_watched && told.fetch_max(pauses, Ordering::Relaxed) < pauses {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "{} of {} runs", progress.done, progress.of);
        }
    }
}
