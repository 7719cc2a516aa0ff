//! The service discovery file: what it holds, and how it is replaced.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config>.
//! A reader sees the old document or the new one, complete, at any moment (guarantee G9).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// A group of targets with the same labels. The document is a list of such groups; ours has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// `ADDRESS:PORT` each, `[ADDRESS]:PORT` for IPv6.
    pub targets: Vec<String>,
    /// Labels of every target.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The document for these members.
pub fn document(
    members: impl IntoIterator<Item = IpAddr>,
    port: u16,
    labels: &BTreeMap<String, String>,
) -> Vec<TargetGroup> {
    let target = |ip| SocketAddr::new(ip, port).to_string();
    vec![TargetGroup {
        targets: members.into_iter().map(target).collect(),
        labels: labels.clone(),
    }]
}

/// The addresses of a document's targets; `None` when one of them is no address.
pub fn addresses(groups: &[TargetGroup]) -> Option<BTreeSet<IpAddr>> {
    let targets = groups.iter().flat_map(|group| &group.targets);
    targets
        .map(|target| Some(target.parse::<SocketAddr>().ok()?.ip()))
        .collect()
}

/// Why the file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder is a file's own mount point, as when a container mounts one file.
    #[error("{path} cannot be replaced because it is a mount of its own: mount its folder instead")]
    MountPoint {
        /// The file.
        path: PathBuf,
    },
    /// Anything else: no such folder, no permission, no space.
    #[error("cannot write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Replaces the file: writes a temporary one beside it, syncs it, renames it.
///
/// The temporary file's name does not end in `.json`, so that no pattern of Prometheus matches it.
/// World-readable: Prometheus runs as another user.
pub fn replace(path: &Path, groups: &[TargetGroup]) -> Result<(), FileError> {
    let temporary = temporary(path);
    let result = write(&temporary, groups).and_then(|()| fs::rename(&temporary, path));
    result.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => {
                FileError::MountPoint { path }
            }
            _ => FileError::Io { path, source },
        }
    })?;
    sync_folder(path);
    Ok(())
}

/// Reads the file; `None` when there is none or it is not ours to understand.
pub fn read(path: &Path) -> Option<Vec<TargetGroup>> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Removes what a crash between writing and renaming left behind.
pub fn remove_leftover(path: &Path) {
    let _ = fs::remove_file(temporary(path));
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

fn write(path: &Path, groups: &[TargetGroup]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = fs::File::create(path)?;
    serde_json::to_writer_pretty(&mut file, groups)?;
    file.write_all(b"\n")?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.sync_all()
}

/// Makes the rename itself durable. Where folders cannot be synced, the old file may come back
/// after a power cut, which is harmless.
fn sync_folder(path: &Path) {
    if let Some(Ok(folder)) = path.parent().map(fs::File::open) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_written_and_read_back() {
        let members: [IpAddr; 3] =
            ["192.0.2.7", "10.0.0.7", "2001:db8::7"].map(|ip| ip.parse().unwrap());
        let groups = document(members, 9100, &BTreeMap::new());
        assert_eq!(
            groups[0].targets,
            ["192.0.2.7:9100", "10.0.0.7:9100", "[2001:db8::7]:9100"]
        );
        assert_eq!(addresses(&groups), Some(BTreeSet::from(members)));
        let named = |target: &str| TargetGroup {
            targets: vec![target.to_owned()],
            labels: BTreeMap::new(),
        };
        for strange in ["host.example:9100", "2001:db8::7", "192.0.2.7"] {
            assert_eq!(addresses(&[named(strange)]), None, "{strange}");
        }
    }
}
