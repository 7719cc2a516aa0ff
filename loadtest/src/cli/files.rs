//! Checks of the files that arguments name, before anything is sent. They change no file.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

/// An argument that names a file.
pub(super) type Named<'a> = (&'static str, &'a Path);

/// Stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Fails where two files that are written are the same, or one that is written is also read.
pub(super) fn check_distinct(written: &[Named<'_>], read: &[Named<'_>]) -> anyhow::Result<()> {
    for (index, (flag, path)) in written.iter().enumerate() {
        let others = written[..index].iter().chain(read);
        for (other_flag, other) in others {
            ensure!(
                !is_same(path, other),
                "{other_flag} and {flag} both name {}: give each its own file",
                path.display()
            );
        }
    }
    Ok(())
}

/// Fails for a file that could not be written later. Leaves what exists as it is, and nothing new
/// behind.
pub(super) fn check_writable((flag, path): Named<'_>) -> anyhow::Result<()> {
    try_writing(path).with_context(|| format!("cannot write {} ({flag})", path.display()))
}

fn try_writing(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(data) if data.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(data) if data.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        // Opening a pipe or a device may wait, or tell a reader that it is over.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Ok(target) = fs::read_link(path) {
                // A link that leads to no file yet: the file is what would be made.
                return try_writing(&parent(path).join(target));
            }
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whether two names lead to one regular file, or to one that is still to be made.
fn is_same(a: &Path, b: &Path) -> bool {
    let is_special = |path: &Path| fs::metadata(path).is_ok_and(|data| !data.is_file());
    if is_stdout(a) || is_stdout(b) {
        return a == b;
    }
    !is_special(a) && place(a) == place(b)
}

fn place(path: &Path) -> PathBuf {
    let made = || {
        let folder = fs::canonicalize(parent(path)).ok()?;
        Some(folder.join(path.file_name()?))
    };
    let existing = fs::canonicalize(path).ok();
    existing.or_else(made).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::{check_distinct, check_writable};

    #[test]
    fn checking_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "kept").expect("written");
        symlink("target", at("dangling")).expect("a link");
        symlink("old", at("link")).expect("a link");
        for name in ["old", "new", "dangling", "link"] {
            check_writable(("--json", &at(name))).expect(name);
        }
        assert_eq!(fs::read_to_string(at("old")).expect("there"), "kept");
        assert!(!at("new").exists() && !at("target").exists());
        assert!(fs::read_link(at("dangling")).is_ok() && fs::read_link(at("link")).is_ok());
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_its_argument_and_its_cause_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").expect("written");
        symlink("loop", at("loop")).expect("a link");
        symlink("nowhere/x", at("dangling")).expect("a link");
        for name in ["nowhere/x", "", "file/x", "loop", "dangling"] {
            let error = check_writable(("--hgrm", &at(name))).expect_err(name);
            let shown = format!("{error:#}");
            assert!(shown.contains("(--hgrm)"), "{shown}");
            let cause = error.root_cause().to_string();
            assert_eq!(shown.matches(&cause).count(), 1, "{shown}");
        }
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo is there").success());
        check_writable(("--json", &pipe)).expect("opening it would wait for a reader");
    }

    #[test]
    fn one_file_for_two_reports_is_refused_and_a_device_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let again = folder.path().join(".").join("x");
        check_distinct(&[("--json", &path), ("--html", &again)], &[]).expect_err("the same");
        check_distinct(&[("--json", &path)], &[("LOGS", &again)]).expect_err("the same");
        let (null, out) = (Path::new("/dev/null"), Path::new("-"));
        check_distinct(&[("--json", null), ("--html", null)], &[]).expect("a device");
        check_distinct(&[("--json", out), ("--html", out)], &[]).expect_err("the same");
        check_distinct(&[("--json", &path), ("--html", out)], &[("LOGS", null)]).expect("three");
    }
}
