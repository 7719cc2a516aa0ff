//! What may be in the place of the agent's files, and who else may be at them.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::Stdio,
};

use rustix::process::Signal;
use tokio::process::Command;

use super::{end_of, said};
use crate::agent_support::{Agent, Environment, Settings, long_ago, with_mounts};

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

/// The command, run with this mask for the modes of new files.
fn with_mask(command: &Command, mask: &str) -> Command {
    let command = command.as_std();
    let mut masked = Command::new("sh");
    masked
        .args(["-c", &format!("umask {mask}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    masked
}

#[tokio::test]
async fn the_journal_is_for_the_agent_alone_whatever_the_mask_and_whatever_was_there() {
    let environment = Environment::with_pool(1).await;
    let journal = environment.journal();
    let folder = journal.parent().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for mask in ["000", "022", "077"] {
        for was_there in [false, true] {
            let _ = fs::remove_dir_all(folder);
            if was_there {
                environment.write_journal(&long_ago());
                open(folder, 0o777);
                open(&journal, 0o666);
            }
            let command = environment.command("agent", &Settings::default());
            let mut agent = Agent::spawn(with_mask(&command, mask)).await;
            assert_eq!(mode(folder), 0o700, "{mask}");
            let (status, _) = agent.end(Signal::TERM).await;
            assert!(status.success(), "{status}");
            assert_eq!(mode(&journal), 0o600, "{mask}");
        }
    }
}

#[tokio::test]
async fn a_file_of_secrets_that_everyone_can_read_is_warned_of() {
    let environment = Environment::with_pool(1).await;
    let line = "Settings hold secrets and everyone on this machine can read them";
    let file = environment.folder.path().join("agent.toml");
    for (mode, is_told) in [(0o644, true), (0o604, true), (0o600, false), (0o640, false)] {
        let command = environment.command("agent", &Settings::default());
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("[alerts]\n", "[alerts]\ntoken = \"hush\"\n");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let agent = Agent::spawn(command).await;
        assert_eq!(agent.line(line).is_some(), is_told, "{mode:o}");
    }
}
