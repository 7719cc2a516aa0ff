//! What happens where a report cannot be written, or nobody reads it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{json, loadtest, run, stderr, stdout};
use crate::support::{self, Behaviour, Server};

/// The report files that there are.
const FLAGS: [&str; 6] = [
    "--json",
    "--html",
    "--hgrm",
    "--hlog",
    "--csv",
    "--save-summary",
];

/// Arguments for all the reports, of which one goes to `path` instead of the folder.
fn reports<'a>(folder: &'a [PathBuf], odd: &'a str, path: &'a str) -> Vec<&'a str> {
    let file = |index: usize| folder[index].to_str().expect("UTF-8");
    FLAGS
        .iter()
        .enumerate()
        .flat_map(|(index, flag)| [*flag, if *flag == odd { path } else { file(index) }])
        .collect()
}

#[test]
fn a_report_that_cannot_be_written_costs_neither_the_table_nor_the_other_reports() {
    let server = Server::start(Behaviour::default());
    for flag in FLAGS {
        let folder = tempfile::tempdir().expect("a folder");
        let files: Vec<PathBuf> = FLAGS.map(|flag| folder.path().join(&flag[2..])).into();
        let output = run(&server.url(), &reports(&files, flag, "/dev/full"));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{flag}: {said}");
        assert!(stdout(&output).contains("100.00 % delivered"), "{flag}");
        assert!(said.contains("cannot write /dev/full"), "{flag}: {said}");
        assert_eq!(said.matches("No space left").count(), 1, "{flag}: {said}");
        for (other, file) in FLAGS.iter().zip(&files) {
            let written = fs::metadata(file).is_ok_and(|data| data.len() > 0);
            assert_eq!(written, *other != flag, "{other} beside {flag}");
        }
    }
}

#[test]
fn every_report_that_cannot_be_written_is_named() {
    let server = Server::start(Behaviour::default());
    let all: Vec<&str> = FLAGS.iter().flat_map(|flag| [*flag, "/dev/full"]).collect();
    let output = run(&server.url(), &all);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(stdout(&output).contains("100.00 % delivered"));
    assert_eq!(
        said.matches("cannot write /dev/full").count(),
        FLAGS.len(),
        "{said}"
    );
}

#[test]
fn a_full_standard_output_costs_no_report() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["--rate", "50", "--duration", "500ms", "--json"])
        .arg(&path)
        .arg(server.url())
        .stdout(full.expect("there is one"))
        .output()
        .expect("the program starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("cannot write to standard output: No space left"),
        "{said}"
    );
    assert_eq!(json(&path)["run"]["scheduled"], 25);
}

#[test]
fn readers_that_are_gone_cost_no_report() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args([
            "--rate",
            "50",
            "--duration",
            "1s",
            "--tick",
            "100ms",
            "--json",
        ])
        .arg(&path)
        .arg(server.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop((child.stdout.take(), child.stderr.take()));
    let status = child.wait().expect("ended");
    assert_eq!(status.code(), Some(0));
    assert_eq!(json(&path)["run"]["scheduled"], 50);
}

#[test]
fn a_comparison_that_nobody_reads_is_no_failure() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    let file = path.to_str().expect("UTF-8");
    assert_eq!(run(&server.url(), &["--json", file]).status.code(), Some(0));
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["compare", file, file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_folder_that_does_not_exist_is_said_before_the_run() {
    let server = Server::start(Behaviour::default());
    for flag in FLAGS {
        let output = run(&server.url(), &[flag, "/nowhere/x"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{flag}: {said}");
        assert!(
            said.contains(&format!("cannot write /nowhere/x ({flag})")),
            "{said}"
        );
    }
    let output = loadtest(&["merge", "/nowhere/a.hlog", "--json", "/nowhere/x"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_run_that_does_not_begin_leaves_every_file_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<PathBuf> = FLAGS.map(|flag| folder.path().join(&flag[2..])).into();
    let (_held, free) = support::refusing_address();
    let url = format!("http://{free}/");
    let output = run(&url, &reports(&files, "", ""));
    assert_eq!(output.status.code(), Some(3));
    assert!(
        files.iter().all(|file| !file.exists()),
        "nothing new is left"
    );

    for file in &files {
        fs::write(file, "of yesterday").expect("written");
    }
    let output = run(&url, &reports(&files, "", ""));
    assert_eq!(output.status.code(), Some(3));
    for file in &files {
        let text = fs::read_to_string(file).expect("it is still there");
        assert_eq!(text, "of yesterday", "{}", file.display());
    }
}

#[test]
fn a_report_on_standard_output_stands_alone() {
    let server = Server::start(Behaviour::default());
    for (flag, begin) in [
        ("--json", "{"),
        ("--html", "<!doctype html>"),
        ("--hgrm", "       Value"),
        ("--csv", "start_s,"),
        ("--save-summary", "{\"schema\":\"loadtest.run/1\""),
    ] {
        let output = run(&server.url(), &["--quiet", flag, "-"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.starts_with(begin), "{flag}: {text:.100}");
        assert!(!text.contains("from the first byte."), "a table beside it");
    }
}
