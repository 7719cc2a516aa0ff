//! Several machines that make one load together.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{json, loadtest, run, stderr};
use crate::support::{Behaviour, Server};

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
