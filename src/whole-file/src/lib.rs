//! Files that are replaced as a whole: whoever reads one finds the old content or the new,
//! complete.
//!
//! The new content goes into a temporary file beside the old one, which is then renamed. A link is
//! followed, so that the file it leads to is replaced and the link stays. What is no regular file,
//! such as a FIFO, is never opened: that could block for ever.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Links that lead to links, before they are taken for a circle; as in the kernel.
const MAX_LINKS: usize = 40;

/// Longer files are not ours.
const MAX_BYTES: u64 = 64 << 20;

/// Why a file cannot be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The path ends in `..` or is `/`.
    #[error("{} names no file: give the path of one", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is {kind}: remove it, or choose another path", path.display())]
    NotAFile {
        /// Where; for a link, where that leads.
        path: PathBuf,
        /// What is there.
        kind: Kind,
    },
    /// Something else is where the temporary file is to be.
    #[error("{} is {kind}, in the place of the temporary file: remove it", path.display())]
    NoTemporary {
        /// Where.
        path: PathBuf,
        /// What is there.
        kind: Kind,
    },
    /// The place of a folder is taken.
    #[error("{} is {kind}, not a folder: remove it, or choose another path", path.display())]
    NotAFolder {
        /// Where.
        path: PathBuf,
        /// What is there.
        kind: Kind,
    },
    /// Links lead in a circle.
    #[error("the links at {} lead in a circle: remove them", path.display())]
    Circle {
        /// The first of them.
        path: PathBuf,
    },
    /// The file is a file system's own root, as when a container mounts one file.
    #[error("{} is a mount of its own, so it cannot be replaced: mount its folder instead", path.display())]
    MountPoint {
        /// The file.
        path: PathBuf,
    },
    /// It holds more than any of ours.
    #[error("{} is longer than {MAX_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The system refused: no such folder, no permission, no space.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What stands in a file's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
    /// A file, in a folder's place.
    File,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Fifo => "a FIFO (named pipe)",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::File => "a file",
        })
    }
}

impl Kind {
    fn of(kind: fs::FileType) -> Self {
        if kind.is_dir() {
            Self::Folder
        } else if kind.is_fifo() {
            Self::Fifo
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_file() {
            Self::File
        } else {
            Self::Device
        }
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io {
        action,
        path,
        source,
    }
}

/// What is at `path`, a link not followed; `None` when nothing is.
fn look(path: &Path) -> Result<Option<fs::Metadata>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// Where the links at `path` lead; `path` itself when it is none.
fn follow(path: &Path) -> Result<PathBuf, FileError> {
    let mut place = path.to_owned();
    for _ in 0..=MAX_LINKS {
        if !look(&place)?.is_some_and(|found| found.is_symlink()) {
            return match place.file_name() {
                Some(_) => Ok(place),
                None => Err(FileError::NoName { path: place }),
            };
        }
        let next = fs::read_link(&place).map_err(failed("follow the link", &place))?;
        place = folder_of(&place).join(next);
    }
    let path = path.to_owned();
    Err(FileError::Circle { path })
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Beside the file, hidden, and with an end that no pattern of the file's readers matches.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    folder_of(path).join(name)
}

/// Makes a folder that everyone may read, with those above it, unless it is there.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    make_folder_with(path, 0o755)
}

/// Makes a folder for its owner alone, unless it is there. Those above it are for everyone.
pub fn make_private_folder(path: &Path) -> Result<(), FileError> {
    make_folder_with(path, 0o700)
}

fn make_folder_with(path: &Path, mode: u32) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(found) => {
            let (path, kind) = (path.to_owned(), Kind::of(found.file_type()));
            return Err(FileError::NotAFolder { path, kind });
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("look at", path)(error));
        }
        Err(_) => {}
    }
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => make_folder(above)?,
        _ => {}
    }
    // The process's own mask may keep the folder from those who are to read what is in it.
    let permissions = fs::Permissions::from_mode(mode);
    fs::DirBuilder::new()
        .mode(mode & 0o700)
        .create(path)
        .and_then(|()| fs::set_permissions(path, permissions))
        .map_err(failed("make the folder", path))
}

/// Takes from a file or folder all rights but these, and says whether it had others; fine when
/// there is none.
pub fn tighten(path: &Path, mode: u32) -> Result<bool, FileError> {
    let found = match fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if found & !mode == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(found & mode))
        .map_err(failed("take rights of others from", path))?;
    Ok(true)
}

/// Finds what would keep the file from being replaced, and removes what a crash left behind.
pub fn check(path: &Path) -> Result<(), FileError> {
    let place = follow(path)?;
    match look(&place)? {
        Some(found) if !found.is_file() => {
            let kind = Kind::of(found.file_type());
            return Err(FileError::NotAFile { path: place, kind });
        }
        Some(_) if is_mount_point(&place) => return Err(FileError::MountPoint { path: place }),
        _ => {}
    }
    let folder = folder_of(&place);
    fs::metadata(folder).map_err(failed("find the folder", folder))?;
    // A file system that is read-only now may not be so later.
    match clear(&temporary(&place)) {
        Err(FileError::Io { .. }) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a file or link, in whose place the temporary file is to be.
fn clear(temporary: &Path) -> Result<(), FileError> {
    match look(temporary)? {
        None => Ok(()),
        Some(found) if found.is_file() || found.is_symlink() => {
            fs::remove_file(temporary).map_err(failed("remove", temporary))
        }
        Some(found) => Err(FileError::NoTemporary {
            path: temporary.to_owned(),
            kind: Kind::of(found.file_type()),
        }),
    }
}

/// The file's content and its permission bits; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<(Vec<u8>, u32)>, FileError> {
    let place = follow(path)?;
    match look(&place)? {
        None => return Ok(None),
        Some(found) if !found.is_file() => {
            let kind = Kind::of(found.file_type());
            return Err(FileError::NotAFile { path: place, kind });
        }
        Some(_) => {}
    }
    // Not blocking, should a FIFO have come there meanwhile: it then reads as an empty file.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed())
        .open(&place)
        .map_err(failed("open", &place))?;
    let mode = file.metadata().map_err(failed("look at", &place))?;
    let mut content = Vec::new();
    let mut limited = file.take(MAX_BYTES + 1);
    limited
        .read_to_end(&mut content)
        .map_err(failed("read", &place))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(FileError::TooLong { path: place });
    }
    Ok(Some((content, mode.permissions().mode() & 0o7777)))
}

/// Replaces the file; on an error the old one stays, and nothing else is left.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let place = follow(path)?;
    let temporary = temporary(&place);
    clear(&temporary)?;
    let written = write(&temporary, content, mode)
        .map_err(failed("write", &place))
        .and_then(|()| {
            fs::rename(&temporary, &place).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => {
                    FileError::MountPoint {
                        path: place.clone(),
                    }
                }
                _ => failed("replace", &place)(error),
            })
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync(folder_of(&place));
    Ok(())
}

fn write(temporary: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode & 0o600)
        .open(temporary)?;
    file.write_all(content)?;
    // The process's own mask does not apply here.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Removes the file that `path` leads to; fine when there is none.
pub fn remove(path: &Path) -> Result<(), FileError> {
    let place = follow(path)?;
    match fs::remove_file(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", &place)(error))
        }
        _ => {
            sync(folder_of(&place));
            Ok(())
        }
    }
}

/// Makes a rename durable. Where folders cannot be synced, a power cut may bring the old file back.
fn sync(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // Kernels before 5.8 do not say; there the first replacement fails, with the same error.
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests;
