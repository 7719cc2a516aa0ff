//! Writes the files, each whole or not at all, for their owner only.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::{InstanceDataError, document::File};

/// Writes all files into `folder`, and returns the names of those that were not there as they are.
pub(super) fn write(folder: &Path, files: &[File]) -> Result<Vec<&'static str>, InstanceDataError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| InstanceDataError::Write { path, source }
    };
    if !folder.is_dir() {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.map_err(failed(folder))?;
    }
    let mut changed = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        if fs::read(&path).is_ok_and(|content| content == file.content.as_bytes()) {
            continue;
        }
        replace(
            &path,
            &folder.join(format!(".{}.new", file.name)),
            &file.content,
        )
        .map_err(failed(&path))?;
        changed.push(file.name);
    }
    Ok(changed)
}

/// A reader finds the old content or the new one.
fn replace(path: &Path, draft: &Path, content: &str) -> io::Result<()> {
    // One that an earlier run left may have another mode.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)
}
