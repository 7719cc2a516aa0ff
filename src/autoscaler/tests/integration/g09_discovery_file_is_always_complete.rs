//! G9: whoever reads the discovery file, at whatever moment, finds a complete document; it is
//! replaced, never written into, and left alone while nothing changes.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::agent_support::{Environment, Settings, until};

/// Reads the file over and over; returns how many reads there were and how many documents.
fn read_until(path: &Path, end: &AtomicBool) -> (u64, u64) {
    let (mut reads, mut documents, mut last) = (0, 0, None);
    while !end.load(Ordering::Relaxed) {
        let text = fs::read_to_string(path).expect("the file is there at any moment");
        let document: Value = serde_json::from_str(&text).expect("complete JSON");
        let groups = document.as_array().expect("a list of groups");
        assert_eq!(groups.len(), 1, "{text}");
        assert!(groups[0]["targets"].is_array() && groups[0]["labels"].is_object());
        reads += 1;
        if last.as_ref() != Some(&document) {
            documents += 1;
            last = Some(document);
        }
    }
    (reads, documents)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_finds_a_whole_document() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default()
        .set("scaling.cooldown", "1s")
        .set("scaling.max_size", "4")
        .set("discovery.labels.team", "web");
    let mut agent = environment.start(settings).await;
    environment.until_targets(1).await;
    let end = Arc::new(AtomicBool::new(false));
    let reader = tokio::task::spawn_blocking({
        let (path, end) = (environment.discovery_file(), end.clone());
        move || read_until(&path, &end)
    });
    for size in 2..=4 {
        agent.alert("up").await;
        environment.until_targets(size).await;
    }
    for size in [3, 2] {
        agent.alert("down").await;
        environment.until_targets(size).await;
    }
    // A crash at any moment leaves a whole document, too.
    agent.end(rustix::process::Signal::KILL).await;
    end.store(true, Ordering::Relaxed);
    let (reads, documents) = reader.await.expect("the reader found no fault");
    assert!(reads > 100, "{reads} reads");
    assert!(documents >= 3, "the reader saw changes: {documents}");
}

#[tokio::test]
async fn a_file_that_is_right_is_left_alone() {
    let environment = Environment::with_pool(2).await;
    let path = environment.discovery_file();
    let leftover = path.with_file_name(".config.json.tmp");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&leftover, "[{\"targ").unwrap();
    let agent = environment.start(Settings::default()).await;
    let mut targets = environment.until_targets(2).await;
    let identity = || {
        let file = fs::metadata(&path).unwrap();
        (file.ino(), file.mtime(), file.mtime_nsec())
    };
    let before = identity();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o644
    );
    assert!(!leftover.exists(), "what a crash left is removed");
    let rounds = environment.calls("list-instances");
    until("five rounds pass", || {
        (environment.calls("list-instances") >= rounds + 5).then_some(())
    })
    .await;
    assert_eq!(identity(), before);

    // Also across a restart.
    drop(agent);
    let _agent = environment.start(Settings::default()).await;
    let rounds = environment.calls("list-instances");
    until("three rounds pass", || {
        (environment.calls("list-instances") >= rounds + 3).then_some(())
    })
    .await;
    assert_eq!(identity(), before);

    // The members' addresses are what it holds, in a stable order.
    let mut members: Vec<String> = environment
        .pool()
        .members
        .iter()
        .map(|m| format!("{}:9100", m.ip))
        .collect();
    members.sort();
    targets.sort();
    assert_eq!(targets, members);
}

#[tokio::test]
async fn a_file_that_somebody_spoilt_or_removed_is_made_again() {
    let environment = Environment::with_pool(2).await;
    let _agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    fs::remove_file(environment.discovery_file()).unwrap();
    environment.until_targets(2).await;
    fs::write(environment.discovery_file(), "[").unwrap();
    until("it is whole again", || {
        let text = fs::read_to_string(environment.discovery_file()).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_keeps_the_old_file() {
    let environment = Environment::with_pool(2).await;
    let agent = environment
        .start(Settings::default().set("scaling.cooldown", "1s"))
        .await;
    let before = environment.until_targets(2).await;
    // A folder in the place of the temporary file makes each write fail, for root, too.
    let blocked = environment
        .discovery_file()
        .with_file_name(".config.json.tmp");
    fs::create_dir(&blocked).unwrap();
    agent.alert("up").await;
    environment.until_size(3).await;
    until("the failure is said", || {
        agent.line("Service discovery file is not written.")
    })
    .await;
    assert_eq!(environment.targets(), Some(before));
    assert_eq!(agent.get("/healthz").await.status(), 503);
    fs::remove_dir(&blocked).unwrap();
    environment.until_targets(3).await;
    agent.until_healthy().await;
}

/// Fills the folder's file system to the last byte, by a file that it returns the path of.
fn fill(folder: &Path) -> std::path::PathBuf {
    use std::io::Write as _;
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[0; 1024]) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    path
}

/// What a folder holds, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_full_or_read_only_disk_keeps_the_old_file_until_it_has_room() {
    let environment = Environment::with_pool(1).await;
    environment.write_journal(&crate::agent_support::long_ago());
    let folder = environment.discovery_file().parent().unwrap().to_owned();
    fs::create_dir(&folder).unwrap();
    let mount = format!("mount -t tmpfs -o size=64k tmpfs {:?}", folder.display());
    let settings = Settings::default().set("scaling.cooldown", "1s");
    let Some(agent) = environment.restart_with_mounts(settings, &mount).await else {
        return;
    };
    let (path, folder) = (
        agent.seen(&environment.discovery_file()),
        agent.seen(&folder),
    );
    let targets = || {
        let document: Value = serde_json::from_str(&fs::read_to_string(&path).ok()?).unwrap();
        Some(document[0]["targets"].as_array().unwrap().len())
    };
    let hold = async |count| until("the file follows", || targets().filter(|n| *n == count)).await;
    hold(1).await;

    let filler = fill(&folder);
    agent.alert("up").await;
    environment.until_size(2).await;
    agent.until_unhealthy("No space left").await;
    assert_eq!(targets(), Some(1), "the old file is whole");
    assert_eq!(
        names(&folder),
        ["config.json", "filler"],
        "no half of a new one is left"
    );
    fs::remove_file(filler).unwrap();
    hold(2).await;
    agent.until_healthy().await;

    let real = environment.discovery_file();
    let remount = async |how| agent.remount(how, real.parent().unwrap()).await;
    remount("remount,ro").await;
    agent.alert("up").await;
    environment.until_size(3).await;
    agent.until_unhealthy("Read-only file system").await;
    assert_eq!(targets(), Some(2));
    remount("remount,rw").await;
    hold(3).await;
    agent.until_healthy().await;
}

#[tokio::test]
async fn a_link_is_followed_and_a_wrong_mode_mended() {
    let environment = Environment::with_pool(2).await;
    let (link, real) = (
        environment.discovery_file(),
        environment.folder.path().join("real"),
    );
    fs::create_dir(link.parent().unwrap()).unwrap();
    fs::create_dir(&real).unwrap();
    let target = real.join("targets.json");
    std::os::unix::fs::symlink("../real/targets.json", &link).unwrap();
    let _agent = environment.start(Settings::default()).await;
    environment.until_targets(2).await;
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(&real), ["targets.json"]);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
    until("everyone may read it", || {
        let mode = fs::metadata(&target).ok()?.permissions().mode();
        (mode & 0o777 == 0o644).then_some(())
    })
    .await;
}
