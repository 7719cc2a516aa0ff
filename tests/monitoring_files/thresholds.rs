//! `install.sh`, which gives Grafana other thresholds.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use super::files;

fn install(to: &Path, up: &str, down: &str) -> Output {
    Command::new("sh")
        .arg(files::path("grafana/install.sh"))
        .arg(files::path("grafana"))
        .arg(to)
        .env("THRESHOLD_UP", up)
        .env("THRESHOLD_DOWN", down)
        .output()
        .expect("there is a shell")
}

#[test]
fn only_the_thresholds_change() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The new value of one is the old value of the other.
    let output = install(folder.path(), "0.2", "0.05");
    assert!(output.status.success(), "{output:?}");

    for (old, new) in files::rules().iter().zip(files::rules_in(folder.path())) {
        let expected = match old.uid.as_str() {
            "pool-cpu-high" => (">", 0.2),
            "pool-cpu-low" => ("<", 0.05),
            _ => old.threshold(),
        };
        assert_eq!(new.threshold(), expected, "{}", old.uid);
        assert_eq!(new.promql(), old.promql(), "{}", old.uid);
    }
    for name in [
        "provisioning/alerting/rules.yml",
        "dashboards/autoscaling.json",
    ] {
        let old = files::text(&files::path("grafana").join(name));
        let new = files::text(&folder.path().join(name));
        let changed = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
        let was: Vec<&str> = changed.map(|(old, _)| old.trim()).collect();
        assert!(!was.is_empty(), "{name}");
        assert!(
            was.iter()
                .all(|line| line.contains("0.8") || line.contains("0.2")),
            "{name}: {was:?}"
        );
        assert_eq!(old.lines().count(), new.lines().count(), "{name}");
        assert!(!new.contains("\"value\": 0.8"), "{name}: one was left");
    }
}

#[test]
fn unset_or_empty_variables_change_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = install(folder.path(), "", "");
    assert!(output.status.success(), "{output:?}");
    for name in [
        "provisioning/alerting/rules.yml",
        "provisioning/alerting/policies.yml",
        "dashboards/autoscaling.json",
    ] {
        let old = fs::read(files::path("grafana").join(name)).expect("it is there");
        let new = fs::read(folder.path().join(name)).expect("it is copied");
        assert!(old == new, "{name}");
    }
}

#[test]
fn what_is_no_number_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for wrong in ["80%", "0.8]; s/x/y/", ".", "0.8.1", "-1"] {
        let output = install(&folder.path().join("new"), wrong, "0.2");
        assert!(!output.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("THRESHOLD_UP"), "{said}");
    }
    assert!(!folder.path().join("new").exists(), "nothing is half done");
}
