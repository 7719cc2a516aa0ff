//! Folders for the files of one run: their owner's only, and gone after it.
//!
//! A process that is killed leaves its folder behind. Each owner therefore holds a lock on its
//! folder, which ends with the process however that ends, and whoever makes the next folder removes
//! those that nobody holds.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// Begins the names of all of them.
const PREFIX: &str = "autoscaler-scratch-";

/// A folder under the system's temporary one, removed with everything in it when dropped.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    /// Locked; see `flock(2)`.
    _lock: File,
}

impl ScratchFolder {
    /// Makes one; `purpose` becomes a part of its name.
    pub fn make(purpose: &str) -> io::Result<Self> {
        Self::make_in(&std::env::temp_dir(), purpose)
    }

    fn make_in(parent: &Path, purpose: &str) -> io::Result<Self> {
        remove_abandoned(parent)?;
        let name = format!("{PREFIX}{purpose}-{}", uuid::Uuid::new_v4().simple());
        // Under another name until it is locked, so that nobody takes it for abandoned.
        let unlocked = parent.join(format!(".{name}"));
        fs::DirBuilder::new().mode(0o700).create(&unlocked)?;
        let lock = File::open(&unlocked)?;
        lock.lock()?;
        let path = parent.join(name);
        fs::rename(&unlocked, &path)?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it before it is dropped.
    pub fn remove(&self) {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "Folder not removed.");
            }
            _ => {}
        }
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes what killed processes of this user have left.
fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        // Another user's cannot be opened.
        let Ok(folder) = File::open(&path) else {
            continue;
        };
        if folder.try_lock().is_ok() {
            tracing::debug!(path = %path.display(), "Removing an abandoned folder.");
            // Another process may be at it, too.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn it_is_its_owners_and_goes_with_it() {
        let parent = TempDir::new().unwrap();
        let folder = ScratchFolder::make_in(parent.path(), "test").unwrap();
        let path = folder.path().to_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(path.join("file"), "text").unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_next_one_removes_what_nobody_holds_and_nothing_else() {
        let parent = TempDir::new().unwrap();
        let abandoned = parent.path().join(format!("{PREFIX}test-0"));
        let unrelated = parent.path().join("autoscaler-scratchpad");
        for folder in [&abandoned, &unrelated] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), "text").unwrap();
        }
        let held = ScratchFolder::make_in(parent.path(), "test").unwrap();
        assert!(!abandoned.exists());
        let _another = ScratchFolder::make_in(parent.path(), "test").unwrap();
        assert!(held.path().exists());
        assert!(unrelated.join("file").exists());
    }
}
