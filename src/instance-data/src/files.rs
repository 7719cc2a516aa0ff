//! Writes the files, each whole or not at all, for their owner only.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::{InstanceDataError, document::File};

/// Writes all files into `folder`.
pub(super) fn write(folder: &Path, files: &[File]) -> Result<(), InstanceDataError> {
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
    for file in files {
        let path = folder.join(file.name);
        replace(
            &path,
            &folder.join(format!(".{}.new", file.name)),
            &file.content,
        )
        .map_err(failed(&path))?;
    }
    Ok(())
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
