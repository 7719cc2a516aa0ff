//! What packages hold: completion scripts, manual pages, settings and services.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::Output,
};

use agent::settings::{defaults, explain, explain_all, load_text};
use tokio::process::Command;

use crate::programs::end_of;

async fn autoscaler(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    command.args(arguments);
    end_of(command).await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn each_shell_completes_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = autoscaler(&["completions", shell]).await;
        assert!(ended.status.success(), "{shell}");
        let script = text(&ended.stdout);
        for word in ["check-config", "local-cloud", "template", "min-size"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let unknown = autoscaler(&["completions", "cmd"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("powershell"), "{unknown:?}");
}

#[tokio::test]
async fn each_visible_subcommand_has_a_page_that_names_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("new/man1");
    let ended = autoscaler(&["man", pages.to_str().unwrap()]).await;
    assert!(ended.status.success(), "{ended:?}");
    let page = |name: &str| {
        fs::read_to_string(pages.join(name))
            .expect(name)
            .replace('\\', "")
    };
    let main = page("autoscaler.1");
    let help = text(&autoscaler(&["--help"]).await.stdout);
    let subcommands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut count = 0;
    for line in subcommands.take_while(|line| !line.is_empty()) {
        let Some(name) = line
            .strip_prefix("  ")
            .filter(|line| !line.starts_with(' '))
        else {
            continue;
        };
        let name = name.split(' ').next().unwrap();
        if name == "help" {
            continue;
        }
        count += 1;
        assert!(main.contains(&format!("autoscaler-{name}(1)")), "{name}");
        let page = page(&format!("autoscaler-{name}.1"));
        let help = text(&autoscaler(&[name, "--help"]).await.stdout);
        let options = help
            .split_whitespace()
            .filter(|word| word.starts_with("--"));
        for option in options.filter(|word| word.len() > 2 && !word.contains(['.', '='])) {
            let option = option.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(page.contains(option), "{name}: {option}");
        }
    }
    assert!(count >= 8, "{help}");
    assert!(!main.contains("die-with-parent"), "hidden");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let ended = autoscaler(&["man", "/dev/null/pages"]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("/dev/null/pages"), "{ended:?}");
}

const SETTINGS_HEAD: &str = "\
# Settings of the autoscaling agent. Each line that begins with #name shows a default; uncomment it to change it.
# `autoscaler check-config --explain KEY` says more of one setting.
#
# After a change, look at what the agent would make of it, and have it read the file again:
#
#   autoscaler check-config --config /etc/autoscaler/agent.toml
#   systemctl reload autoscaler
#
# What the agent cannot do without: exoscale.key, exoscale.secret and exoscale.instance_pool, and for alerts from other
# machines alerts.token. Then: systemctl enable --now autoscaler
";

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The file that packages lay into `/etc`, made of the table of settings.
fn settings_file() -> String {
    let defaults: BTreeMap<_, _> = defaults().collect();
    let mut file = SETTINGS_HEAD.to_owned();
    let mut section = "";
    let all = explain_all();
    for line in all.lines() {
        let (key, about) = line.split_once(' ').expect("a key and a sentence");
        let about = about.trim();
        let Some((of, name)) = key.split_once('.') else {
            // Rows: their form is a page of its own.
            write!(
                file,
                "\n# {about}\n# docs/scaling.md has examples.\n#[[{key}]]\n"
            )
            .unwrap();
            continue;
        };
        if of != section {
            section = of;
            write!(file, "\n[{of}]\n").unwrap();
        }
        let value = defaults.get(key).map_or("", |value| value);
        let is_bare = value.parse::<f64>().is_ok() || value.parse::<bool>().is_ok();
        let is_table = explain(key).unwrap().contains("  table of ");
        let value = match (is_table, is_bare) {
            (true, _) => "{}".to_owned(),
            (_, true) => value.to_owned(),
            _ => format!("{value:?}"),
        };
        write!(file, "# {about}\n#{name} = {value}\n").unwrap();
    }
    file
}

#[test]
fn the_packaged_settings_file_is_made_of_the_table() {
    let path = repository().join("packaging/debian/agent.toml");
    let file = settings_file();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &file).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == file,
        "run: UPDATE_DOCS=1 cargo test -p autoscaler the_packaged_settings_file"
    );
}

#[test]
fn the_packaged_settings_file_means_the_defaults_line_by_line() {
    let file = fs::read_to_string(repository().join("packaging/debian/agent.toml")).unwrap();
    let is_setting =
        |line: &str| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
    let given = |uncomment: bool| {
        let mut text = String::new();
        for line in file.lines() {
            let line = match line {
                "#key = \"\"" if text.ends_with("agent signs with.\n") => "key = \"EXO1\"",
                "#secret = \"\"" if text.ends_with("of the API key.\n") => "secret = \"s\"",
                "#instance_pool = \"\"" => {
                    "instance_pool = \"3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e\""
                }
                _ if uncomment && is_setting(line) && !line.ends_with("\"\"") => &line[1..],
                _ => line,
            };
            writeln!(text, "{line}").unwrap();
        }
        text
    };
    let values = |text: &str| -> BTreeMap<_, _> {
        let (_, entries) =
            load_text("agent.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // An empty table is shown where it is given.
        let shown = entries.into_iter().filter(|entry| entry.value != "{}");
        shown.map(|entry| (entry.key, entry.value)).collect()
    };
    let commented = values(&given(false));
    assert_eq!(values(&given(true)), commented);
    assert!(file.lines().filter(|line| is_setting(line)).count() > 50);
}

/// The lines of a unit's sections, as a set.
fn lines(unit: &str) -> BTreeSet<&str> {
    unit.lines().filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn the_debian_unit_has_the_rights_of_the_image_and_its_own_paths() {
    let image = repository().join("nixos/units/autoscaler.service");
    let mut command = Command::new("sed");
    command
        .arg("-f")
        .arg(repository().join("packaging/debian/unit.sed"))
        .arg(&image);
    let ended = end_of(command).await;
    assert!(ended.status.success(), "{ended:?}");
    let unit = text(&ended.stdout);
    let image = fs::read_to_string(image).unwrap();
    let (unit, image) = (lines(&unit), lines(&image));
    let mut more: Vec<_> = unit.difference(&image).copied().collect();
    more.sort_unstable();
    assert_eq!(
        more,
        [
            "After=network-online.target",
            "Documentation=man:autoscaler(1)",
            "Environment=\"AUTOSCALER_CONFIG=/etc/autoscaler/agent.toml\"",
            "ExecStart=/usr/bin/autoscaler agent",
            "User=autoscaler",
        ]
    );
    let less = image
        .difference(&unit)
        .map(|line| line.split('=').next().unwrap());
    assert_eq!(
        less.collect::<Vec<_>>(),
        [
            "After",
            "DynamicUser",
            "Environment",
            "ExecStart",
            "LoadCredential",
            "Requires"
        ]
    );
}
