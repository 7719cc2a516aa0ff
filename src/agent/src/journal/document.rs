//! The journal's document, and when it may be believed.
//!
//! Times are kept since the machine's boot, not by the wall clock, so that neither a clock that
//! jumps nor a restart within the cooldown lets a second action through (guarantee G2).
//!
//! A document is believed only if the agent that wrote it closed it at its end. While an agent
//! runs, its document says so; when the agent dies, or its last documents could not be written, the
//! next agent does not know what was done last and waits one cooldown first.

use std::{path::Path, time::Duration};

use policy::{AskedSteps, AtLeastMemo, CapacityPause, Control, Memo, Moment, Pending, Size};
use program::error_chain::with_causes;
use serde::{Deserialize, Serialize};
use whole_file::{self, FileError};

use super::{control::Orders, step::Step};
use crate::{clock::Reading, control::Note};

const VERSION: u32 = 1;
/// Nothing in it is secret.
const MODE: u32 = 0o600;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    version: u32,
    boot_id: String,
    /// Milliseconds since the boot, like all times here.
    saved_at: u64,
    #[serde(rename = "opens_at")]
    cooldown_ends: u64,
    acting: bool,
    /// Whether the agent that wrote it has not closed it.
    #[serde(default)]
    running: bool,
    up: Option<PendingUp>,
    /// Absent in documents of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<AtLeast>,
    #[serde(rename = "backoff_failures")]
    capacity_failures: u32,
    #[serde(rename = "backoff_until")]
    capacity_pause_until: u64,
    /// Absent in documents of older versions, and where nobody gave an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control: Option<Orders>,
    /// Absent where no lease was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_number: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PendingUp {
    first: u64,
    last: u64,
    count: u32,
    /// The strongest steps, which documents of older versions do not name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AtLeast {
    members: u32,
    heard: u64,
}

/// What a journal told at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// There is none; the policy waits one cooldown first.
    Nothing,
    /// It cannot be used, for the reason given; likewise.
    Unusable(String),
    /// It was not closed, so that nothing is known of the last action: the memo says that a whole
    /// cooldown is to pass first.
    Unclosed(Memo),
    /// It is from before the machine's last boot: nothing of it counts but the orders.
    Rebooted(Memo),
    /// What was kept.
    Memo(Memo),
}

impl Document {
    pub(super) fn new(
        memo: &Memo,
        note: Option<&Note>,
        boot_id: Option<&str>,
        reading: Reading,
        running: bool,
    ) -> Self {
        let at = |moment| reading.to_boot(moment);
        Self {
            version: VERSION,
            boot_id: boot_id.unwrap_or_default().to_owned(),
            saved_at: at(reading.now),
            cooldown_ends: at(memo.cooldown_ends),
            acting: memo.acting,
            running,
            up: memo.up.map(|up| PendingUp {
                first: at(up.first),
                last: at(up.last),
                count: up.count,
                steps: [up.steps.by_members, up.steps.by_share]
                    .into_iter()
                    .flatten()
                    .filter_map(Step::of)
                    .collect(),
            }),
            at_least: memo.at_least.map(|asked| AtLeast {
                members: asked.members.0,
                heard: at(asked.heard),
            }),
            capacity_failures: memo.capacity_pause.failures,
            capacity_pause_until: at(memo.capacity_pause.until),
            control: Orders::of(&memo.control, note, reading.now),
            lease_number: memo.lease_number,
        }
    }

    /// Puts it in the place of the one that is there.
    pub(super) fn write(&self, path: &Path) -> Result<(), FileError> {
        let mut text = serde_json::to_vec(self).expect("numbers and texts are valid JSON");
        text.push(b'\n');
        whole_file::replace(path, &text, MODE)
    }

