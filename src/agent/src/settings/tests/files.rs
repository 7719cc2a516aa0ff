//! Files of settings, and keys that are none.

use policy::Size;

use super::{Given, POOL};
use crate::settings::load_text;

#[test]
fn a_file_that_is_no_toml_is_one_mistake_and_is_not_quoted() {
    let given = Given::new().file("[exoscale]\nzone = \"at-vie-1\"\nsecret = \"hush\n");
    let (key, _, message) = given.problem();
    assert!(key.ends_with("agent.toml"), "{key}");
    assert!(
        message.contains("line 3") && !message.contains("hush"),
        "{message}"
    );
    let mut given = Given::new();
    for (path, said) in [
        (
            "/nowhere/agent.toml",
            "there is no file /nowhere/agent.toml",
        ),
        ("/dev", "/dev is a folder"),
        ("/dev/null", "/dev/null is a device"),
    ] {
        given.sources.file = Some(path.into());
        let (key, _, message) = given.problem();
        assert_eq!(key, "--config");
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn a_file_is_read_the_same_as_text_alone() {
    let text = format!(
        "[exoscale]\nkey = \"EXO1\"\nsecret = \"abc\"\ninstance_pool = \"{POOL}\"\n[scaling]\nmax_size = 4\n"
    );
    let (settings, entries) = load_text("agent", &text).unwrap();
    assert_eq!(settings.agent.rules.bounds.max(), Size(4));
    let entry = entries.iter().find(|entry| entry.key == "scaling.max_size");
    assert_eq!(entry.unwrap().source, "file agent");
    let problems = load_text("agent", "[scaling]\ncooldown = \"0s\"").unwrap_err();
    assert_eq!(problems.0.len(), 4, "{problems}");
}

#[test]
fn a_key_that_is_nested_wrongly_is_no_setting() {
    for key in [
        ".",
        "..",
        "a..b",
        "scaling.",
        ".scaling",
        &"a.".repeat(50_000),
    ] {
        let problems = Given::new().flag(key, "1").problems();
        assert!(problems.to_string().len() < 500, "{key:.20}");
        assert!(
            problems.0[0].message.contains("unknown setting"),
            "{problems}"
        );
    }
    let deep = format!("AUTOSCALER_{}B", "A__".repeat(30_000));
    let (_, _, message) = Given::new().variable(&deep, "1").problem();
    assert!(message.contains("unknown setting"), "{message}");
    Given::new()
        .file(&format!("{}b = 1", "a.".repeat(20_000)))
        .problem();
}

#[test]
fn a_label_has_one_value() {
    let (key, _, message) = Given::new()
        .file("[discovery.labels]\nteam = [1]\n")
        .problem();
    assert_eq!(key, "discovery.labels");
    assert!(message.contains("under `team`"), "{message}");
}

#[test]
fn the_two_files_are_not_one() {
    let given = Given::new()
        .flag("journal.directory", "/srv/x")
        .flag("discovery.file", "/srv/x/journal.json");
    assert_eq!(given.problem().0, "discovery.file");
}
