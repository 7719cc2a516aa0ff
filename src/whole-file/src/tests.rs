//! What may stand in a file's place, and what becomes of it.

use std::{
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Puts something that is no file at `path`; a socket lives as long as what is returned.
fn put(kind: Kind, path: &Path) -> Option<UnixListener> {
    match kind {
        Kind::Folder => fs::create_dir(path).unwrap(),
        Kind::Fifo => fifo(path),
        Kind::Socket => return Some(UnixListener::bind(path).unwrap()),
        Kind::Device | Kind::File => unreachable!("not used"),
    }
    None
}

const KINDS: [Kind; 3] = [Kind::Folder, Kind::Fifo, Kind::Socket];

fn content(path: &Path) -> String {
    String::from_utf8(read(path).unwrap().unwrap().0).unwrap()
}

#[test]
fn a_file_is_replaced_with_the_wanted_mode_and_nothing_else_is_left() {
    let folder = folder();
    let path = folder.path().join("a.json");
    check(&path).unwrap();
    assert!(read(&path).unwrap().is_none());
    for (text, mode) in [("one", 0o644), ("two", 0o600)] {
        replace(&path, text.as_bytes(), mode).unwrap();
        assert_eq!(read(&path).unwrap(), Some((text.into(), mode)));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_file_is_refused_and_never_opened() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("a.json");
        let _socket = put(kind, &path);
        let link = folder.path().join("link");
        symlink("a.json", &link).unwrap();
        for path in [&path, &link] {
            for error in [check(path).unwrap_err(), read(path).unwrap_err()] {
                let text = error.to_string();
                assert!(
                    text.contains("a.json is a") && text.contains(&kind.to_string()),
                    "{text}"
                );
            }
        }
    }
    let error = check(Path::new("/dev/null")).unwrap_err().to_string();
    assert_eq!(
        error,
        "/dev/null is a device: remove it, or choose another path"
    );
}

#[test]
fn what_is_in_the_place_of_the_temporary_file_is_named_unless_a_crash_left_it() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("a.json");
        let temporary = folder.path().join(".a.json.tmp");
        let _socket = put(kind, &temporary);
        for error in [
            check(&path).unwrap_err(),
            replace(&path, b"", 0o644).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(".a.json.tmp is a"), "{text}");
            assert!(text.contains("temporary file: remove it"), "{text}");
        }
    }
    let folder = folder();
    let path = folder.path().join("a.json");
    let other = folder.path().join("other");
    fs::write(&other, "kept").unwrap();
    fs::write(folder.path().join(".a.json.tmp"), "half").unwrap();
    check(&path).unwrap();
    assert!(!folder.path().join(".a.json.tmp").exists());
    // A link there is not written through.
    symlink("other", folder.path().join(".a.json.tmp")).unwrap();
    replace(&path, b"new", 0o644).unwrap();
    assert_eq!(
        (content(&path), content(&other)),
        ("new".into(), "kept".into())
    );
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced_in_its_own_folder() {
    let folder = folder();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("target"), "old").unwrap();
    for (name, to) in [
        ("relative", PathBuf::from("own/target")),
        ("absolute", own.join("target")),
        ("second", "relative".into()),
        // Leads to what is not there yet.
        ("dangling", "own/new".into()),
    ] {
        let link = folder.path().join(name);
        symlink(to, &link).unwrap();
        check(&link).unwrap();
        replace(&link, name.as_bytes(), 0o644).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "{name}");
        assert_eq!(content(&link), name);
    }
    assert_eq!(content(&own.join("target")), "second");
    assert_eq!(content(&own.join("new")), "dangling");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 2);
    remove(&folder.path().join("second")).unwrap();
    assert!(!own.join("target").exists() && own.exists());
}

#[test]
fn links_that_lead_nowhere_are_named() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    symlink("two", &one).unwrap();
    symlink("one", &two).unwrap();
    let text = check(&one).unwrap_err().to_string();
    assert!(text.contains("one lead in a circle"), "{text}");
    let lost = folder.path().join("lost");
    symlink("nowhere/file", &lost).unwrap();
    let text = check(&lost).unwrap_err().to_string();
    assert!(text.contains("cannot find the folder"), "{text}");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_path_without_a_name_is_refused() {
    for path in ["/", "..", "", "/tmp/.."] {
        assert!(check(Path::new(path)).is_err(), "{path:?}");
    }
    assert_eq!(folder_of(Path::new("a.json")), Path::new("."));
}

#[test]
fn an_old_file_outlives_a_write_that_fails() {
    let folder = folder();
    let path = folder.path().join("a.json");
    replace(&path, b"old", 0o644).unwrap();
    fs::create_dir(folder.path().join(".a.json.tmp")).unwrap();
    replace(&path, b"new", 0o644).unwrap_err();
    assert_eq!(content(&path), "old");
}

#[test]
fn a_folder_is_made_unless_something_is_in_its_place() {
    let folder = folder();
    let deep = folder.path().join("a/b");
    make_folder(&deep).unwrap();
    make_folder(&deep).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let text = make_folder(&file).unwrap_err().to_string();
    assert!(text.contains("file is a file, not a folder"), "{text}");
    assert!(make_folder(&file.join("below")).is_err());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_private_folder_is_for_its_owner_and_those_above_it_for_everyone() {
    let folder = folder();
    let deep = folder.path().join("a/b");
    make_private_folder(&deep).unwrap();
    assert_eq!((mode(&deep), mode(folder_of(&deep))), (0o700, 0o755));
    // One that is there is left to whoever made it.
    make_private_folder(folder_of(&deep)).unwrap();
    assert_eq!(mode(folder_of(&deep)), 0o755);
}

#[test]
fn rights_are_taken_and_none_is_given() {
    let folder = folder();
    let path = folder.path().join("a.json");
    assert!(!tighten(&path, 0o600).unwrap(), "there is no file");
    fs::write(&path, "").unwrap();
    for (had, left, changed) in [
        (0o644, 0o600, true),
        (0o4755, 0o600, true),
        (0o440, 0o400, true),
        (0o600, 0o600, false),
        (0o400, 0o400, false),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(had)).unwrap();
        assert_eq!(tighten(&path, 0o600).unwrap(), changed, "{had:o}");
        assert_eq!(mode(&path), left, "{had:o}");
    }
}
