//! Completion scripts and manual pages, as packages make them.

use std::{fs, process::Output};

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
