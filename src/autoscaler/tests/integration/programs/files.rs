//! What may be in the place of the agent's files, and who else may be at them.

use std::{fs, os::unix::net::UnixListener, path::Path};

use rustix::process::Signal;

use super::{end_of, said};
use crate::agent_support::{Environment, Settings, with_mounts};

fn put_socket(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
}

fn put_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

fn put_folder(path: &Path) {
    fs::create_dir(path).unwrap();
}

#[tokio::test]
async fn what_is_no_file_is_refused_in_the_place_of_one() {
    type Put = fn(&Path);
    let kinds: [(Put, &str); 3] = [
        (put_folder, "is a folder"),
        (put_fifo, "is a FIFO"),
        (put_socket, "is a socket"),
    ];
    for (put, kind) in kinds {
        let environment = Environment::with_pool(1).await;
        let (discovery, journal) = (environment.discovery_file(), environment.journal());
        for (path, key) in [
            (discovery.clone(), "discovery.file"),
            (
                discovery.with_file_name(".config.json.tmp"),
                "discovery.file",
            ),
            (journal.clone(), "journal.directory"),
            (
                journal.with_file_name(".journal.json.tmp"),
                "journal.directory",
            ),
        ] {
            let folder = path.parent().unwrap();
            fs::create_dir_all(folder).unwrap();
            put(&path);
            let output = end_of(environment.command("agent", &Settings::default())).await;
            let text = said(kind, &output, 1);
            for part in [&path.display().to_string(), key, kind, "remove it"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            fs::remove_dir_all(folder).unwrap();
        }
        assert_eq!(environment.calls("list-instances"), 0);
    }
}

#[tokio::test]
async fn a_discovery_file_that_is_mounted_alone_is_refused_with_what_to_mount() {
    let environment = Environment::with_pool(1).await;
    let file = environment.discovery_file();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "[]").unwrap();
    let path = file.display().to_string();
    let command = environment.command("agent", &Settings::default());
    let Some(command) = with_mounts(&command, &format!("mount --bind {path:?} {path:?}")) else {
        return;
    };
    let text = said("a mount", &end_of(command).await, 1);
    for part in [path.as_str(), "discovery.file", "mount its folder instead"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "[]");
}

#[tokio::test]
async fn a_second_agent_on_a_journal_says_who_the_first_is() {
    let environment = Environment::with_pool(1).await;
    let mut first = environment.start(Settings::default()).await;
    let output = end_of(environment.command("agent", &Settings::default())).await;
    let text = said("the second", &output, 1);
    let folder = environment
        .journal()
        .parent()
        .unwrap()
        .display()
        .to_string();
    for part in ["another agent", &folder, "`journal.directory`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    if text.contains("(process ") {
        let pid = format!("(process {})", first.pid().as_raw_nonzero());
        assert!(text.contains(&pid), "{text}");
    }
    // A death leaves nothing behind that would keep the next one out.
    first.end(Signal::KILL).await;
    environment.restart(Settings::default()).await;
}
