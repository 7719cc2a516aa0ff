//! Files of settings, and keys that are none.

use std::collections::BTreeSet;

use policy::Size;

use super::{Given, POOL};
use crate::settings::{load_text, table::TABLE};

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
fn an_empty_section_sets_nothing_and_is_no_mistake() {
    let needed =
        format!("[exoscale]\nkey = \"EXO1\"\nsecret = \"abc\"\ninstance_pool = \"{POOL}\"\n");
    let sections: BTreeSet<_> = TABLE
        .iter()
        .filter_map(|setting| Some(setting.key.split_once('.')?.0))
        .filter(|section| *section != "exoscale")
        .collect();
    let empty: Vec<_> = sections.iter().map(|name| format!("[{name}]\n")).collect();
    let text = needed.clone() + &empty.concat();
    let entries = |text: &str| load_text("agent", text).unwrap().1;
    assert_eq!(entries(&text), entries(&needed));
    assert!(sections.contains("tls") && sections.contains("links"));
    let unknown = load_text("agent", &format!("{needed}[scalling]\n")).unwrap_err();
    assert!(
        unknown.to_string().contains("scalling: unknown setting"),
        "{unknown}"
    );
}

#[test]
fn a_file_is_read_the_same_as_text_alone() {
    let text = format!(
        "[exoscale]\nkey = \"EXO1\"\nsecret = \"abc\"\ninstance_pool = \"{POOL}\"\n[scaling]\nmax_size = 4\n"
    );
    let (settings, entries) = load_text("agent", &text).unwrap();
    assert_eq!(settings.agent.pools[0].rules.bounds.max(), Size(4));
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

const OFFICE: &str = "[[schedule]]\ndays = \"mon-fri\"\nfrom = \"08:00\"\nto = \"18:00\"\n\
                      time_zone = \"Europe/Vienna\"\nmin_size = 4\n";

#[test]
fn a_schedule_has_rows() {
    let night = OFFICE.replace("08:00", "20:00").replace("18:00", "06:00");
    let given = Given::new().file(&format!("{OFFICE}{night}max_size = 6\n"));
    let rows = given.pool().schedule;
    let texts: Vec<String> = rows.entries().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "mon-fri 08:00 to 18:00 Europe/Vienna: at least 4",
            "mon-fri 20:00 to 06:00 Europe/Vienna: at least 4, at most 6",
        ]
    );
    assert_eq!(given.entry("schedule").value, "2 rows");
}

#[test]
fn a_schedule_that_makes_no_sense_is_refused_with_its_row() {
    let second = |row: &str| format!("{OFFICE}[[schedule]]\n{row}");
    let good = "from = \"20:00\"\nto = \"22:00\"\ntime_zone = \"UTC\"\nmin_size = 2\n";
    Given::new().file(&second(good)).settings();
    for (text, key, says) in [
        (
            second(&good.replace("UTC", "Mars")),
            "schedule row 2",
            "`Mars`",
        ),
        (
            second(&good.replace("= 2", "= 11")),
            "schedule row 2",
            "scaling.max_size",
        ),
        (second(&good.replace("= 2", "= -1")), "schedule row 2", "-1"),
        (
            second(&good.replace("min_size", "size")),
            "schedule row 2",
            "size",
        ),
        (
            second(&good.replace("20:00", "10:00")),
            "schedule",
            "rows 1 and 2",
        ),
        ("schedule = 7\n".to_owned(), "schedule", "[[schedule]]"),
        ("schedule = [7]\n".to_owned(), "schedule row 1", "7"),
    ] {
        let (found, source, message) = Given::new().file(&text).problem();
        assert_eq!(found, key, "{text}: {message}");
        assert!(source.contains("agent.toml"), "{source}");
        assert!(message.contains(says), "{text}: {message}");
    }
    let (key, _, message) = Given::new().flag("schedule", "mon-fri").problem();
    assert_eq!(key, "schedule");
    assert!(message.contains("file of settings"), "{message}");
}

#[test]
fn a_section_in_which_everything_is_commented_out_is_none() {
    Given::new()
        .file("[links]\n# grafana = \"x\"\n[drain]\n")
        .settings();
    let (key, ..) = Given::new().file("[link]\n").problem();
    assert_eq!(key, "link");
}
