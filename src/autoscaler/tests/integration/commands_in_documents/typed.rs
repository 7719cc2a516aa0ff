//! What a reader of a block types: the shell itself takes the block apart, and runs nothing of it.

use std::{fs, path::PathBuf, process::Stdio};

use tokio::{process::Command, time::timeout};

use super::{PATIENCE, blocks::Block};
use crate::agent_support::tool;

/// Before a block: every command is noted with its arguments, and says an address, which is what
/// most substitutions are for.
const NOTE_ALL: &str = r#"
exec 9>"$1"
command_not_found_handle() {
  printf '%s\0' "$#" "$@" >&9
  [[ $1 == autoscaler || $1 == loadtest ]] || echo http://127.0.0.1:8080/
}
cd() { :; }
kill() { :; }
PATH=/nowhere
"#;

/// A command line of one of the programs.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
}

/// The programs beside this test's; `None` where this one was not built.
pub(super) fn program_file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_autoscaler")).with_file_name(name);
    let required = std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_some();
    let is_there = path.is_file();
    assert!(is_there || !required, "{} is not built", path.display());
    is_there.then_some(path)
}

/// The command lines of `autoscaler` and `loadtest` in a block.
pub(super) async fn typed(block: &Block) -> Vec<Typed> {
    let Some(bash) = tool("bash") else {
        return Vec::new();
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (script, notes) = (folder.path().join("script"), folder.path().join("notes"));
    fs::write(
        &script,
        format!("{NOTE_ALL}{}\nwait\n", without_files(&block.text)),
    )
    .expect("writable");
    let mut command = Command::new(bash);
    command
        .arg(&script)
        .arg(&notes)
        .env_clear()
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("it ends").expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let place = block.place();
    assert!(!said.contains("syntax error"), "{place}: {said}");
    let notes = fs::read_to_string(&notes).expect("notes");
    let mut words = notes.split_terminator('\0').map(str::to_owned);
    let mut found = Vec::new();
    while let Some(count) = words.next() {
        let count = count.parse().expect("a count");
        let line: Vec<_> = words.by_ref().take(count).collect();
        found.extend(ours(&line));
    }
    found
}

/// The block without redirections: what they name need not be there.
fn without_files(text: &str) -> String {
    let line = |line: &str| {
        let mut kept = Vec::new();
        let mut words = line.split(' ');
        while let Some(word) = words.next() {
            let name = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_redirection = name.starts_with('>') || name.starts_with("</");
            let file = if !is_redirection {
                kept.push(word);
                continue;
            } else if name.trim_start_matches('>').is_empty() {
                words.next().unwrap_or_default()
            } else {
                name
            };
            // What ends a substitution or a command stands behind the file's name.
            let end = file.trim_end_matches([')', ';', '&', '"']).len();
            kept.extend(Some(&file[end..]).filter(|rest| !rest.is_empty()));
        }
        kept.join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Which of our programs a command line comes to.
fn ours(words: &[String]) -> Option<Typed> {
    let (first, rest) = words.split_first()?;
    let has = |word: &str| rest.iter().any(|one| one == word);
    let after_dashes = || {
        let dashes = rest.iter().position(|word| word == "--");
        dashes.map(|at| rest[at + 1..].to_vec()).unwrap_or_default()
    };
    let of = |program, arguments| Some(Typed { program, arguments });
    match first.as_str() {
        "sudo" => ours(rest),
        "autoscaler" => of("autoscaler", rest.to_vec()),
        "loadtest" => of("loadtest", rest.to_vec()),
        "cargo" if has("run") && has("loadtest") => of("loadtest", after_dashes()),
        "cargo" if has("run") && !has("-p") => of("autoscaler", after_dashes()),
        "nix" if has(".#loadtest") => of("loadtest", after_dashes()),
        "docker" => {
            let is_image = |word: &String| word == "autoscaler" || word.contains("/autoscaler:");
            let image = rest.iter().position(is_image)?;
            of("autoscaler", rest[image + 1..].to_vec())
        }
        _ => None,
    }
}

/// The command lines of a block that our programs refuse. A program reads all that stands before
/// `--help`, and does nothing.
pub(super) async fn mistakes(block: &Block) -> Vec<String> {
    let mut mistakes = Vec::new();
    for Typed { program, arguments } in typed(block).await {
        let Some(file) = program_file(program) else {
            println!("skipped: {program} is not built");
            continue;
        };
        let mut command = Command::new(file);
        command
            .args(&arguments)
            .arg("--help")
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await;
        let output = output.expect("it ends").expect("it runs");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().next().unwrap_or_default();
            let arguments = arguments.join(" ");
            mistakes.push(format!(
                "{}: `{program} {arguments}`: {line}",
                block.place()
            ));
        }
    }
    mistakes
}
