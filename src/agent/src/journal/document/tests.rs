//! When a journal is believed, and what of it.

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
        lease_number: Some(7),
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
