//! The program as its users start it: arguments, exit codes, reports.

mod arguments;
mod browser;
mod endings;
mod fleet;
mod remote_write;
mod report_files;
mod reports;
mod requests;
mod slices;
mod terminal;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use crate::support::{Behaviour, Server};
use serde_json::Value;

fn loadtest(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_loadtest");
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(url: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["--rate", "100", "--duration", "1s", "--tick", "200ms"];
    arguments.extend(more);
    arguments.push(url);
    loadtest(&arguments)
}

/// A program on PATH. Without it the test is skipped and says so, unless programs must be there.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = found.find(|program| program.is_file());
    if found.is_none() {
        skip(&format!("{name} is not on PATH"));
    }
    found
}

fn skip(why: &str) {
    let required = std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_some();
    assert!(!required, "{why}");
    println!("skipped: {why}");
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the report");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_run_shows_lines_and_a_table() {
    let server = Server::start(Behaviour::default());
    let output = run(&server.url(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("scheduled 100 = sent "),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("100.00 % delivered"),
        "{}",
        stdout(&output)
    );
    assert!(
        stderr(&output).contains("target   100.0/s"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("backend i-1 responding"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn help_teaches_by_examples() {
    let help = stdout(&loadtest(&["--help"]));
    for part in [
        "Examples:",
        "loadtest --rate 50 --duration 60s",
        "Exit codes:",
        "\n  5    not one request succeeded",
        "x-instance, x-instance-id",
        "60s:50..400/8",
        "--requests 1000 --expect-status 200",
        "{{counter}}",
        "LOADTEST_BASIC_AUTH",
        "--follow-redirects[=<COUNT>]",
        "service.p99",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

/// Starts a long run and waits until a backend has answered.
fn start_long_run(server: &Server, more: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["--rate", "50", "--duration", "120s", "--tick", "100ms"])
        .args(more)
        .arg(server.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("backend i-1 responding") {
        line.clear();
        assert!(
            lines.read_line(&mut line).expect("a line") > 0,
            "it ended before an answer"
        );
    }
    (child, lines)
}

#[test]
fn metrics_are_served_while_it_runs() {
    let server = Server::start(Behaviour::default());
    let free = std::net::TcpListener::bind("127.93.7.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let (mut child, _lines) = start_long_run(&server, &["--prometheus", &free.to_string()]);
    let mut stream = std::net::TcpStream::connect(free).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    for part in [
        "loadtest_backend_answers{backend=\"i-1\"}",
        "# TYPE loadtest_response_seconds summary",
    ] {
        assert!(answer.contains(part), "{answer}");
    }
    child.kill().expect("ended");
    child.wait().expect("ended");
}
