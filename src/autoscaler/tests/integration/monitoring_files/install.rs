//! `install.sh`, which gives Grafana other thresholds, the agent's token, and somebody to tell.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::grafana::as_provisioned;

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
        .env_remove("REQUESTS_PER_MEMBER")
        .env_remove("ALERTS_TOKEN_FILE")
        .output()
        .expect("there is a shell")
}

fn with_requests_per_member(to: &Path, requests: &str) -> Output {
    Command::new("sh")
        .arg(files::path("grafana/install.sh"))
        .arg(files::path("grafana"))
        .arg(to)
        .env("REQUESTS_PER_MEMBER", requests)
        .env_remove("THRESHOLD_UP")
        .env_remove("THRESHOLD_DOWN")
        .env_remove("ALERTS_TOKEN_FILE")
        .output()
        .expect("there is a shell")
}

/// The settings of the contact point that Grafana gets with such a file of the token.
fn with_token_file(folder: &Path, content: &str) -> Result<Value, String> {
    let (file, to) = (folder.join("alerts-token"), folder.join("grafana"));
    fs::write(&file, content).expect("the folder is writable");
    let output = Command::new("sh")
        .arg(files::path("grafana/install.sh"))
        .arg(files::path("grafana"))
        .arg(&to)
        .env("ALERTS_TOKEN_FILE", &file)
        .env_remove("THRESHOLD_UP")
        .env_remove("THRESHOLD_DOWN")
        .output()
        .expect("there is a shell");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let installed = to.join("provisioning/alerting/contact-points.yml");
    let mode = fs::metadata(&installed).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "it holds a secret");
    let points: Value = files::yaml(&installed);
    Ok(points["contactPoints"][0]["receivers"][0]["settings"].clone())
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
fn what_is_no_threshold_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let new = folder.path().join("new");
    for wrong in [
        "80%",
        "0.8]; s/x/y/",
        ".",
        "0.8.1",
        "-1",
        ".8",
        "00.2",
        "80",
        "1.1",
        "0.",
        "01",
        "1e-1",
        " 0.8",
        "0,8",
        "0x1",
        "NaN",
    ] {
        for (name, up, down) in [("UP", wrong, "0"), ("DOWN", "1", wrong)] {
            let output = install(&new, up, down);
            assert!(!output.status.success(), "{wrong}");
            let said = String::from_utf8_lossy(&output.stderr);
            let expected = format!("THRESHOLD_{name} is {wrong};");
            assert!(said.contains(&expected), "{said}");
        }
    }
    // As the agent's settings: the lower one must be lower.
    for (up, down) in [
        ("0.5", "0.5"),
        ("0.2", "0.8"),
        ("0.5", "0.50"),
        ("0", "0.1"),
    ] {
        let output = install(&new, up, down);
        assert!(!output.status.success(), "{down} and {up}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("must be below THRESHOLD_UP"), "{said}");
    }
    assert!(!new.exists(), "nothing is half done");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Thresholds as the instance data writes them.
    #[test]
    fn every_share_becomes_a_number_of_the_dashboard(up in 0.001..=1.0_f64, part in 0.0..0.999_f64) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let down = up * part;
        let output = install(folder.path(), &up.to_string(), &down.to_string());
        prop_assert!(output.status.success(), "{output:?}");
        let dashboard = files::text(&folder.path().join("dashboards/autoscaling.json"));
        prop_assert!(serde_json::from_str::<Value>(&dashboard).is_ok(), "{up} and {down}");
        let rules = files::rules_in(folder.path());
        let threshold = |uid: &str| {
            let rule = rules.iter().find(|rule| rule.uid == uid);
            rule.expect("there is such a rule").threshold().1
        };
        prop_assert_eq!((threshold("pool-cpu-high"), threshold("pool-cpu-low")), (up, down));
    }

    /// Of what the agent takes as a token, and above all of what means more than itself to Grafana,
    /// to YAML or to a shell.
    #[test]
    fn every_token_arrives_as_it_is(
        token in prop_oneof![
            "[!-~]{1,40}",
            "[$'\"{}_\\\\#:&|%-]{1,12}",
            "[0-9]{1,20}([.e][0-9]{1,3})?",
            "(\\$\\$?|\\$__file\\{/etc/passwd\\}|\\$\\{HOME\\}|\\$PATH|a|~|null|true|no){1,4}",
        ],
        end in prop_oneof![Just(""), Just("\n")],
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = with_token_file(folder.path(), &format!("{token}{end}"));
        let settings = settings.expect("it is installed");
        prop_assert_eq!(&settings["authorization_scheme"], "Bearer");
        let arrives = as_provisioned(&settings["authorization_credentials"]);
        prop_assert_eq!(arrives, Some(token));
    }
}

