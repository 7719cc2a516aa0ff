//! Public templates, under the names that Exoscale's have had since 2024. There are no images
//! behind them: what an instance of one runs is the local cloud's to choose.

use exoscale::{
    catalog::{Template, Visibility},
    ids::TemplateId,
};

use super::{BootMode, GIB, OfferedTemplate, stable_id};

/// Name, family, version, default user, and when it was made.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const PUBLIC_TEMPLATES: &[Line] = &[
    ("Linux Ubuntu 18.04 LTS 64-bit", "ubuntu", "18.04 LTS", "ubuntu", "2023-05-30T08:12:41Z"),
    ("Linux Ubuntu 20.04 LTS 64-bit", "ubuntu", "20.04 LTS", "ubuntu", "2025-05-28T09:40:02Z"),
    ("Linux Ubuntu 22.04 LTS 64-bit", "ubuntu", "22.04 LTS", "ubuntu", "2026-01-29T11:07:56Z"),
    ("Linux Ubuntu 24.04 LTS 64-bit", "ubuntu", "24.04 LTS", "ubuntu", "2026-01-29T11:03:34Z"),
    ("Linux Ubuntu 25.04 64-bit", "ubuntu", "25.04", "ubuntu", "2026-01-30T07:28:50Z"),
    ("Linux Ubuntu 25.10 64-bit", "ubuntu", "25.10", "ubuntu", "2026-01-29T11:05:34Z"),
    ("Linux Debian 10 (Buster) 64-bit", "debian", "10 (Buster)", "debian", "2024-06-25T10:21:17Z"),
    ("Linux Debian 11 (Bullseye) 64-bit", "debian", "11 (Bullseye)", "debian", "2025-08-19T12:02:36Z"),
    ("Linux Debian 12 (Bookworm) 64-bit", "debian", "12 (Bookworm)", "debian", "2026-01-29T11:03:50Z"),
    ("Linux Debian 13 (Trixie) 64-bit", "debian", "13 (Trixie)", "debian", "2026-01-27T23:06:36Z"),
    ("Rocky Linux 8 (Green Obsidian) 64-bit", "rocky linux", "8 (Green Obsidian)", "rockylinux", "2025-11-04T08:15:09Z"),
    ("Rocky Linux 9 (Blue Onyx) 64-bit", "rocky linux", "9 (Blue Onyx)", "rockylinux", "2026-01-30T08:41:22Z"),
    ("Rocky Linux 10 64-bit", "rocky linux", "10", "rockylinux", "2026-01-27T14:20:56Z"),
    ("Linux CentOS 7 64-bit", "centos", "7", "centos", "2024-06-28T07:58:30Z"),
    ("Linux CentOS Stream 8 64-bit", "centos stream", "8", "centos", "2024-05-28T09:31:44Z"),
    ("Linux CentOS Stream 9 64-bit", "centos stream", "9", "centos", "2026-01-27T10:46:20Z"),
    ("Linux CentOS Stream 10 64-bit", "centos stream", "10", "centos", "2026-01-27T22:28:52Z"),
    ("Linux RedHat 8.10 BYOL 64-bit", "redhat byol", "8.10", "cloud-user", "2025-10-30T08:56:01Z"),
    ("Linux RedHat 9.7 BYOL 64-bit", "redhat byol", "9.7", "cloud-user", "2025-12-15T10:20:24Z"),
    ("Linux RedHat 10.1 BYOL 64-bit", "redhat byol", "10.1", "cloud-user", "2025-12-15T10:08:51Z"),
    ("Linux Fedora CoreOS 42 64-bit", "fedora coreos", "42", "core", "2025-12-04T08:42:25Z"),
    ("Linux Fedora CoreOS 43 64-bit", "fedora coreos", "43", "core", "2026-01-30T08:37:09Z"),
    ("Linux Arch Rolling", "arch", "rolling", "arch", "2026-01-27T23:25:22Z"),
    ("OpenSUSE Leap 15.6 64-bit", "opensuse", "15.6", "opensuse", "2025-06-12T09:18:27Z"),
    ("OpenSUSE Leap 16.0 64-bit", "opensuse", "16.0", "opensuse", "2025-12-02T11:17:59Z"),
    ("OpenBSD 7.7 64-bit", "openbsd", "7.7", "openbsd", "2025-05-05T07:04:17Z"),
    ("OpenBSD 7.8 64-bit", "openbsd", "7.8", "openbsd", "2025-10-30T17:30:16Z"),
    ("VyOS 1.4.4", "vyos", "1.4.4", "vyos", "2026-01-05T12:29:38Z"),
    ("Windows Server 2019", "windows", "2019", "Administrator", "2025-11-20T10:12:48Z"),
    ("Windows Server 2022", "windows", "2022", "Administrator", "2026-01-15T14:23:55Z"),
    ("Windows Server 2025", "windows", "2025", "Administrator", "2026-01-15T14:27:22Z"),
];

/// The public templates of a zone. As on Exoscale a template has another id in each zone; here it
/// keeps it for good.
pub(crate) fn public_templates(zone: &str) -> impl Iterator<Item = OfferedTemplate> {
    let lines = PUBLIC_TEMPLATES.iter();
    lines.map(move |line| public_template(zone, line))
}

fn public_template(
    zone: &str,
    &(name, family, version, user, created_at): &Line,
) -> OfferedTemplate {
    let created_at = created_at.parse().ok();
    let is_windows = family == "windows";
    // Of a sum over an image only the form can be had.
    let checksum = stable_id(&["image", name, version]).simple().to_string();
    OfferedTemplate {
        core: Template {
            id: TemplateId(stable_id(&["template", zone, name])),
            name: name.to_owned(),
            visibility: Visibility::Public.as_str().to_owned(),
            family: Some(family.to_owned()),
            created_at,
            size: if is_windows { 50 * GIB } else { 10 * GIB },
        },
        description: Some(name.to_owned()),
        boot_mode: if is_windows {
            BootMode::Uefi
        } else {
            BootMode::Legacy
        },
        default_user: Some(user.to_owned()),
        ssh_key_enabled: !is_windows,
        password_enabled: true,
        application_consistent_snapshot_enabled: is_windows,
        maintainer: Some("Exoscale".to_owned()),
        version: Some(version.to_owned()),
        build: created_at.map(|time: jiff::Timestamp| time.strftime("%Y-%m-%d").to_string()),
        checksum: Some(checksum),
        url: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_says_when_it_was_made() {
        for template in public_templates("at-vie-1") {
            let name = &template.core.name;
            assert!(template.core.created_at.is_some(), "{name}");
        }
    }
}
