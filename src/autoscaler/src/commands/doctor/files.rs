//! Settings, and the files that the agent keeps: who can write and who can read them. Nothing is
//! written.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use agent::check_certificate;
use program::error_chain::with_causes;
use rustix::fs::{Access, access};
use serde_json::Value;

use super::{
    members::{Found, some},
    report::Report,
    subject::Subject,
};

/// A change of the pool is at most once in this time, unless somebody sets less.
const USUAL_COOLDOWN: Duration = Duration::from_secs(60);
/// So long before its end a certificate is to be renewed.
const RENEWAL: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn settings(subject: &Subject, report: &mut Report) {
    report.group("settings");
    report.passed(
        "settings",
        format!("settings are valid: {}", subject.settings),
    );
    let cooldown = subject.rules.cooldown;
    let title = "cooldown is a minute or more";
    if cooldown < USUAL_COOLDOWN {
        report.warned(
            "cooldown",
            title,
            format!("scaling.cooldown is {cooldown:?}: a new member has not booted by then"),
            "set scaling.cooldown to 60s or more, unless this is a trial",
        );
    } else {
        report.passed("cooldown", title);
    }
    if let Some(file) = &subject.file_with_secrets {
        let title = "file of settings with secrets is not for everyone";
        let mode = fs::metadata(file).map(|found| found.permissions().mode() & 0o777);
        match mode.ok().filter(|mode| mode & 0o007 != 0) {
            None => report.passed("settings-secret", title),
            Some(mode) => report.warned(
                "settings-secret",
                title,
                format!("{} has mode {mode:o}", file.display()),
                format!("chmod 0600 {}", file.display()),
            ),
        }
    }
}

pub(super) fn examine(subject: &Subject, members: Option<&[Found]>, report: &mut Report) {
    report.group("files");
    if subject.is_pre {
        folder(
            "discovery-folder",
            "the discovery file can be written",
            whole_file::folder_of(&subject.discovery.file),
            "discovery.file",
            report,
        );
        folder(
            "journal-folder",
            "the journal can be written",
            &subject.journal,
            "journal.directory",
            report,
        );
    } else {
        discovery(subject, members, report);
        journal(subject, report);
    }
    certificate(subject, report);
}

/// Whether the folder, or the nearest one above it that is there, lets us write.
fn folder(id: &'static str, title: &str, path: &Path, key: &str, report: &mut Report) {
    let title = format!("{title} in {}", path.display());
    let there = path.ancestors().find(|folder| folder.exists());
    let there = there.unwrap_or(Path::new("/"));
    let fix = format!(
        "make the folder for the agent's user (install -d -o USER {}), or set {key}; and run this \
         check as that user",
        path.display()
    );
    if !there.is_dir() {
        return report.failed(id, title, format!("{} is no folder", there.display()), fix);
    }
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => report.passed(id, title),
        Err(error) => report.failed(id, title, format!("{}: {error}", there.display()), fix),
    }
}

fn discovery(subject: &Subject, members: Option<&[Found]>, report: &mut Report) {
    let file = &subject.discovery.file;
    let title = format!("discovery file {} is there", file.display());
    let text = match whole_file::read(file) {
        Ok(Some((text, _))) => text,
        Ok(None) => {
            let fix = "start the agent, which writes it within seconds; or set discovery.file";
            return report.failed("discovery-file", title, "there is no such file", fix);
        }
        Err(error) => {
            let fix = "run this check as the agent's user, or correct discovery.file";
            return report.failed("discovery-file", title, with_causes(&error), fix);
        }
    };
    let Some(targets) = targets(&text) else {
        let fix = "remove it: the agent writes it again within seconds";
        return report.failed("discovery-file", title, "it holds no list of targets", fix);
    };
    report.passed("discovery-file", title);
    readable(file, report);
    match members {
        Some(members) => fresh(subject, &targets, members, report),
        None => report.skipped(
            "discovery-fresh",
            "discovery file names the members",
            "the members are not known, see above",
        ),
    }
}

