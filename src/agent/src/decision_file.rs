//! The decisions of the last days, in the journal's folder: what `autoscaler report` adds up. Lines
//! of JSON are appended every ten seconds, and two files of bounded size take turns.
//!
//! Nothing rests on it: a line that is lost in a crash is one decision less in a report.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use parking_lot::Mutex;
use policy::Verdict;
use serde::{Deserialize, Serialize};
use whole_file::FileError;

use super::{read_model::ReadModel, view::DecisionRecord};

const FILE: &str = "decisions.jsonl";
/// What the file was before it grew too large.
const EARLIER: &str = "decisions.1.jsonl";
/// Of each: more than a week, where an alert waits in every cooldown.
const MOST_BYTES: u64 = 2 << 20;
/// How often the size is written where it does not change.
const SIZE_AGAIN: Duration = Duration::from_secs(300);

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Kept,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kept {
    /// A decision, in the words of `/decisions`.
    Decision {
        /// What became of the request.
        verdict: String,
        /// Why.
        reason: String,
        /// The request, `up` or `down`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<String>,
        /// The size that was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
        /// The size asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u32>,
    },
    /// The size that the pool is to have, and what the agent may do about it.
    Size {
        /// Members.
        size: u32,
        /// The limits in force.
        min: u32,
        /// As above.
        max: u32,
        /// The mode, as in the settings.
        mode: String,
    },
}

/// The lines of the file in this folder, oldest first. One that cannot be read is left out: an
/// agent that was killed may have written half of it.
pub fn decision_lines(folder: &Path) -> Result<Vec<DecisionLine>, FileError> {
    let mut lines = Vec::new();
    for name in [EARLIER, FILE] {
        if let Some((text, _)) = whole_file::read(&folder.join(name))? {
            let read = text.split(|byte| *byte == b'\n');
            lines.extend(read.filter_map(|line| serde_json::from_slice(line).ok()));
        }
    }
    Ok(lines)
}

/// Whether a file of the journal's folder is of this module.
pub(crate) fn is_decision_file(name: &std::ffi::OsStr) -> bool {
    name == FILE || name == EARLIER
}

/// Keeps what a read model shows.
#[derive(Debug)]
pub(crate) struct DecisionFile {
    folder: Arc<Mutex<PathBuf>>,
    /// The decisions that were kept already.
    kept: u64,
    size: Option<DecisionLine>,
}

impl DecisionFile {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder: Arc::new(Mutex::new(folder)),
            kept: 0,
            size: None,
        }
    }

    /// Appends what is new, on a thread where the disk may take its time.
    pub(crate) fn keep(&mut self, model: &ReadModel, now: Timestamp) {
        let lines = self.new_lines(model, now);
        if lines.is_empty() {
            return;
        }
        let folder = self.folder.clone();
        // What a disk refuses is told by the journal, on which more rests.
        tokio::task::spawn_blocking(move || {
            // One at a time, so that lines stay in order.
            let folder = folder.lock();
            if let Err(error) = append(&folder, &lines) {
                tracing::debug!(%error, "Decisions are not kept.");
            }
        });
    }

    fn new_lines(&mut self, model: &ReadModel, now: Timestamp) -> Vec<DecisionLine> {
        let records = model.decisions();
        let new = records.iter().filter(|record| record.number > self.kept);
        let mut lines: Vec<_> = new.filter_map(line_of).collect();
        self.kept = records.last().map_or(self.kept, |record| record.number);
        if let Some(size) = size_of(model, now).filter(|size| self.is_news(size)) {
            lines.push(size.clone());
            self.size = Some(size);
        }
        lines
    }

    fn is_news(&self, now: &DecisionLine) -> bool {
        self.size.as_ref().is_none_or(|last| {
            let age = now.at.duration_since(last.at);
            last.what != now.what || age.unsigned_abs() >= SIZE_AGAIN
        })
    }
}

fn line_of(record: &DecisionRecord) -> Option<DecisionLine> {
    // That nothing was asked for is most of what there is to say, and says nothing.
    (record.verdict != Verdict::Quiet).then(|| DecisionLine {
        at: record.at,
        what: Kept::Decision {
            verdict: record.verdict.code().to_owned(),
            reason: record.reason.code().to_owned(),
            direction: record.direction.map(|way| way.as_str().to_owned()),
            from: record.from,
            to: record.to,
        },
    })
}

fn size_of(model: &ReadModel, now: Timestamp) -> Option<DecisionLine> {
    let view = model.view();
    let (size, min, max) = (view.pool?.size, view.min_size, view.max_size);
    let mode = view.mode;
    let what = Kept::Size {
        size,
        min,
        max,
        mode,
    };
    Some(DecisionLine { at: now, what })
}

fn append(folder: &Path, lines: &[DecisionLine]) -> io::Result<()> {
    let path = folder.join(FILE);
    let length = fs::metadata(&path).map_or(0, |found| found.len());
    if length >= MOST_BYTES {
        fs::rename(&path, folder.join(EARLIER))?;
    }
    // The end of what was there may be half a line.
    let mut text = b"\n".to_vec();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600);
    file.open(&path)?.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(second: i64, size: u32) -> DecisionLine {
        let mode = "recommend".to_owned();
        DecisionLine {
            at: Timestamp::from_second(second).unwrap(),
            what: Kept::Size {
                size,
                min: 1,
                max: 10,
                mode,
            },
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_half_a_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let decision = DecisionLine {
            at: Timestamp::from_second(7).unwrap(),
            what: Kept::Decision {
                verdict: "recommended".to_owned(),
                reason: "high_load".to_owned(),
                direction: Some("up".to_owned()),
                from: Some(2),
                to: Some(3),
            },
        };
        append(folder.path(), &[size(1, 2), decision.clone()]).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        append(folder.path(), std::slice::from_ref(&decision)).unwrap();
        let lines = decision_lines(folder.path()).unwrap();
        assert_eq!(lines, [size(1, 2), decision]);
    }

    #[test]
    fn two_files_of_bounded_size_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<_> = (0..10_000).map(|second| size(second, 2)).collect();
        for _ in 0..12 {
            append(folder.path(), &many).unwrap();
        }
        let sizes =
            [FILE, EARLIER].map(|name| fs::metadata(folder.path().join(name)).unwrap().len());
        assert!(
            sizes.iter().all(|bytes| *bytes < 2 * MOST_BYTES),
            "{sizes:?}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(
            decision_lines(folder.path()).unwrap().last(),
            Some(&size(9_999, 2))
        );
    }
}
