//! Runs `promtool`, where it is installed.

use std::{ffi::OsStr, path::Path, process::Command};

use serde_json::{Value, json};

use super::files;
use crate::agent_support::tool;

/// Runs it in a folder; panics with what it said when it fails. Says so and does nothing where it
/// is not installed.
pub(crate) fn promtool(folder: &Path, arguments: &[&OsStr]) {
    let Some(program) = tool("promtool") else {
        return;
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("promtool starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
}

/// Writes Prometheus rules and has them checked: every expression parses.
pub(crate) fn check_rules(rules: &[Value]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_rules(folder.path(), rules);
    promtool(
        folder.path(),
        &["check", "rules", "--lint-fatal", "rules.yml"].map(OsStr::new),
    );
}

pub(crate) fn write_rules(folder: &Path, rules: &[Value]) {
    let file = json!({ "groups": [{ "name": "rules", "rules": rules }] });
    std::fs::write(folder.join("rules.yml"), file.to_string()).expect("the folder is writable");
}

#[test]
fn the_configuration_is_valid() {
    let path = files::path("prometheus.yml");
    promtool(
        Path::new("."),
        &["check".as_ref(), "config".as_ref(), path.as_os_str()],
    );
}

#[test]
fn members_are_the_job_of_the_rules_and_found_in_the_agents_file() {
    let config: Value = files::yaml(&files::path("prometheus.yml"));
    let jobs = config["scrape_configs"].as_array().expect("a list of jobs");
    let members = jobs
        .iter()
        .find(|job| job["job_name"] == rule_evaluator::prometheus_source::JOB);
    let members = members.expect("the job of the rules is there");
    assert_eq!(
        members["file_sd_configs"][0]["files"],
        json!(["/srv/service-discovery/*.json"])
    );
    assert_eq!(
        members["relabel_configs"],
        Value::Null,
        "the label `instance` stays IP:PORT"
    );
}
