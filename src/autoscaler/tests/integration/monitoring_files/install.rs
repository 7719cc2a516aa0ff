//! `install.sh`, which gives Grafana other thresholds and somebody to tell.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::files;

fn install(to: &Path, up: &str, down: &str) -> Output {
    run(to, None, up, down)
}

fn run(to: &Path, operator: Option<&Path>, up: &str, down: &str) -> Output {
    Command::new("sh")
        .arg(files::path("grafana/install.sh"))
        .arg(files::path("grafana"))
        .arg(to)
        .args(operator)
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
            "pool-cpu-high" | "pool-cpu-jump" | "pool-at-maximum" => (">", 0.2),
            "pool-cpu-low" => ("<", 0.05),
            _ => old.threshold(),
        };
        assert_eq!(new.threshold(), expected, "{}", old.uid);
        assert_eq!(new.promql(), old.promql(), "{}", old.uid);
    }
    for name in [
        "provisioning/alerting/rules.yml",
        "provisioning/alerting/operator-rules.yml",
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
        "provisioning/alerting/operator-rules.yml",
        "provisioning/alerting/operator.yml",
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

/// What a person who has Slack would write.
const CONTACT_POINT: &str = "apiVersion: 1
contactPoints:
  - orgId: 1
    name: 'operator'
    receivers:
      - { uid: slack, type: slack, settings: { url: 'https://hooks.example.com/$$x' } }
";

#[test]
fn with_a_contact_point_the_operator_is_told_and_nothing_else_changes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("contact-point.yml");
    fs::write(&file, CONTACT_POINT).expect("the folder is writable");
    let to = folder.path().join("grafana");
    // Twice, as at a restart.
    for _ in 0..2 {
        let output = run(&to, Some(&file), "", "");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let alerting = |folder: &Path, name: &str| {
        files::yaml::<Value>(&folder.join("provisioning/alerting").join(name))
    };
    let (old, new) = (files::path("grafana"), to.as_path());
    let point = files::text(&new.join("provisioning/alerting/operator.yml"));
    assert_eq!(point, CONTACT_POINT);
    let mut policies = alerting(&old, "policies.yml");
    let route = &mut policies["policies"][0]["routes"][1];
    let muted = route.as_object_mut().expect("a route");
    assert_eq!(muted.remove("mute_time_intervals"), Some(json!(["always"])));
    assert_eq!(alerting(new, "policies.yml"), policies);
    for name in ["contact-points.yml", "rules.yml", "operator-rules.yml"] {
        assert_eq!(alerting(new, name), alerting(&old, name), "{name}");
    }
}

#[test]
fn without_a_contact_point_it_says_that_nobody_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().join("empty.yml");
    fs::write(&empty, "").expect("the folder is writable");
    let absent = folder.path().join("absent.yml");
    for operator in [None, Some(empty.as_path()), Some(absent.as_path())] {
        let output = run(&folder.path().join("new"), operator, "", "");
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("show in Grafana only"), "{said}");
    }
}

#[test]
fn a_contact_point_of_another_name_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("contact-point.yml");
    let other = CONTACT_POINT.replace("'operator'", "operators");
    fs::write(&file, other).expect("the folder is writable");
    let to = folder.path().join("new");
    let output = run(&to, Some(&file), "", "");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no contact point with the name operator"),
        "{said}"
    );
    assert!(!to.exists(), "nothing is half done");
}
