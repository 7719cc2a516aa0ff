//! What is sent, and what is checked, as the command line asks for it.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use super::{json, loadtest, stderr, stdout};
use crate::{
    requests::{Asked, Host},
    support::{Behaviour, Server},
};

/// Starts the program with a text on its standard input and variables in its environment.
fn with_input(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("taken");
    drop(stdin);
    child.wait_with_output().expect("ended")
}

/// A server that answers everything with 200; the program is started beside it.
fn host() -> Host {
    Host::start_beside(|_| (200, Vec::new(), b"{\"a\":1}".to_vec()))
}

const SENT: [&str; 6] = ["--rate", "500", "--requests", "6", "--tick", "100ms"];

#[test]
fn a_failed_check_is_in_every_report_and_survives_a_merge() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (report, log) = (at("r.json"), at("r.hlog"));
    let url = server.url();
    let mut arguments = SENT.to_vec();
    arguments.extend([
        "--expect-body",
        "Hello, moon",
        "--hlog",
        &log,
        "--json",
        &report,
        &url,
    ]);
    let output = loadtest(&arguments);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(stderr(&output).contains("check 6"), "{}", stderr(&output));
    let reason = "the body does not contain \"Hello, moon\"";
    let check = |said: &str| {
        for part in [
            "6  check: the response was not",
            &format!("6 × {reason}"),
            "failed checks",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(said.contains("status 200: 6"), "{said}");
    };
    check(&stdout(&output));
    let run = &json(report.as_ref())["run"];
    assert_eq!(run["failures"]["check"], 6);
    assert_eq!(run["reasons"]["check"][reason], 6);
    assert_eq!(run["classes"]["check"]["count"], 6);
    assert_eq!(run["plan"]["expects"], "body \"Hello, moon\"");
    check(&stdout(&loadtest(&["merge", &log])));
}

#[test]
fn targets_come_from_a_file_or_standard_input_and_are_reported_apart() {
    let host = host();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (list, log, report) = (at("list"), at("r.hlog"), at("r.json"));
    let (a, b) = (host.url("/a,b"), host.url("/c d").replace(' ', "%20"));
    let object = format!("{{\"method\":\"PUT\",\"url\":\"{b}\",\"body\":\"UHVuY2gh\"}}\n");
    for text in [format!("GET {a}\n\nGET {b}\n"), object] {
        std::fs::write(&list, &text).expect("written");
        let mut arguments = SENT.to_vec();
        arguments.extend(["--hlog", &log, "--json", &report, "--targets"]);
        for (file, input) in [(list.as_str(), ""), ("-", text.as_str())] {
            let arguments = [&arguments[..], &[file]].concat();
            let output = with_input(&arguments, input, &[]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        if text.starts_with("GET") {
            for said in [
                json(report.as_ref())["run"]["targets"].clone(),
                merged(&log)["run"]["targets"].clone(),
            ] {
                let rows = said.as_array().expect("rows");
                assert_eq!(rows.len(), 2, "{said}");
                assert_eq!(rows[0]["target"], format!("GET {a}"));
                assert_eq!(
                    (&rows[0]["ok"], &rows[1]["response"]["count"]),
                    (&3.into(), &3.into())
                );
            }
        }
    }
    let puts = host
        .asked()
        .into_iter()
        .filter(|asked| asked.method == "PUT");
    let bodies: Vec<String> = puts.map(|asked| asked.body).collect();
    assert_eq!(bodies, ["Punch!"; 12]);
}

fn merged(log: &str) -> serde_json::Value {
    let output = loadtest(&["merge", "--json", "-", log]);
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let host = host();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (file, page, report, log) = (at("auth"), at("r.html"), at("r.json"), at("r.hlog"));
    std::fs::write(&file, "user:se:cret\n").expect("written");
    let from_file = format!("@{file}");
    let url = host.url("/");
    let variable = [("LOADTEST_BASIC_AUTH", "user:se:cret")];
    for (given, variables) in [
        (vec!["--basic-auth", "user:se:cret"], &[][..]),
        (vec!["--basic-auth", &from_file], &[]),
        (vec![], &variable),
    ] {
        let mut arguments = SENT.to_vec();
        arguments.extend(["--html", &page, "--json", &report, "--hlog", &log]);
        arguments.extend(given);
        arguments.push(&url);
        let output = with_input(&arguments, "", variables);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let files =
            [&page, &report, &log].map(|path| std::fs::read_to_string(path).expect("written"));
        for text in files.into_iter().chain([stdout(&output), stderr(&output)]) {
            assert!(
                !text.contains("cret") && !text.contains("dXNlcjpzZTpjcmV0"),
                "{text}"
            );
        }
    }
    let asked = host.asked();
    let is_sent = |asked: &Asked| asked.headers["authorization"] == "Basic dXNlcjpzZTpjcmV0";
    assert!(asked.len() == 18 && asked.iter().all(is_sent));
    let help = with_input(&["--help"], "", &variable);
    assert!(!stdout(&help).contains("cret"));
}

#[test]
fn what_is_wrong_is_said_without_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth");
    std::fs::write(&file, "secret\n").expect("written");
    let from_file = format!("@{}", file.display());
    for (arguments, part) in [
        (
            vec!["--basic-auth", "secret", "http://h/"],
            "--basic-auth: expected USER:PASSWORD",
        ),
        (
            vec!["--basic-auth", &from_file, "http://h/"],
            "auth (--basic-auth): expected USER",
        ),
        (
            vec!["--basic-auth", "@/nowhere/f", "http://h/"],
            "cannot read /nowhere/f (--basic-auth)",
        ),
        (
            vec![
                "--basic-auth",
                "u:secret",
                "-H",
                "Authorization: x",
                "http://h/",
            ],
            "exclude each other",
        ),
        (vec!["http://user:secret@h/"], "--basic-auth"),
        (vec!["http://user:se/secret@h/"], "port"),
    ] {
        let output = loadtest(&[&SENT[..], &arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(part) && !said.contains("secret"),
            "{part}: {said}"
        );
    }
}

#[test]
fn redirects_are_followed_with_and_without_a_number() {
    let server = Server::start(Behaviour {
        status: "302 Found\r\nlocation: /again",
        ..Behaviour::default()
    });
    let url = server.url();
    for (option, said) in [
        ("--follow-redirects", "more than 10 redirects"),
        ("--follow-redirects=2", "more than 2 redirects"),
    ] {
        let output = loadtest(&[&SENT[..], &[option, &url]].concat());
        assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
        assert!(stdout(&output).contains(said), "{}", stdout(&output));
    }
    let output = loadtest(&[&SENT[..], &[&url]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("--follow-redirects"),
        "{}",
        stdout(&output)
    );
}
