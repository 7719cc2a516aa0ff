//! The journal's folder, which one agent has to itself.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use whole_file::{self, FileError};

use crate::decision_file::is_decision_file;

/// How long an agent that was told to end, or was killed, may hold the folder on.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, or holds something else than a journal.
    #[error("the journal's folder cannot be used; set `journal.directory` to another one")]
    File(#[from] FileError),
    /// Another agent has it.
    #[error(
        "another agent{} uses the journal in {}: stop it, or set `journal.directory` to another folder",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display()
    )]
    Taken {
        path: PathBuf,
        /// The other agent, if the system says which.
        holder: Option<u32>,
    },
}

/// A folder that is locked. The kernel takes the lock back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct JournalFolder {
    path: PathBuf,
    /// `None` where the file system has no locks.
    _lock: Option<File>,
}

impl JournalFolder {
    /// Makes the folder if need be, and locks it. The folder itself is locked, so that nothing is
    /// written and a file system that is read-only will do.
    pub(crate) async fn lock(path: &Path) -> Result<Self, FolderError> {
        whole_file::make_private_folder(path)?;
        whole_file::check(&journal_in(path))?;
        let folder = File::open(path).map_err(|source| FileError::Io {
            action: "open the folder",
            path: path.to_owned(),
            source,
        })?;
        let lock = match folder.try_lock() {
            Ok(()) => Some(folder),
            Err(TryLockError::WouldBlock) => Some(wait_for(folder, path).await?),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(path = %path.display(), %error, "Journal cannot be locked: take care that no other agent uses it.");
                None
            }
        };
        keep_to_oneself(path);
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn journal(&self) -> PathBuf {
        journal_in(&self.path)
    }
}

/// Takes the journal and its folder from everyone else, also those that an earlier version made.
/// Of a folder that holds more than the journal nobody knows whose it is.
fn keep_to_oneself(folder: &Path) {
    let journal = journal_in(folder);
    let mut open = Vec::new();
    if whole_file::tighten(&journal, 0o600).is_err() {
        open.push(&*journal);
    }
    let is_open = fs::metadata(folder).is_ok_and(|found| found.mode() & 0o077 != 0);
    if is_open && (!is_journal_alone(folder) || whole_file::tighten(folder, 0o700).is_err()) {
        open.push(folder);
    }
    for path in open {
        tracing::warn!(
            path = %path.display(),
            "Others may look into the journal, and the agent cannot or does not change that: give it a folder of its own, with mode 0700."
        );
    }
}

fn is_journal_alone(folder: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.all(|entry| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            name == "journal.json" || name == ".journal.json.tmp" || is_decision_file(&name)
        })
    })
}

/// The journal in its folder.
pub(crate) fn journal_in(folder: &Path) -> PathBuf {
    folder.join("journal.json")
}

/// Waits on a thread of its own, which ends with the process: such a wait cannot be called off.
async fn wait_for(folder: File, path: &Path) -> Result<File, FolderError> {
    let taken = |holder| FolderError::Taken {
        path: path.to_owned(),
        holder,
    };
    let holder = holder_of(&folder);
    let (sender, receiver) = oneshot::channel();
    let waiting = std::thread::Builder::new()
        .name("journal lock".to_owned())
        .spawn(move || {
            let locked = folder.lock().map(|()| folder);
            let _ = sender.send(locked);
        });
    if waiting.is_err() {
        return Err(taken(holder));
    }
    match timeout(PATIENCE, receiver).await {
        Ok(Ok(Ok(folder))) => Ok(folder),
        _ => Err(taken(holder)),
    }
}

/// Who has locked this file, from `proc_locks(5)`; `None` where that does not say.
fn holder_of(file: &File) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    holder_in(&locks, file.metadata().ok()?.ino())
}

fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // 1: FLOCK ADVISORY WRITE 708 08:01:1573 0 EOF; one that waits has an arrow after the
        // number.
        let [_, "FLOCK", _, _, pid, file, ..] = words[..] else {
            return None;
        };
        let own = file.rsplit(':').next()?.parse::<u64>().ok()? == inode;
        own.then(|| pid.parse().ok())?
    };
    let mut holders = locks.lines().filter_map(holder);
    // The devices are not compared, as some file systems show two; so there may be another.
    holders
        .next()
        .filter(|&pid| pid != 0 && holders.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_holder_is_found_among_the_locks() {
        let locks = "1: FLOCK  ADVISORY  WRITE 708 08:01:1573 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 709 08:01:1573 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 710 08:01:1574 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 711 08:01:1575 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 712 08:02:1575 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 0 08:02:1576 0 EOF\n";
        assert_eq!(holder_in(locks, 1573), Some(708));
        for (inode, why) in [
            (1574, "another kind of lock"),
            (1575, "two files"),
            (1576, "a process of another container"),
            (1577, "nobody"),
        ] {
            assert_eq!(holder_in(locks, inode), None, "{why}");
        }
        assert_eq!(holder_in("", 1), None);
    }

    #[tokio::test]
    async fn one_agent_has_the_folder_until_it_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("journal");
        let first = JournalFolder::lock(&path).await.unwrap();
        assert_eq!(first.journal(), path.join("journal.json"));
        let text = JournalFolder::lock(&path).await.unwrap_err().to_string();
        // Not every file system's locks are listed.
        let own = format!("another agent (process {}) uses", std::process::id());
        assert!(
            text.contains(&own) || text.contains("another agent uses"),
            "{text}"
        );
        assert!(text.contains("`journal.directory`"), "{text}");
        // One that goes meanwhile is waited for.
        let (second, ()) = tokio::join!(JournalFolder::lock(&path), async { drop(first) });
        second.unwrap();
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        assert_eq!(mode(&path), 0o700);
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn open_to_everyone(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn a_journal_that_others_may_read_is_taken_from_them_at_the_start() {
        let parent = tempfile::tempdir().unwrap();
        for (folder_mode, file_mode) in [(0o755, 0o644), (0o777, 0o666), (0o710, 0o604)] {
            let path = parent.path().join(format!("{folder_mode:o}"));
            fs::create_dir(&path).unwrap();
            fs::write(journal_in(&path), "{}").unwrap();
            fs::write(path.join("decisions.jsonl"), "").unwrap();
            open_to_everyone(&journal_in(&path), file_mode);
            open_to_everyone(&path, folder_mode);
            JournalFolder::lock(&path).await.unwrap();
            assert_eq!((mode(&path), mode(&journal_in(&path))), (0o700, 0o600));
        }
    }

    #[tokio::test]
    async fn a_folder_that_holds_more_is_left_as_it_is_and_the_journal_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("shared");
        fs::create_dir(&path).unwrap();
        open_to_everyone(&path, 0o755);
        for name in ["journal.json", "config.json"] {
            fs::write(path.join(name), "{}").unwrap();
            open_to_everyone(&path.join(name), 0o644);
        }
        JournalFolder::lock(&path).await.unwrap();
        let modes = ["", "journal.json", "config.json"].map(|name| mode(&path.join(name)));
        assert_eq!(modes, [0o755, 0o600, 0o644]);
    }
}