    fn memo(&self, reading: Reading, up_lifetime: Duration) -> Memo {
        let now = reading.to_boot(reading.now);
        // An alert does not come from the future.
        let past = |millis: u64| reading.to_moment(millis.min(now));
        let is_fresh =
            |up: &&PendingUp| Duration::from_millis(now.saturating_sub(up.last)) <= up_lifetime;
        Memo {
            cooldown_ends: if self.running {
                Moment::at(Duration::MAX)
            } else {
                reading.to_moment(self.cooldown_ends)
            },
            acting: self.acting,
            up: self.up.as_ref().filter(is_fresh).map(|up| Pending {
                first: past(up.first),
                last: past(up.last),
                count: up.count,
                steps: up
                    .steps
                    .iter()
                    .fold(AskedSteps::default(), |steps, step| steps.and(step.asked())),
            }),
            at_least: self.at_least.as_ref().map(|asked| AtLeastMemo {
                members: Size(asked.members),
                heard: past(asked.heard),
            }),
            capacity_pause: CapacityPause {
                failures: self.capacity_failures,
                until: reading.to_moment(self.capacity_pause_until),
            },
            control: self.control(reading),
            lease_number: self.lease_number,
        }
    }

    fn control(&self, reading: Reading) -> Control {
        let orders = self.control.as_ref();
        orders.map_or_else(Control::default, |orders| orders.control(reading.now))
    }

    /// Orders alone, with a whole cooldown to pass first.
    fn orders(&self, reading: Reading) -> Option<Memo> {
        let control = self.control(reading);
        (control != Control::default()).then_some(Memo {
            cooldown_ends: Moment::at(Duration::MAX),
            control,
            ..Memo::default()
        })
    }
}

/// Reads the journal and marks it as in use. An "up" alert older than `up_lifetime` is left out.
///
/// What cannot be marked is not believed: nor could the next start tell it from one that is
/// current.
pub(super) fn open(
    path: &Path,
    boot_id: Option<&str>,
    reading: Reading,
    up_lifetime: Duration,
) -> Remembered {
    let remembered = load(path, boot_id, reading, up_lifetime);
    let (Remembered::Memo(memo) | Remembered::Unclosed(memo) | Remembered::Rebooted(memo)) =
        &remembered
    else {
        return remembered;
    };
    let note = note(path);
    match Document::new(memo, note.as_ref(), boot_id, reading, true).write(path) {
        Ok(()) => remembered,
        Err(error) => {
            // Where it can be removed, no later start believes it either.
            let _ = whole_file::remove(path);
            Remembered::Unusable(format!("it cannot be kept: {}", with_causes(&error)))
        }
    }
}

/// Who gave the latest order.
pub(super) fn note(path: &Path) -> Option<Note> {
    let (text, _) = whole_file::read(path).ok()??;
    let document = serde_json::from_slice::<Document>(&text).ok()?;
    document.control?.note
}

fn load(path: &Path, boot_id: Option<&str>, reading: Reading, up_lifetime: Duration) -> Remembered {
    let text = match whole_file::read(path) {
        Ok(Some((text, _))) => text,
        Ok(None) => return Remembered::Nothing,
        Err(error) => return Remembered::Unusable(with_causes(&error)),
    };
    let document = match serde_json::from_slice::<Document>(&text) {
        Ok(document) => document,
        Err(error) => return Remembered::Unusable(error.to_string()),
    };
    if document.version != VERSION {
        Remembered::Unusable(format!("version {} is unknown", document.version))
    } else if Some(document.boot_id.as_str()) != boot_id {
        let unusable = "it is from before the machine's last boot";
        let orders = document.orders(reading);
        orders.map_or_else(
            || Remembered::Unusable(unusable.to_owned()),
            Remembered::Rebooted,
        )
    } else if document.saved_at > reading.to_boot(reading.now) {
        Remembered::Unusable("it was written later than now".to_owned())
    } else if document.running {
        Remembered::Unclosed(document.memo(reading, up_lifetime))
    } else {
        Remembered::Memo(document.memo(reading, up_lifetime))
    }
}

#[cfg(test)]
mod tests;
