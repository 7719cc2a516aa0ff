//! The example `load-fleet`: a pool of generators, as cloud-init has them start, and their results.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use exoscale::plain_http;
use jiff::Timestamp;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{
    cloud::Cloud,
    debian::{CloudConfig, accepts},
    stack::{self, Stack, find, skip},
};

const PLACE: &str = "s3://loads/runs/1";

/// The load generator that was built with this test, or a line that says that it was not.
fn loadtest() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_autoscaler")).with_file_name("loadtest");
    if program.is_file() {
        return Some(program);
    }
    skip("the load generator is not built; cargo build -p loadtest")
}

async fn create_bucket(cloud: &Cloud) {
    let endpoint = cloud.variable("EXOSCALE_SOS_ENDPOINT").parse().unwrap();
    let bucket = Bucket::new(endpoint, UrlStyle::Path, "loads", "at-vie-1").unwrap();
    let (key, secret) = ("EXOSCALE_API_KEY", "EXOSCALE_API_SECRET");
    let credentials = Credentials::new(cloud.variable(key), cloud.variable(secret));
    let action = bucket.create_bucket(&credentials);
    let url = action.sign(Duration::from_secs(60));
    let client = plain_http::client().unwrap();
    let answer = client.put(url).send().await.expect("it answers");
    assert!(answer.status().is_success(), "{answer:?}");
}

/// An archive as `scripts/package.sh` lays it out, with its address and its checksum.
fn archive(folder: &TempDir, program: &Path) -> (String, String) {
    let name = "loadtest-0.1.0-x86_64-linux";
    let content = folder.path().join(name);
    fs::create_dir(&content).unwrap();
    symlink(program, content.join("loadtest")).unwrap();
    let file = content.with_extension("tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder.path()).arg("-czf");
    accepts(tar.arg(&file).arg(name));
    let checksum = Sha256::digest(fs::read(&file).unwrap());
    let hexadecimal = |text: String, byte: &u8| text + &format!("{byte:02x}");
    let checksum = checksum.iter().fold(String::new(), hexadecimal);
    (format!("file://{}", file.display()), checksum)
}

/// What cloud-init does on one of the generators, below a folder.
fn boot(config: &CloudConfig, start_at: &str) -> Output {
    let root = config.write();
    let at = |path: &str| root.path().join(path);
    let fleet = at("etc/loadtest/fleet.json");
    let text = fs::read_to_string(&fleet).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    // Nobody waits for the start that the owner had in mind. No signature covers it.
    document["start_at"] = start_at.into();
    fs::write(&fleet, document.to_string()).unwrap();
    let [command] = &*config.runcmd else {
        panic!("{:?}", config.runcmd);
    };
    let script = at(command[0].trim_start_matches('/'));
    let mut text = fs::read_to_string(&script).unwrap();
    for path in ["/opt/loadtest", "/etc/loadtest"] {
        assert!(text.contains(path), "{text}");
        text = text.replace(path, at(&path[1..]).to_str().unwrap());
    }
    fs::write(&script, text).unwrap();
    let mut shell = Command::new("sh");
    shell.arg(&script).args(&command[1..]).env_clear();
    shell.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    shell.stdin(Stdio::null()).output().expect("it runs")
}

/// All of them at once, each with its user-data.
async fn boot_all(told: Vec<Vec<u8>>) {
    let start = SystemTime::now() + Duration::from_secs(20);
    let start = Timestamp::try_from(start).unwrap().to_string();
    let boots = told.into_iter().map(|told| {
        let start = start.clone();
        spawn_blocking(move || boot(&CloudConfig::read(&told), &start))
    });
    for boot in boots.collect::<Vec<_>>() {
        let output = boot.await.unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

fn text(output: &Output) -> String {
    let whole = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&whole).into_owned()
}

/// `loadtest` with the owner's key.
fn owners(cloud: &Cloud, program: &Path, arguments: &[&str]) -> Output {
    let variables = cloud.environment.iter();
    let variables = variables.map(|(name, value)| (name, value));
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables);
    command.output().expect("it runs")
}

/// The example with its variables: the fleet's document and the archive lie in the folder.
async fn configured(cloud: &Cloud, stack: &Stack, folder: &TempDir, program: &Path) -> Stack {
    let (url, sha256) = archive(folder, program);
    let api = cloud.variable("EXOSCALE_API_ENDPOINT");
    let target = api.replace("/v2", "/_local/status");
    let mut example = stack.part("examples/load-fleet").await;
    for (name, value) in [
        ("fleet_file", json!(folder.path().join("fleet.json"))),
        ("target", json!(target)),
        ("program", json!({ "url": url, "sha256": sha256 })),
        ("load", json!(["--profile", "2s@30", "--quiet"])),
    ] {
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        example.set_variable(&format!("TF_VAR_{name}"), &value);
    }
    example
}

#[tokio::test]
async fn a_pool_of_generators_makes_one_load() {
    let Some(program) = loadtest() else { return };
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    create_bucket(&cloud).await;
    let folder = tempfile::tempdir().unwrap();
    let fleet = folder.path().join("fleet.json");
    let file = fleet.to_str().unwrap();
    let prepared = owners(&cloud, &program, &["fleet", PLACE, "-m", "3", "-o", file]);
    assert!(prepared.status.success(), "{}", text(&prepared));

    let example = configured(&cloud, &stack, &folder, &program).await;
    example.run(&["validate", "-no-color"]).await.well();
    let too_few = example.apply(&["-var=generators=2"]).await;
    too_few.failed("fleet.json is for 3 machines and generators is 2");
    example.apply(&[]).await.well();
    example.assert_nothing_to_do().await;
    assert_eq!(
        example.output("merge").await,
        format!("loadtest merge {PLACE}")
    );

    let status = cloud.status().await;
    let pool = &status["pools"][0];
    assert_eq!(pool["ignored_user_data"], "cloud-config, compressed");
    let members = pool["members"].as_array().unwrap();
    assert_eq!(members.len(), 3, "{status}");
    let mut told = Vec::new();
    for member in members {
        told.push(cloud.user_data(member["id"].as_str().unwrap()).await);
    }
    let own = CloudConfig::read(&told[0]);
    assert_eq!(own.permissions("/etc/loadtest/fleet.json"), "0600");
    if let Some(shellcheck) = find("shellcheck") {
        let script = own.write();
        let script = script.path().join("usr/local/sbin/run-loadtest");
        accepts(Command::new(shellcheck).arg(script));
    }

    boot_all(told).await;
    let report = folder.path().join("report.json");
    let report = report.to_str().unwrap();
    let merged = owners(&cloud, &program, &["merge", PLACE, "--json", report]);
    assert!(merged.status.success(), "{}", text(&merged));
    let report = fs::read_to_string(report).unwrap();
    let run = &serde_json::from_str::<Value>(&report).unwrap()["run"];
    assert_eq!((&run["scheduled"], &run["ok"]), (&json!(60), &json!(60)));
    assert_eq!(run["plan"]["merged_runs"], "3");

    // Another load has other generators.
    let next = ["fleet", "s3://loads/runs/2", "-m", "3", "-o", file];
    let prepared = owners(&cloud, &program, &next);
    assert!(prepared.status.success(), "{}", text(&prepared));
    let text = example.apply(&[]).await.well();
    assert!(text.contains("1 added, 1 changed, 1 destroyed"), "{text}");
    example.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}
