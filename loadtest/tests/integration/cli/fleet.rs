//! Many machines make one load: real processes, a real server, and the local cloud's object
//! storage.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use local_cloud::{Fault, FaultKind, LocalCloud, LocalCloudConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{json, stderr, stdout};
use crate::support::{self, Behaviour, Server};

/// An object storage with the bucket `loads`, and a folder for files.
struct Sos {
    runtime: Runtime,
    cloud: Option<LocalCloud>,
    folder: TempDir,
}

impl Sos {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = LocalCloudConfig::without_processes();
        let cloud = runtime
            .block_on(LocalCloud::start(config))
            .expect("a cloud");
        cloud.create_bucket("loads").expect("a bucket");
        Self {
            runtime,
            cloud: Some(cloud),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn cloud(&self) -> &LocalCloud {
        self.cloud.as_ref().expect("it runs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Without a key, as on a machine of the fleet.
    fn keyless(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command
            .args(arguments)
            .env_clear()
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// With the key of whoever started the machines.
    fn owner(&self, arguments: &[&str]) -> Output {
        let secret = String::from_utf8_lossy(self.cloud().secret().expose()).into_owned();
        self.keyless(arguments)
            .env("EXOSCALE_API_KEY", self.cloud().key().as_str())
            .env("EXOSCALE_API_SECRET", secret)
            .env("EXOSCALE_ZONE", "at-vie-1")
            .env("EXOSCALE_SOS_ENDPOINT", self.cloud().sos_endpoint())
            .output()
            .expect("the program starts")
    }

    /// Prepares a fleet of so many machines; gives its file.
    fn prepare(&self, place: &str, machines: usize, start_in: &str) -> String {
        let (file, count) = (self.text("fleet.json"), machines.to_string());
        let more = ["--machines", &count, "--start-in", start_in, "--out", &file];
        let output = self.owner(&[&["fleet", place], &more[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        file
    }

    /// The URL of a slice for a kind of result.
    fn url(&self, slice: usize, kind: &str) -> String {
        let fleet = json(&self.path("fleet.json"));
        let url = fleet["slices"][slice - 1][kind].as_str();
        url.expect("a URL").to_owned()
    }

    fn misbehaves(&self, operation: &str, count: u32, kind: FaultKind) {
        let fault = Fault::new(operation, count, kind);
        self.cloud().faults().add(fault);
    }
}

impl Drop for Sos {
    fn drop(&mut self) {
        if let Some(cloud) = self.cloud.take() {
            self.runtime.block_on(cloud.stop());
        }
    }
}

const LOAD: [&str; 7] = [
    "--profile",
    "1s@101, 500ms:101..400",
    "--tick",
    "250ms",
    "--connections",
    "23",
    "--quiet",
];

/// A machine of the fleet, which keeps its log, too.
fn machine(sos: &Sos, fleet: &str, name: &str, server: &Server) -> Child {
    let (log, url) = (sos.text(&format!("logs/{name}.hlog")), server.url());
    let own = ["--fleet", fleet, "--hlog", &log, &url];
    let mut command = sos.keyless(&[&LOAD, &own[..]].concat());
    command.spawn().expect("the program starts")
}

fn ended(machines: Vec<Child>) -> Vec<Output> {
    let outputs = machines.into_iter().map(Child::wait_with_output);
    outputs.collect::<Result<_, _>>().expect("they ended")
}

fn merged(path: &Path) -> Value {
    json(path)["run"].clone()
}

#[test]
fn five_machines_share_one_load_and_push_the_whole() {
    let sos = Sos::start();
    let server = Server::start(Behaviour::default());
    fs::create_dir(sos.path("logs")).expect("a folder");
    let fleet = sos.prepare("s3://loads/runs/1", 5, "15s");
    let names = ["a", "b", "c", "d", "e", "f"];
    let machines = names.map(|name| machine(&sos, &fleet, name, &server));
    let outputs = ended(machines.into());
    let (well, others): (Vec<_>, Vec<_>) =
        outputs.iter().partition(|output| output.status.success());
    assert_eq!(
        well.len(),
        5,
        "{:?}",
        outputs.iter().map(stderr).collect::<Vec<_>>()
    );
    let said = stderr(others[0]);
    assert_eq!(others[0].status.code(), Some(2), "{said}");
    assert!(said.contains("claimed all 5 slices"), "{said}");

    let (bucket, local) = (sos.text("bucket.json"), sos.text("local.json"));
    let output = sos.owner(&["merge", "s3://loads/runs/1", "--json", &bucket]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = sos.owner(&["merge", &sos.text("logs"), "--json", &local]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (bucket, local) = (merged(Path::new(&bucket)), merged(Path::new(&local)));
    for field in [
        "scheduled",
        "sent",
        "late",
        "ok",
        "statuses",
        "response",
        "service",
        "send_lag",
        "generator_lag",
        "connect",
        "classes",
        "backends",
    ] {
        let (pushed, measured) = (&bucket[field], &local[field]);
        assert!(!pushed.is_null(), "{field}");
        assert_eq!(pushed, measured, "{field} was pushed as it was measured");
    }
    // 101 in a second, and in half a second 125.25 of the ramp, whose last one is begun.
    for field in ["/scheduled", "/ok", "/response/count"] {
        assert_eq!(bucket.pointer(field), Some(&227.into()), "{field}");
    }
    assert_eq!(server.requests(), 227, "together they are the whole");
    assert_eq!(bucket["plan"]["merged_runs"], "5");
    a_lost_log_is_named(&sos);
}

/// Of five logs on this machine.
fn a_lost_log_is_named(sos: &Sos) {
    let logs = fs::read_dir(sos.path("logs")).expect("a folder");
    let mut logs = logs.map(|entry| entry.expect("an entry").path());
    let third = logs.find(|path| {
        let text = fs::read_to_string(path).expect("a log");
        text.contains(r#""slice":"3/5""#)
    });
    fs::remove_file(third.expect("the third's")).expect("removed");
    let output = sos.owner(&["merge", &sos.text("logs")]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("slice 3/5 is missing; --allow-missing"),
        "{said}"
    );
    let one = fs::read_dir(sos.path("logs")).expect("a folder").next();
    let one = one.expect("there are four").expect("an entry").path();
    let output = sos.owner(&["merge", &sos.text("logs"), one.to_str().expect("UTF-8")]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is named twice"), "{said}");
    let part = sos.text("part.json");
    let output = sos.owner(&[
        "merge",
        &sos.text("logs"),
        "--allow-missing",
        "--json",
        &part,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let warnings = &merged(Path::new(&part))["warnings"];
    let warnings = warnings.as_array().expect("a list");
    let told = |warning: &&Value| warning["kind"] == "slices_missing";
    let told = warnings.iter().find(told).expect("a warning");
    assert_eq!(told["text"], "slice 3/5 is missing");
}

#[test]
fn logs_are_pushed_to_urls_and_missing_ones_are_named() {
    let sos = Sos::start();
    let server = Server::start(Behaviour::default());
    sos.prepare("s3://loads/by-hand", 3, "10m");
    for slice in [1, 3] {
        let (hlog, report) = (sos.url(slice, "hlog"), sos.url(slice, "json"));
        let number = format!("{slice}/3");
        // The object storage is busy at first.
        sos.misbehaves("put-object", 2, FaultKind::Fail);
        let output = sos
            .keyless(&["--rate", "60", "--duration", "500ms", "--slice", &number])
            .args(["--push-to", &hlog, "--push-to", &report, &server.url()])
            .output()
            .expect("the program starts");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains(&format!("slice-{slice}-of-3.hlog\n")),
            "{said}"
        );
        assert!(!said.contains("X-Amz"), "{said}");
        assert!(stdout(&output).contains("100.00 % delivered"));
    }
    let output = sos.owner(&["merge", "s3://loads/by-hand/"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("slice 2/3 is missing"), "{said}");
    let path = sos.text("both.json");
    let place = "s3://loads/by-hand";
    let output = sos.owner(&["merge", place, "--allow-missing", "--json", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(merged(Path::new(&path))["scheduled"], 20);
    // One of them alone.
    let one = "s3://loads/by-hand/slice-1-of-3.hlog";
    let output = sos.owner(&["merge", one, "--allow-missing", "--json", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(merged(Path::new(&path))["scheduled"], 10);
}

#[test]
fn a_log_that_cannot_be_pushed_stays_on_the_machine() {
    let sos = Sos::start();
    let server = Server::start(Behaviour::default());
    sos.prepare("s3://loads/lost", 1, "10m");
    let wrong = sos.url(1, "hlog") + "0";
    let url = server.url();
    let output = sos
        .keyless(&[
            "--rate",
            "50",
            "--duration",
            "500ms",
            "--push-to",
            &wrong,
            &url,
        ])
        .output()
        .expect("the program starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(stdout(&output).contains("100.00 % delivered"));
    assert!(said.contains("403 SignatureDoesNotMatch"), "{said}");
    assert!(!said.contains("X-Amz"), "{said}");
    let (_, kept) = said.split_once("the log stays in ").expect("it says where");
    let kept = kept.lines().next().expect("a path");
    let output = sos.owner(&["merge", kept]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("scheduled 25 ="));
}

#[test]
fn a_claimed_slice_without_results_names_its_machine() {
    let sos = Sos::start();
    let server = Server::start(Behaviour::default());
    let fleet = sos.prepare("s3://loads/claims", 2, "10s");
    let run = |url: &str| {
        let load = ["--rate", "40", "--duration", "500ms", "--fleet", &fleet];
        let output = sos.keyless(&[&load[..], &[url]].concat()).output();
        output.expect("the program starts")
    };
    // Its claim is written, and the answer lost: the slice is its own all the same.
    sos.misbehaves("put-object", 1, FaultKind::ApplyWithoutAnswer);
    let (_held, free) = support::refusing_address();
    let output = run(&format!("http://{free}/"));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("this machine has slice 1/2"), "{said}");

    let output = run(&server.url());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("this machine has slice 2/2"), "{said}");
    assert_eq!(server.requests(), 10);
    let output = sos.owner(&["merge", "s3://loads/claims"]);
    let said = stderr(&output);
    assert!(said.contains("slice 1/2 is missing; "), "{said}");
    assert!(said.contains(" had claimed 1/2; --allow-missing"), "{said}");

    // It is too late for a third.
    let output = run(&server.url());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the fleet started at "), "{said}");
    assert_eq!(server.requests(), 10, "nothing was sent");
}

#[test]
fn a_fleet_that_could_not_work_is_refused() {
    let sos = Sos::start();
    let refused = |arguments: &[&str], part: &str| {
        let output = sos.owner(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{part}: {said}");
        assert!(stdout(&output).is_empty(), "{}", stdout(&output));
    };
    let place = "s3://loads/1";
    refused(
        &["fleet", place, "-m", "0"],
        "--machines must be from 1 to 1000",
    );
    refused(
        &["fleet", place, "-m", "2", "--valid", "5m"],
        "--valid must be at most 7d",
    );
    refused(
        &["fleet", place, "-m", "2", "--start-at", "1000"],
        "the start is over",
    );
    refused(
        &["fleet", place, "-m", "2", "--out", "/nowhere/fleet.json"],
        "cannot write /nowhere/fleet.json (--out)",
    );
    refused(
        &["fleet", "loads/1", "-m", "2"],
        "such as s3://my-bucket/runs/1",
    );
    refused(
        &["fleet", "s3://none/1", "-m", "2"],
        "create the bucket first",
    );
    refused(&["merge", "s3://none/1"], "create the bucket first");
    refused(
        &["merge", place],
        "there is no .hlog object in s3://loads/1",
    );
    refused(&["merge", &sos.text("")], "there is no .hlog file in ");
    let keyless = sos
        .keyless(&["merge", place, "--zone", "at-vie-1"])
        .output();
    let keyless = keyless.expect("the program starts");
    assert!(
        stderr(&keyless).contains("set EXOSCALE_API_KEY"),
        "{}",
        stderr(&keyless)
    );

    let fleet = sos.prepare(place, 30, "10m");
    refused(
        &["fleet", place, "-m", "2"],
        "s3://loads/1 holds about.json already",
    );
    let run = |more: &[&str], part: &str| {
        let load = ["--rate", "9", "--fleet", &fleet, "http://127.0.0.1:9/"];
        refused(&[&load, more].concat(), part);
    };
    run(&["--duration", "24h"], "prepare it with a larger --valid");
    run(
        &["--duration", "9s", "--connections", "29"],
        "at least the number of slices",
    );
    let mode = fs::metadata(&fleet).expect("written").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    fs::write(sos.path("fleet.json"), "{}").expect("written");
    run(&["--duration", "9s"], "is not what `loadtest fleet` writes");
}
