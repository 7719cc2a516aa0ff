//! A program named `grafana` on PATH: how the demo starts it, and what it does where that fails.

use std::{env, ffi::OsString, fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{ALONE, Demo, RUN_WITHIN};

/// The real intervals, until the agent decides: no run ends in this test.
const ARGUMENTS: [&str; 3] = ["--plain", "--speed", "real"];

/// Why this machine cannot run the test, where it cannot.
fn lacking() -> Option<&'static str> {
    let missing = |program: &str| rule_evaluator::prometheus::find_on_path(program).is_none();
    let reason = match (missing("prometheus"), missing("python3")) {
        (true, _) => "`prometheus` is not on PATH (Debian: apt-get install prometheus)",
        (_, true) => "`python3` is not on PATH",
        _ => return None,
    };
    assert!(
        env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
        "{reason}"
    );
    println!("skipped: {reason}");
    Some(reason)
}

/// A PATH whose first folder has this program named `grafana`.
fn path_with(folder: &Path, program: &str) -> OsString {
    let file = folder.join("grafana");
    fs::write(&file, program).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let others = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()]
        .into_iter()
        .chain(env::split_paths(&others));
    env::join_paths(folders).unwrap()
}

fn yaml(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Waits for what the stand-in saw.
async fn seen(folder: &Path, report: &Path) -> Value {
    let file = folder.join("seen.json");
    let written = async {
        let mut looks = interval(Duration::from_millis(100));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Ok(text) = fs::read_to_string(&file) {
                return serde_json::from_str(&text).unwrap();
            }
        }
    };
    let seen = timeout(RUN_WITHIN, written).await;
    seen.unwrap_or_else(|_| {
        let log = fs::read_to_string(report.join("grafana.log"));
        panic!("the stand-in tells nothing: {}", log.unwrap_or_default())
    })
}

#[tokio::test]
async fn grafana_gets_the_images_files_and_its_messages_reach_the_agent() {
    if lacking().is_some() {
        return;
    }
    let _alone = ALONE.lock().await;
    let (report, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = path_with(bin.path(), include_str!("grafana_stand_in.py"));
    for (name, text) in [
        (
            "up.json",
            include_str!("../integration/data/grafana-12.4/up.json"),
        ),
        (
            "unknown.json",
            include_str!("../integration/data/grafana-12.4/unknown.json"),
        ),
    ] {
        fs::write(bin.path().join(name), text).unwrap();
    }
    let arguments = [&ARGUMENTS[..], &["--alert-source", "grafana"]].concat();
    let variables = [("PATH", path), ("GF_PATHS_DATA", "/nowhere".into())];
    let mut demo = Demo::start_with(report.path(), &arguments, variables);
    let agent = demo.line("The agent is ready:").await;
    let grafana = demo.line("Grafana is ready:").await;
    assert_eq!(
        demo.line("CPU source:").await,
        "Prometheus; alerts: Grafana."
    );
    let seen = seen(bin.path(), report.path()).await;

    let arguments = seen["arguments"].as_array().expect("a list");
    assert_eq!(
        (&arguments[0], &arguments[1]),
        (&json!("server"), &json!("--config"))
    );
    assert!(
        !seen["variables"]
            .as_array()
            .unwrap()
            .contains(&json!("GF_PATHS_DATA"))
    );
    let settings = &seen["settings"];
    assert_eq!(settings["server"]["http_addr"], "127.0.0.1");
    let port = settings["server"]["http_port"].as_str().unwrap();
    assert_eq!(grafana, format!("http://127.0.0.1:{port}/"));
    assert_eq!(settings["plugins"]["public_key_retrieval_disabled"], "true");
    let password = settings["security"]["admin_password"].as_str().unwrap();
    assert!(password.len() >= 32 && !arguments.iter().any(|word| *word == password));

    // What it was provisioned with points at this run's Prometheus and agent.
    let provisioning = bin.path().join("provisioning");
    let source = &yaml(&provisioning.join("datasources/prometheus.yml"))["datasources"][0];
    let client = rule_evaluator::http_client().unwrap();
    let url = format!("{}/api/v1/rules", source["url"].as_str().expect("a URL"));
    let rules: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    let recorded = rules["data"]["groups"][0]["rules"][0]["name"].as_str();
    assert_eq!(
        recorded,
        Some("instance:node_cpu_utilisation:rate1m"),
        "{rules}"
    );
    let points = yaml(&provisioning.join("alerting/contact-points.yml"));
    let webhook = &points["contactPoints"][0]["receivers"][0]["settings"]["url"];
    assert_eq!(webhook, &format!("{agent}webhook"));
    for file in [
        "rules.yml",
        "operator-rules.yml",
        "policies.yml",
        "operator.yml",
    ] {
        assert!(
            yaml(&provisioning.join("alerting").join(file)).is_object(),
            "{file}"
        );
    }

    // The agent took the recorded messages, each for what it is.
    assert_eq!(
        seen["answers"]["up.json"],
        json!([200, { "accepted": ["up"], "ignored": [] }]),
        "{seen}"
    );
    assert_eq!(seen["answers"]["unknown.json"][0], 200, "{seen}");
    let status = client.get(format!("{agent}status")).send().await.unwrap();
    let status: Value = status.json().await.unwrap();
    assert!(status["alerts"]["up"]["heard_at"].is_string(), "{status}");

    demo.interrupt();
    let (status, said) = demo.end().await;
    assert_eq!(status.code(), Some(130), "{said}");
    let pid = i32::try_from(seen["pid"].as_i64().unwrap()).unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    assert!(test_kill_process(pid).is_err(), "Grafana outlived the demo");
}

#[tokio::test]
async fn a_grafana_that_does_not_start_is_replaced_and_said_so() {
    if lacking().is_some() {
        return;
    }
    let _alone = ALONE.lock().await;
    let (report, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = path_with(bin.path(), "#!/bin/sh\necho no such luck\nexit 3\n");
    let mut demo = Demo::start_with(report.path(), &ARGUMENTS, [("PATH", path)]);
    let said = demo.line("Grafana ended with exit status: 3").await;
    assert!(said.contains("grafana.log"), "{said}");
    demo.line("The built-in rule evaluator takes its place.")
        .await;
    assert_eq!(
        demo.line("CPU source:").await,
        "Prometheus; alerts: built-in."
    );
    let log = fs::read_to_string(report.path().join("grafana.log")).unwrap();
    assert!(log.contains("no such luck"), "{log}");
    demo.interrupt();
    let (status, said) = demo.end().await;
    assert_eq!(status.code(), Some(130), "{said}");
}

#[tokio::test]
async fn grafana_is_refused_where_its_intervals_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--plain", "--alert-source", "grafana"];
    let demo = Demo::start(folder.path(), &arguments);
    let (status, said) = demo.end().await;
    assert_eq!(status.code(), Some(2), "{said}");
}
