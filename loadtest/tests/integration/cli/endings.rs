//! How a run ends: the exit code, also when somebody ends it.

use std::{fs, io::Read as _};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{json, run, start_long_run, stderr, stdout};
use crate::support::{self, Behaviour, Server};

#[test]
fn conditions_set_the_exit_code() {
    let server = Server::start(Behaviour {
        status: "500 Oops",
        ..Behaviour::default()
    });
    let output = run(
        &server.url(),
        &[
            "--quiet",
            "--fail-if",
            "errors>0.1%",
            "--fail-if",
            "delivered<99%",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).is_empty(), "quiet: {}", stderr(&output));
    assert!(
        stdout(&output).contains("FAILED  fail if errors>0.1%  (measured 100.000%)"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("passed  fail if delivered<99%"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_target_that_is_down_is_one_line_and_its_own_exit_code() {
    let (_held, free) = support::refusing_address();
    let output = run(&format!("http://{free}/"), &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("connection refused. Is the server running?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_name_without_an_address_is_one_line_too() {
    // A label of more than 63 characters is refused before anyone is asked.
    let host = "x".repeat(64);
    let output = run(&format!("http://{host}/"), &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("cannot resolve {host:?}")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn statuses_are_shown_and_a_run_without_a_success_is_not_well() {
    for (status, shown, code) in [
        ("200 OK", "200: 100", 0),
        ("204 None", "204: 100", 0),
        ("302 Found\r\nlocation: /x", "302: 100", 0),
        ("404 Not Found", "404: 100", 5),
        ("503 Busy", "503: 100", 5),
        ("999 Odd", "999: 100", 5),
    ] {
        let server = Server::start(Behaviour {
            status,
            ..Behaviour::default()
        });
        let output = run(&server.url(), &["--quiet"]);
        let table = stdout(&output);
        assert_eq!(output.status.code(), Some(code), "{status}: {table}");
        assert!(table.contains(&format!("status {shown}\n")), "{table}");
        let warns = table.contains("100 responses were redirects (3xx), which were not followed");
        assert_eq!(warns, status.starts_with("302"), "{table}");
    }
}

#[test]
fn a_run_in_which_nothing_was_answered_is_not_well() {
    let (_held, free) = support::refusing_address();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("run.hlog");
    let log = log.to_str().expect("UTF-8");
    let url = format!("http://{free}/");
    let output = run(&url, &["--quiet", "--no-probe", "--hlog", log]);
    let table = stdout(&output);
    assert_eq!(output.status.code(), Some(5), "{table}");
    assert!(
        table.contains("status none") && table.contains("refused"),
        "{table}"
    );
    let merged = super::loadtest(&["merge", log]);
    assert_eq!(merged.status.code(), Some(5), "{}", stdout(&merged));
}

#[test]
fn interrupt_ends_a_run_with_its_report() {
    let server = Server::start(Behaviour::default());
    let (child, mut lines) = start_long_run(&server, &["--json", "-"]);
    kill_process(Pid::from_child(&child), Signal::INT).expect("signalled");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("text");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{rest}");
    assert!(rest.contains("ending"), "{rest}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let run = &report["run"];
    assert!(run["scheduled"].as_u64().expect("a count") < 5_000);
    let count = |field: &str| run[field].as_u64().expect("a count");
    assert_eq!(
        count("ok"),
        count("sent") + count("late"),
        "every request that was sent has its answer"
    );
}

#[test]
fn every_report_is_there_after_an_early_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start(Behaviour::default());
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let names = ["json", "html", "hgrm", "hlog"];
        let arguments: Vec<String> = names
            .iter()
            .flat_map(|name| [format!("--{name}"), file(name).display().to_string()])
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (child, mut lines) = start_long_run(&server, &arguments);
        let process = Pid::from_child(&child);
        kill_process(process, signal).expect("signalled");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("text");
        let output = child.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(0), "{rest}");
        assert!(stdout(&output).contains("scheduled "), "{rest}");
        assert!(json(&file("json"))["run"]["ok"].as_u64() > Some(0));
        for name in names {
            assert!(fs::metadata(file(name)).expect(name).len() > 0, "{name}");
        }
    }
}
