//! Report files: written, merged, compared; and what happens where one cannot be written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{json, loadtest, run, stderr, stdout};
use crate::support::{self, Behaviour, Server};

/// Makes two runs, a and b, with all their reports.
fn write_reports(server: &Server, file: impl Fn(&str) -> PathBuf) {
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
    write_reports(&server, file);
    let (a, b) = (json(&file("a.json")), json(&file("b.json")));
    assert_eq!(
        (&a["schema"], &a["passed"], &a["run"]["scheduled"]),
        (&"loadtest.report/2".into(), &true.into(), &100.into())
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
        "generator_lag",
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
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("was it written with --hlog?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn five_slices_started_together_are_one_run() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let start = (now.expect("after 1970").as_secs() + 5).to_string();
    let path = |name: &str, kind: &str| {
        let path = folder.path().join(format!("{name}.{kind}"));
        path.to_str().expect("UTF-8").to_owned()
    };
    let begin = |name: &str, slice: &str, threads: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.args([
            "--profile",
            "1s@101, 500ms:101..400",
            "--tick",
            "250ms",
            "--quiet",
        ]);
        command.args(["--connections", "23", "--start-at", &start]);
        command.args(["--slice", slice, "--threads", threads]);
        command.args(["--hlog", &path(name, "hlog"), "--json", &path(name, "json")]);
        command
            .arg(server.url())
            .stdout(Stdio::null())
            .spawn()
            .expect("started")
    };
    let names = ["a", "b", "c", "d", "e"];
    let slices = ["1/5", "2/5", "3/5", "4/5", "5/5"];
    let mut runs = vec![begin("whole", "1/1", "2")];
    for ((name, slice), threads) in names.iter().zip(slices).zip(["1", "2", "3", "1", "2"]) {
        runs.push(begin(name, slice, threads));
    }
    for mut run in runs {
        assert_eq!(run.wait().expect("ended").code(), Some(0));
    }
    let logs = names.map(|name| path(name, "hlog"));
    let out = path("merged", "json");
    let mut arguments = vec!["merge", "--json", &out];
    arguments.extend(logs.iter().map(String::as_str));
    assert_eq!(loadtest(&arguments).status.code(), Some(0));

    let read = |name: &str| json(Path::new(&path(name, "json")))["run"].clone();
    let (merged, whole, parts) = (read("merged"), read("whole"), names.map(read));
    for field in ["scheduled", "ok", "statuses", "started_at"] {
        assert_eq!(merged[field], whole[field], "{field}");
    }
    let numbers = |run: &Value, pointer: &str| run.pointer(pointer).and_then(Value::as_u64);
    for pointer in [
        "/scheduled",
        "/ok",
        "/connected",
        "/response/count",
        "/service/count",
    ] {
        let sum: Option<u64> = parts.iter().map(|part| numbers(part, pointer)).sum();
        assert_eq!(numbers(&merged, pointer), sum, "{pointer}");
    }
    for pointer in ["/response/max", "/service/max", "/send_lag/max"] {
        let max = parts.iter().map(|part| numbers(part, pointer)).max();
        assert_eq!(Some(numbers(&merged, pointer)), max, "{pointer}");
    }
    for stage in ["/stages/0/asked", "/stages/1/asked"] {
        let sum: Option<u64> = parts.iter().map(|part| numbers(part, stage)).sum();
        assert_eq!(numbers(&whole, stage), sum, "{stage}");
    }
}

#[test]
fn a_start_that_is_over_or_a_slice_too_many_sends_nothing() {
    let server = Server::start(Behaviour::default());
    for (more, part) in [
        (["--start-at", "1000"], "start"),
        (["--slice", "257/300"], "at least the number of slices"),
        (["--slice", "6/5"], "not that many slices"),
    ] {
        let output = run(&server.url(), &more);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

/// The report files that there are.
const FLAGS: [&str; 4] = ["--json", "--html", "--hgrm", "--hlog"];

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
    assert_eq!(said.matches("cannot write /dev/full").count(), 4, "{said}");
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
    ] {
        let output = run(&server.url(), &["--quiet", flag, "-"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.starts_with(begin), "{flag}: {text:.100}");
        assert!(!text.contains("responses by"), "no table beside it");
    }
}

#[test]
fn what_failed_is_told_in_words() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    for (answer, reason) in [
        (many.as_str(), "more than 128 headers"),
        (&large, "larger than 64 KiB"),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "switches protocols",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "invalid content-length",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "malformed chunk in the response",
        ),
        ("220 ready\r\n", "not HTTP/1"),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{16}", "use https://"),
    ] {
        let raw = vec![answer.as_bytes().to_vec()];
        let server = Server::start(Behaviour {
            raw,
            ..Behaviour::default()
        });
        let more = ["--quiet", "--json"];
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.json");
        let output = run(
            &server.url(),
            &[more[0], more[1], path.to_str().expect("UTF-8")],
        );
        assert_eq!(
            output.status.code(),
            Some(5),
            "{reason}: {}",
            stderr(&output)
        );
        let table = stdout(&output);
        assert!(
            table.contains("protocol: ") && table.contains(reason),
            "{reason}: {table}"
        );
        assert!(
            !table.contains("malformed") || reason.contains("malformed"),
            "{table}"
        );
        let report = json(&path);
        let reasons = report["run"]["reasons"]["protocol"]
            .as_object()
            .expect("reasons");
        assert_eq!(reasons.values().filter_map(Value::as_u64).sum::<u64>(), 100);
    }
}

#[test]
fn an_answer_of_identity_coding_is_read_by_its_length() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi";
    let raw = vec![answer.as_bytes().to_vec()];
    let server = Server::start(Behaviour {
        raw,
        ..Behaviour::default()
    });
    // The server keeps its connections: only the length says where the answer ends.
    let output = run(&server.url(), &["--quiet", "--timeout", "2s"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("succeeded 100, failed 0"),
        "{}",
        stdout(&output)
    );
}
