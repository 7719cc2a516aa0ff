//! The program as its users start it: arguments, exit codes, reports.

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Behaviour, Server};

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
        stderr(&output).contains("asked   100.0/s"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("backend i-1 answers"),
        "{}",
        stderr(&output)
    );
}

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
        stderr(&output).contains("the connection was refused. Is it running?"),
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
fn wrong_arguments_are_shown_with_their_column() {
    for (arguments, parts) in [
        (
            vec!["--profile", "10s@50, 60s:50-400", "http://h/"],
            vec!["column 13", "A..B"],
        ),
        (
            vec!["--rate", "5", "--duration", "5", "http://h/"],
            vec!["column 2", "unit is missing"],
        ),
        (
            vec!["--rate", "5", "--duration", "5s", "ftp://h/"],
            vec!["column 1", "http or https"],
        ),
        (
            vec![
                "--rate",
                "5",
                "--duration",
                "5s",
                "--fail-if",
                "q9>1s",
                "http://h/",
            ],
            vec!["column 1", "not a metric"],
        ),
        (vec![], vec!["required"]),
    ] {
        let output = loadtest(&arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        for part in parts {
            assert!(
                stderr(&output).contains(part),
                "{part}: {}",
                stderr(&output)
            );
        }
    }
    let output = loadtest(&["http://127.0.0.1:1/"]);
    assert!(
        stderr(&output).contains("say how much load"),
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
        "60s:50..400/8",
        "service.p99",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

#[test]
fn reports_are_written_merged_and_compared() {
    let instances = vec!["i-1".to_owned(), "i-2".to_owned()];
    let server = Server::start(Behaviour {
        instances,
        ..Behaviour::default()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let text = |path: &Path| std::fs::read_to_string(path).expect("written");
    for name in ["a", "b"] {
        let (json, html) = (file(&format!("{name}.json")), file(&format!("{name}.html")));
        let (hgrm, hlog) = (file(&format!("{name}.hgrm")), file(&format!("{name}.hlog")));
        let arguments = [
            ("--json", &json),
            ("--html", &html),
            ("--hgrm", &hgrm),
            ("--hlog", &hlog),
        ];
        let arguments: Vec<&str> = arguments
            .iter()
            .flat_map(|(flag, path)| [*flag, path.to_str().expect("UTF-8")])
            .collect();
        let output = run(&server.url(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(text(&html).contains("<svg") && text(&hgrm).contains("#[Max     ="));
        assert!(text(&hlog).contains("#[Histogram log format version 1.3]"));
    }
    let (a, b) = (json(&file("a.json")), json(&file("b.json")));
    assert_eq!(
        (&a["schema"], &a["passed"], &a["run"]["scheduled"]),
        (&"loadtest.report/1".into(), &true.into(), &100.into())
    );

    let path = |name: &str| file(name).to_str().expect("UTF-8").to_owned();
    let output = loadtest(&["merge", &path("a.hlog"), "--json", &path("one.json")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let one = json(&file("one.json"));
    for field in [
        "scheduled",
        "ok",
        "statuses",
        "response",
        "service",
        "send_lag",
        "own_lag",
        "connect",
        "classes",
    ] {
        assert_eq!(
            one["run"][field], a["run"][field],
            "{field} is the same after a trip through the log"
        );
    }
    let output = loadtest(&[
        "merge",
        &path("a.hlog"),
        &path("b.hlog"),
        "--json",
        &path("both.json"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let both = json(&file("both.json"));
    let sum = |field: &str| {
        a["run"][field].as_u64().expect("a count") + b["run"][field].as_u64().expect("a count")
    };
    for field in ["scheduled", "ok", "sent", "late", "connected"] {
        assert_eq!(both["run"][field], sum(field), "{field}");
    }
    assert_eq!(both["run"]["response"]["count"], 200);
    assert_eq!(both["run"]["backends"].as_array().expect("a list").len(), 2);

    for pair in [["a.json", "b.json"], ["a.hlog", "both.json"]] {
        let output = loadtest(&["compare", &path(pair[0]), &path(pair[1])]);
        assert!(
            stdout(&output).contains("response p99"),
            "{}",
            stderr(&output)
        );
    }
    let output = loadtest(&["merge", &path("a.html")]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        stderr(&output).contains("was it written with --hlog?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_report_that_cannot_be_written_is_noticed_before_the_run() {
    let server = Server::start(Behaviour::default());
    let start = Instant::now();
    let output = loadtest(&[
        "--rate",
        "1",
        "--duration",
        "60s",
        "--json",
        "/nowhere/x.json",
        &server.url(),
    ]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        stderr(&output).contains("cannot write /nowhere/x.json"),
        "{}",
        stderr(&output)
    );
    assert!(start.elapsed() < Duration::from_secs(30));
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
    while !line.contains("backend i-1 answers") {
        line.clear();
        assert!(
            lines.read_line(&mut line).expect("a line") > 0,
            "it ended before an answer"
        );
    }
    (child, lines)
}

#[test]
fn interrupt_ends_a_run_with_its_report() {
    let server = Server::start(Behaviour::default());
    let (child, mut lines) = start_long_run(&server, &["--json", "-"]);
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("signalled");
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
        "# TYPE loadtest_response_seconds gauge",
    ] {
        assert!(answer.contains(part), "{answer}");
    }
    child.kill().expect("ended");
    child.wait().expect("ended");
}
