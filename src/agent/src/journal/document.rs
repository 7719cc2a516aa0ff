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
mod tests {
    use std::{fs, path::PathBuf};

    use policy::{CpuShare, StepCause};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);
    const BOOT: Option<&str> = Some("b");

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    /// The clocks of an agent that started `start_s` after the boot and has run for `now_s`.
    fn reading(start_s: u64, now_s: u64) -> Reading {
        Reading {
            now: at(now_s),
            since_boot: Duration::from_secs(start_s + now_s),
        }
    }

    fn memo() -> Memo {
        Memo {
            cooldown_ends: at(160),
            acting: true,
            up: Some(Pending {
                first: at(90),
                last: at(100),
                count: 3,
                steps: AskedSteps::new(
                    "2 or 150%".parse().unwrap(),
                    StepCause::Severity(CpuShare(950)),
                ),
            }),
            at_least: Some(AtLeastMemo {
                members: Size(7),
                heard: at(101),
            }),
            capacity_pause: CapacityPause {
                failures: 2,
                until: at(400),
            },
            control: Control::default(),
        }
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn journal(&self) -> PathBuf {
            self.0.path().join("journal.json")
        }

        /// What an agent that was started 1000 s after the boot leaves behind after 105 s.
        fn leave(&self, memo: &Memo, running: bool) {
            let document = Document::new(memo, None, BOOT, reading(1_000, 105), running);
            document.write(&self.journal()).unwrap();
        }

        fn open(&self, reading: Reading) -> Remembered {
            open(&self.journal(), BOOT, reading, LIFETIME)
        }
    }

    #[test]
    fn a_restart_finds_the_cooldown_where_it_was() {
        let folder = Folder::new();
        folder.leave(&memo(), false);
        // The agent starts again 110 s after its first start.
        let Remembered::Memo(found) = folder.open(reading(1_110, 0)) else {
            panic!("the journal is usable");
        };
        assert_eq!(found.cooldown_ends, at(50));
        assert!(found.acting);
        assert_eq!(
            found.up.map(|up| (up.last, up.count)),
            Some((Moment::START, 3))
        );
        let until = at(290);
        assert_eq!(found.capacity_pause, CapacityPause { failures: 2, until });
    }

    #[test]
    fn after_a_death_a_whole_cooldown_passes_and_the_rest_is_kept() {
        let folder = Folder::new();
        folder.leave(&memo(), true);
        let Remembered::Unclosed(found) = folder.open(reading(1_110, 0)) else {
            panic!("it was not closed");
        };
        assert_eq!(found.cooldown_ends, Moment::at(Duration::MAX));
        assert_eq!(found.up.map(|up| up.count), Some(3));
        assert_eq!(found.capacity_pause.failures, 2);
    }

    #[test]
    fn a_document_is_believed_once_until_it_is_closed_again() {
        let folder = Folder::new();
        folder.leave(&Memo::default(), false);
        assert!(matches!(
            folder.open(reading(1_110, 0)),
            Remembered::Memo(_)
        ));
        // Should that agent act and be unable to write it down, this one must not act at once.
        assert!(matches!(
            folder.open(reading(1_120, 0)),
            Remembered::Unclosed(_)
        ));
    }

    #[test]
    fn a_document_that_cannot_be_replaced_is_not_believed() {
        let folder = Folder::new();
        folder.leave(&Memo::default(), false);
        let blocked = folder.0.path().join(".journal.json.tmp");
        fs::create_dir(&blocked).unwrap();
        let Remembered::Unusable(why) = folder.open(reading(1_110, 0)) else {
            panic!("it cannot be kept");
        };
        assert!(why.contains(".journal.json.tmp is a folder"), "{why}");
        fs::remove_dir(&blocked).unwrap();
        assert_eq!(
            folder.open(reading(1_120, 0)),
            Remembered::Nothing,
            "it was removed"
        );
    }

    #[test]
    fn an_old_up_is_left_out_and_one_of_the_future_is_of_now() {
        let folder = Folder::new();
        folder.leave(&memo(), false);
        let Remembered::Memo(found) = folder.open(reading(1_401, 0)) else {
            panic!("the journal is usable");
        };
        assert_eq!(found.up, None);
        let future = Memo {
            up: Some(Pending::new(at(9_000))),
            ..Memo::default()
        };
        folder.leave(&future, false);
        let Remembered::Memo(found) = folder.open(reading(1_110, 5)) else {
            panic!("the journal is usable");
        };
        assert_eq!(found.up.map(|up| up.last), Some(at(5)));
    }

    fn orders() -> Control {
        Control {
            paused: true,
            mode: Some(policy::OrderedMode {
                mode: policy::Mode::Pinned(Size(4)),
                until: Some(at(705)),
            }),
            limits: policy::Bounds::new(2, 20).ok(),
            size: None,
        }
    }

    #[test]
    fn orders_outlive_the_process_and_the_machine() {
        let folder = Folder::new();
        let kept = Memo {
            control: orders(),
            ..memo()
        };
        let note = Note {
            order: "pause".to_owned(),
            who: Some("ada".to_owned()),
            why: Some("upgrade".to_owned()),
            at: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
        };
        let write = || {
            let document = Document::new(&kept, Some(&note), BOOT, reading(1_000, 105), false);
            document.write(&folder.journal()).unwrap();
        };
        let is_kept = |found: Control, now_s: u64| {
            let until = found.mode.unwrap().until.unwrap();
            let left = until.since(at(now_s));
            // Ten minutes, less what this test takes.
            assert!(
                left <= Duration::from_secs(600) && left > Duration::from_secs(500),
                "{left:?}"
            );
            let mode = found.mode.map(|ordered| ordered.mode);
            assert_eq!((found.paused, mode), (true, orders().mode.map(|m| m.mode)));
            assert_eq!(found.limits, orders().limits);
        };
        write();
        let Remembered::Memo(found) = folder.open(reading(1_110, 0)) else {
            panic!("the journal is usable");
        };
        is_kept(found.control, 0);
        let Remembered::Unclosed(found) = folder.open(reading(1_110, 5)) else {
            panic!("it is in use");
        };
        is_kept(found.control, 5);
        // Another boot, whose clocks begin again: a whole cooldown passes, and no alert is kept.
        write();
        let rebooted = open(&folder.journal(), Some("another"), reading(3, 0), LIFETIME);
        let Remembered::Rebooted(found) = rebooted else {
            panic!("orders are kept");
        };
        is_kept(found.control, 0);
        assert_eq!(
            (found.up, found.cooldown_ends),
            (None, Moment::at(Duration::MAX))
        );
        assert_eq!(super::note(&folder.journal()), Some(note.clone()));
        // Orders that are over are nothing that a boot has to heed.
        let document = Document::new(&memo(), Some(&note), BOOT, reading(1_000, 105), false);
        document.write(&folder.journal()).unwrap();
        let rebooted = open(&folder.journal(), Some("another"), reading(3, 0), LIFETIME);
        assert!(matches!(rebooted, Remembered::Unusable(_)), "{rebooted:?}");
    }

    #[test]
    fn what_cannot_be_trusted_is_not_used() {
        let folder = Folder::new();
        let now = reading(1_110, 0);
        assert_eq!(folder.open(now), Remembered::Nothing);
        for text in ["", "{\"version\":1,", "[]", "null", "{\"version\":1}"] {
            fs::write(folder.journal(), text).unwrap();
            assert!(
                matches!(folder.open(now), Remembered::Unusable(_)),
                "{text}"
            );
        }
        folder.leave(&Memo::default(), false);
        let rebooted = open(&folder.journal(), Some("another"), now, LIFETIME);
        assert!(matches!(rebooted, Remembered::Unusable(_)));
        let unknown = open(&folder.journal(), None, now, LIFETIME);
        assert!(matches!(unknown, Remembered::Unusable(_)));
        let earlier = folder.open(reading(1_000, 50));
        assert!(matches!(earlier, Remembered::Unusable(_)), "{earlier:?}");
    }
}
