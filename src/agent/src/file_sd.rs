//! The service discovery file: what it holds, and how it is replaced.
//!
//! Format:
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config>. A
//! reader sees the old document or the new one, complete, at any moment (guarantee G9).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::Path,
};

use serde::{Deserialize, Serialize};

use whole_file::FileError;

/// Prometheus runs as another user.
const MODE: u32 = 0o644;
/// What everyone who reads the file needs.
const READABLE: u32 = 0o444;

/// A group of targets with the same labels. The document is a list of such groups; ours has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetGroup {
    /// `ADDRESS:PORT` each, `[ADDRESS]:PORT` for IPv6.
    pub(crate) targets: Vec<String>,
    /// Labels of every target.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

/// The document for these members.
pub(crate) fn document(
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
pub(crate) fn addresses(groups: &[TargetGroup]) -> Option<BTreeSet<IpAddr>> {
    let targets = groups.iter().flat_map(|group| &group.targets);
    targets
        .map(|target| Some(target.parse::<SocketAddr>().ok()?.ip()))
        .collect()
}

/// Finds at the start what would keep the file from being replaced, and removes what a crash left.
pub(crate) fn check(path: &Path) -> Result<(), FileError> {
    whole_file::check(path)
}

/// Reads the file; `None` when there is none or it is not ours to understand.
pub(crate) fn read(path: &Path) -> Option<Vec<TargetGroup>> {
    let (text, _) = whole_file::read(path).ok()??;
    serde_json::from_slice(&text).ok()
}

/// Replaces the file, unless it holds just this and everyone can read it. It is looked at each
/// time: somebody may have changed or removed it.
pub(crate) fn update(path: &Path, groups: &[TargetGroup]) -> Result<(), FileError> {
    if let Ok(Some((text, mode))) = whole_file::read(path)
        && mode & READABLE == READABLE
        && serde_json::from_slice::<Vec<TargetGroup>>(&text).is_ok_and(|held| held == groups)
    {
        return Ok(());
    }
    let mut text = serde_json::to_vec_pretty(groups).map_err(|error| FileError::Io {
        action: "write",
        path: path.to_owned(),
        source: error.into(),
    })?;
    text.push(b'\n');
    whole_file::replace(path, &text, MODE)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn groups(last: u8) -> Vec<TargetGroup> {
        document([IpAddr::from([127, 0, 1, last])], 9100, &BTreeMap::new())
    }

    #[test]
    fn a_file_that_not_everyone_can_read_is_mended_and_a_right_one_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        update(&path, &groups(1)).unwrap();
        assert_eq!((read(&path), mode()), (Some(groups(1)), 0o644));
        for wrong in [0o600, 0o640, 0o200, 0o000] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
            update(&path, &groups(1)).unwrap();
            assert_eq!((read(&path), mode()), (Some(groups(1)), 0o644), "{wrong:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        update(&path, &groups(1)).unwrap();
        assert_eq!(mode(), 0o664, "it was not touched");
        update(&path, &groups(2)).unwrap();
        assert_eq!((read(&path), mode()), (Some(groups(2)), 0o644));
    }

    #[test]
    fn what_is_not_ours_to_understand_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for text in ["", "[", "{}", "[1]"] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path), None);
            update(&path, &groups(1)).unwrap();
            assert_eq!(read(&path), Some(groups(1)));
        }
    }

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
