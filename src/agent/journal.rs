//! The journal actor: keeps on disk what a restart must not forget.
//!
//! Times are kept since the machine's boot, not by the wall clock, so that neither a clock that
//! jumps nor a restart within the window lets a second action through (guarantee G2).

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use actix::{Actor, AsyncContext as _, Context, Handler, ResponseFuture};
use serde::{Deserialize, Serialize};

use super::{
    clock::{self, Clock},
    messages::{Ping, SaveMemo},
    read_model::ReadModel,
};
use crate::{
    error_chain::with_causes,
    policy::{Backoff, Memo, Moment, Pending},
};

/// Why the journal could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be replaced.
    #[error("cannot write the journal {path}")]
    Write {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The agent ended meanwhile.
    #[error("the agent ended before the journal was written")]
    Ended,
}

/// The journal's document.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    boot_id: String,
    /// Milliseconds since the boot, like all times here.
    saved_at: u64,
    opens_at: u64,
    acting: bool,
    up: Option<PendingUp>,
    backoff_failures: u32,
    backoff_until: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct PendingUp {
    first: u64,
    last: u64,
    count: u32,
}

const VERSION: u32 = 1;

/// The relation of the agent's clock to the machine's.
#[derive(Clone, Debug)]
pub struct Timebase {
    /// Which boot.
    pub boot_id: Option<String>,
    /// Time since the boot at [`Moment::START`].
    pub start: Duration,
}

impl Timebase {
    /// The relation as it is.
    pub fn read(clock: Clock) -> Self {
        Self {
            boot_id: clock::boot_id(),
            start: clock::since_boot().saturating_sub(clock.now().since_start()),
        }
    }

    fn to_boot(&self, moment: Moment) -> u64 {
        let since_boot = self.start + moment.since_start();
        u64::try_from(since_boot.as_millis()).unwrap_or(u64::MAX)
    }

    /// Moments before the start become the start.
    fn to_moment(&self, millis: u64) -> Moment {
        Moment::at(Duration::from_millis(millis).saturating_sub(self.start))
    }
}

/// What a journal told at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// There is none; the policy starts with a silent window.
    Nothing,
    /// It cannot be used, for the reason given; likewise.
    Unusable(String),
    /// What was kept.
    Memo(Memo),
}

/// The path of the journal in its folder.
pub fn path_in(directory: &Path) -> PathBuf {
    directory.join("journal.json")
}

/// Reads the journal. An "up" alert older than `up_ttl` is left out.
pub fn load(path: &Path, timebase: &Timebase, up_ttl: Duration) -> Remembered {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Remembered::Nothing,
        Err(error) => return Remembered::Unusable(error.to_string()),
    };
    match serde_json::from_str::<Document>(&text) {
        Ok(document) if document.version != VERSION => {
            Remembered::Unusable(format!("version {} is unknown", document.version))
        }
        Ok(document) if Some(&document.boot_id) != timebase.boot_id.as_ref() => {
            Remembered::Unusable("it is from before the machine's last boot".to_owned())
        }
        Ok(document) => Remembered::Memo(memo(&document, timebase, up_ttl)),
        Err(error) => Remembered::Unusable(error.to_string()),
    }
}

fn memo(document: &Document, timebase: &Timebase, up_ttl: Duration) -> Memo {
    let now = timebase.to_boot(Moment::START);
    let is_fresh = |up: &&PendingUp| Duration::from_millis(now.saturating_sub(up.last)) <= up_ttl;
    Memo {
        opens: timebase.to_moment(document.opens_at),
        acting: document.acting,
        up: document.up.as_ref().filter(is_fresh).map(|up| Pending {
            first: timebase.to_moment(up.first),
            last: timebase.to_moment(up.last),
            count: up.count,
        }),
        backoff: Backoff {
            failures: document.backoff_failures,
            until: timebase.to_moment(document.backoff_until),
        },
    }
}

/// The actor.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    timebase: Timebase,
    clock: Clock,
    read_model: std::sync::Arc<ReadModel>,
}

impl Journal {
    /// A journal in `directory`, which must exist.
    pub fn new(
        directory: &Path,
        timebase: Timebase,
        clock: Clock,
        read_model: std::sync::Arc<ReadModel>,
    ) -> Self {
        Self {
            path: path_in(directory),
            timebase,
            clock,
            read_model,
        }
    }