fn targets(text: &[u8]) -> Option<BTreeSet<String>> {
    let document = serde_json::from_slice::<Value>(text).ok()?;
    let groups = document.as_array()?.iter();
    let targets = groups.map(|group| group["targets"].as_array());
    let targets: Option<Vec<_>> = targets.collect();
    let targets = targets?.into_iter().flatten();
    targets.map(|t| t.as_str().map(str::to_owned)).collect()
}

/// Prometheus runs as another user: by mode bits, everyone must get to the file and read it.
fn readable(file: &Path, report: &mut Report) {
    let (id, title) = (
        "discovery-readable",
        "every user can read it, Prometheus' among them",
    );
    let mode = |path: &Path| fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    if let Some(mode) = mode(file).ok().filter(|mode| mode & 0o004 == 0) {
        let fix = format!("chmod 0644 {}", file.display());
        return report.failed(id, title, format!("it has mode {mode:o}"), fix);
    }
    let closed = file.ancestors().skip(1).find_map(|folder| {
        let mode = mode(folder).ok().filter(|mode| mode & 0o001 == 0)?;
        Some((folder, mode))
    });
    match closed {
        None => report.passed(id, title),
        Some((folder, mode)) => report.failed(
            id,
            title,
            format!("its folder {} has mode {mode:o}", folder.display()),
            format!(
                "chmod o+x {}, or set discovery.file to a path in an open folder",
                folder.display()
            ),
        ),
    }
}

/// The file is not written again while nothing changes, so its age says nothing.
fn fresh(subject: &Subject, held: &BTreeSet<String>, members: &[Found], report: &mut Report) {
    let (id, title) = ("discovery-fresh", "it names the members that there are");
    let port = subject.discovery.target_port;
    let target = |member: &Found| SocketAddr::new(member.address, port).to_string();
    let expected: BTreeSet<String> = members.iter().map(target).collect();
    let missing: Vec<String> = expected.difference(held).cloned().collect();
    let gone: Vec<String> = held.difference(&expected).cloned().collect();
    if missing.is_empty() && gone.is_empty() {
        return report.passed(id, format!("{title}, {} targets", held.len()));
    }
    let named = |what: &str, list: &[String]| match list {
        [] => None,
        list => Some(format!("{what} {}", some(list))),
    };
    let parts = [named("it lacks", &missing), named("it still has", &gone)];
    report.failed(
        id,
        title,
        parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
        "does the agent run, with these settings? It mends the file within discovery.interval; just \
         after a change of the pool, try again",
    );
}

fn journal(subject: &Subject, report: &mut Report) {
    let folder = &subject.journal;
    let title = format!("journal folder {} is there", folder.display());
    if folder.is_dir() {
        report.passed("journal-folder", title);
    } else {
        report.failed(
            "journal-folder",
            title,
            "there is no such folder",
            "start the agent, which makes it; or set journal.directory",
        );
    }
}

fn certificate(subject: &Subject, report: &mut Report) {
    let Some(files) = &subject.tls else {
        return;
    };
    let id = "certificate";
    let title = "certificate and key can be used, and hold for two weeks more";
    let now = SystemTime::now();
    if let Err(error) = check_certificate(files, now) {
        let fix = "renew the certificate, or correct tls.certificate and tls.key";
        return report.failed(id, title, with_causes(&error), fix);
    }
    match check_certificate(files, now + RENEWAL) {
        Ok(()) => report.passed(id, title),
        Err(error) => report.warned(
            id,
            title,
            with_causes(&error),
            "renew it; the agent takes new files over without a restart",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_or_nothing_is() {
        let read = |text: &str| targets(text.as_bytes()).map(|found| found.len());
        assert_eq!(
            read(r#"[{"targets":["a:1","b:1"],"labels":{}},{"targets":["c:1"]}]"#),
            Some(3)
        );
        assert_eq!(read("[]"), Some(0));
        for wrong in ["", "{}", "[{}]", r#"[{"targets":[1]}]"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
