//! What reports say; merged and compared, too.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{json, loadtest, program, run, stderr, stdout};
use crate::support::{Behaviour, Server};

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

#[test]
fn a_csv_is_read_by_python_and_adds_up_to_the_report_also_after_a_merge() {
    let Some(python) = program("python3") else {
        return;
    };
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        let path = folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    let (log, ran, merged) = (path("run.hlog"), path("run.csv"), path("merged.csv"));
    let output = run(&server.url(), &["--hlog", &log, "--csv", &ran]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = loadtest(&["merge", &log, "--csv", &merged]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for file in [ran, merged] {
        let script = "import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline=''), strict=True))
sums = [sum(float(row[name]) for row in rows) for name in ('seconds', 'sent', 'ok', 'failures')]
print(sums[0] >= 0.9, *sums[1:], all(float(row['p50_ms']) > 0 for row in rows if row['ok'] != '0'), None in rows[0])";
        let output = Command::new(&python).args(["-c", script, &file]).output();
        let output = output.expect("it starts");
        assert_eq!(
            stdout(&output).trim(),
            "True 100.0 100.0 0.0 True False",
            "{file}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_history_of_runs_has_a_median_and_a_spread() {
    let server = Server::start(Behaviour::default());
    let folder = tempfile::tempdir().expect("a folder");
    let history = folder.path().join("runs.jsonl");
    let history = history.to_str().expect("UTF-8");
    for label in ["main", "main", "main", "other"] {
        let arguments = ["--label", label, "--save-summary", history];
        let output = run(&server.url(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let output = loadtest(&["compare", history]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(text.contains("\n3 runs of main\n  median "), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.contains(" other ")).count(),
        1,
        "{text}"
    );
    assert!(
        text.contains("A difference between single runs may be noise"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}