    fn document(&self, memo: &Memo) -> Document {
        let at = |moment| self.timebase.to_boot(moment);
        Document {
            version: VERSION,
            boot_id: self.timebase.boot_id.clone().unwrap_or_default(),
            saved_at: at(self.clock.now()),
            opens_at: at(memo.opens),
            acting: memo.acting,
            up: memo.up.map(|up| PendingUp {
                first: at(up.first),
                last: at(up.last),
                count: up.count,
            }),
            backoff_failures: memo.backoff.failures,
            backoff_until: at(memo.backoff.until),
        }
    }
}

impl Actor for Journal {
    type Context = Context<Self>;
}

impl Handler<SaveMemo> for Journal {
    type Result = ResponseFuture<Result<(), JournalError>>;

    fn handle(&mut self, SaveMemo(memo): SaveMemo, ctx: &mut Self::Context) -> Self::Result {
        use actix::ActorFutureExt as _;
        let document = self.document(&memo);
        let path = self.path.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let write = tokio::task::spawn_blocking(move || replace(&path, &document));
        // `wait` keeps the writes in order: the next message is not looked at before this one is on disk.
        let write = actix::fut::wrap_future::<_, Self>(write).map(move |result, journal, _| {
            let result = result.unwrap_or_else(|panic| Err(io::Error::other(panic)));
            let result = result.map_err(|source| {
                // A stale journal would promise a window that is not true; none at all is safe.
                let _ = fs::remove_file(&journal.path);
                JournalError::Write {
                    path: journal.path.clone(),
                    source,
                }
            });
            let error = result.as_ref().err().map(|error| with_causes(error));
            journal.read_model.journal_written(error);
            let _ = sender.send(result);
        });
        ctx.wait(write);
        Box::pin(async move { receiver.await.unwrap_or(Err(JournalError::Ended)) })
    }
}

impl Handler<Ping> for Journal {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

fn replace(path: &Path, document: &Document) -> io::Result<()> {
    let temporary = path.with_extension("json.tmp");
    let mut file = fs::File::create(&temporary)?;
    serde_json::to_writer(&mut file, document)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timebase(start_s: u64) -> Timebase {
        Timebase {
            boot_id: Some("b".to_owned()),
            start: Duration::from_secs(start_s),
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn save(directory: &Path, timebase: Timebase, memo: &Memo) -> PathBuf {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let clock = Clock::start();
        let journal = Journal::new(directory, timebase, clock, ReadModel::for_tests());
        replace(&journal.path, &journal.document(memo)).unwrap();
        journal.path
    }

    #[test]
    fn a_restart_finds_the_window_where_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let memo = Memo {
            opens: at(160),
            acting: true,
            up: Some(Pending {
                first: at(90),
                last: at(100),
                count: 3,
            }),
            backoff: Backoff {
                failures: 2,
                until: at(400),
            },
        };
        let path = save(directory.path(), timebase(1_000), &memo);

        // The agent starts again 110 s after its first start.
        let Remembered::Memo(found) = load(&path, &timebase(1_110), Duration::from_secs(300))
        else {
            panic!("the journal is usable");
        };
        assert_eq!(found.opens, at(50));
        assert!(found.acting);
        assert_eq!(
            found.up.map(|up| (up.last, up.count)),
            Some((Moment::START, 3))
        );
        assert_eq!(
            found.backoff,
            Backoff {
                failures: 2,
                until: at(290)
            }
        );
    }

    #[test]
    fn an_old_up_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let memo = Memo {
            up: Some(Pending::new(at(10))),
            ..Memo::default()
        };
        let path = save(directory.path(), timebase(0), &memo);
        let Remembered::Memo(found) = load(&path, &timebase(400), Duration::from_secs(300)) else {
            panic!("the journal is usable");
        };
        assert_eq!(found.up, None);
    }

    #[test]
    fn what_cannot_be_trusted_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = path_in(directory.path());
        let load = |timebase| load(&path, &timebase, Duration::from_secs(300));
        assert_eq!(load(timebase(0)), Remembered::Nothing);
        fs::write(&path, "{\"version\":1,").unwrap();
        assert!(matches!(load(timebase(0)), Remembered::Unusable(_)));
        save(directory.path(), timebase(0), &Memo::default());
        let rebooted = Timebase {
            boot_id: Some("another".to_owned()),
            start: Duration::from_secs(5),
        };
        assert!(matches!(load(rebooted), Remembered::Unusable(_)));
    }
}