#[test]
fn without_a_token_grafana_shows_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = with_token_file(folder.path(), "").expect("it is installed");
    let url = format!("http://127.0.0.1:{}/webhook", agent::settings::ALERTS_PORT);
    assert_eq!(settings, json!({ "url": url, "httpMethod": "POST" }));
}

#[test]
fn what_is_no_token_is_refused_without_showing_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for wrong in [
        "hush\nhush",
        "hush hush",
        "hush\u{e9}",
        "hush\t",
        "\r\nhush",
    ] {
        let said = with_token_file(folder.path(), wrong).unwrap_err();
        assert!(said.contains("must hold one line"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

/// Where the rule by request rate is, once it is installed.
const REQUEST_RATE: &str = "provisioning/alerting/request-rate.yml";

#[test]
fn the_rule_by_request_rate_is_there_only_with_the_requests_of_a_member() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let installed = folder.path().join(REQUEST_RATE);
    // Also of a folder that had it before.
    for requests in ["", "40", "", "7.5", "0.25", "120000"] {
        let output = with_requests_per_member(folder.path(), requests);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(installed.exists(), !requests.is_empty(), "{requests}");
        if requests.is_empty() {
            continue;
        }
        let rules = files::rules_of(folder.path(), "request-rate.yml");
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].promql(), files::request_rule(requests).promql());
        assert!(rules[0].promql().ends_with(&format!("/ {requests})")));
        let files = alert_rules::MonitoringFiles {
            rules: &files::text(&installed),
            ..alert_rules::MonitoringFiles::IMAGE
        };
        let read = alert_rules::Monitoring::read(&files).expect("it is known");
        let expected: f64 = requests.parse().expect("a number");
        assert!((read.floors[0].0.query.per_member - expected).abs() < 1e-9);
    }
    let same = files::rules_in(folder.path());
    for (old, new) in files::rules().iter().zip(same) {
        assert_eq!(old.threshold(), new.threshold(), "{}", old.uid);
    }
}

#[test]
fn what_is_no_number_of_requests_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let new = folder.path().join("new");
    for wrong in [
        "0", "0.0", "00", "-1", ".5", "5.", "1.1.1", "1 2", " 4", "4)", "010", "1e3", "0x10",
        "NaN", "Inf", "4|e id", "many", "7,5", "4\n",
    ] {
        let output = with_requests_per_member(&new, wrong);
        assert!(!output.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("REQUESTS_PER_MEMBER is {wrong};");
        assert!(said.contains(&expected), "{said}");
    }
    assert!(!new.exists(), "nothing is half done");
}

#[test]
fn every_folder_that_grafana_looks_for_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(install(folder.path(), "", "").status.success());
    for name in ["alerting", "dashboards", "datasources", "plugins"] {
        let wanted = folder.path().join("provisioning").join(name);
        assert!(wanted.is_dir(), "{name}");
    }
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
    let route = &mut policies["policies"][0]["routes"][2];
    let muted = route.as_object_mut().expect("a route");
    assert_eq!(muted.remove("mute_time_intervals"), Some(json!(["always"])));
    assert_eq!(alerting(new, "policies.yml"), policies);
    for name in ["rules.yml", "operator-rules.yml"] {
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
