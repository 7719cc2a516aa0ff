//! The monitoring module's host of Debian or Ubuntu: what cloud-init is told, held against the
//! programs that read it.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stack::{self, find};

const ADDRESS: &str = "https://example.com/autoscaler_0.1.0_amd64.deb";
const CHECKSUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[derive(Deserialize)]
pub(super) struct CloudConfig {
    packages: Vec<String>,
    write_files: Vec<File>,
    pub(super) runcmd: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct File {
    path: PathBuf,
    content: String,
    permissions: String,
}

impl CloudConfig {
    pub(super) fn read(user_data: &[u8]) -> Self {
        let mut text = String::new();
        GzDecoder::new(user_data)
            .read_to_string(&mut text)
            .expect("gzip of text");
        assert!(text.starts_with("#cloud-config\n"), "{text}");
        serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The files below a folder of their own.
    pub(super) fn write(&self) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in &self.write_files {
            let path = root
                .path()
                .join(file.path.strip_prefix("/").expect("a whole path"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &file.content).unwrap();
        }
        root
    }

    pub(super) fn permissions(&self, path: &str) -> &str {
        let mut files = self.write_files.iter();
        let file = files.find(|file| file.path == Path::new(path));
        &file
            .unwrap_or_else(|| panic!("{path} is written"))
            .permissions
    }
}

#[track_caller]
pub(super) fn accepts(command: &mut Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

#[tokio::test]
async fn a_host_of_debian_is_told_what_its_programs_take() {
    let Some((cloud, stack)) = stack::start().await else {
        return;
    };
    let shop = stack.beside("scaled_by_others").await;
    shop.apply(&[]).await.well();
    let mut example = stack.part("examples/existing-pool").await;
    for (name, value) in [
        ("instance_pool", "shop"),
        ("load_balancer", "shop"),
        ("monitoring_template", "Linux Debian 13 (Trixie) 64-bit"),
        (
            "package",
            &format!("{{ url = \"{ADDRESS}\", sha256 = \"{CHECKSUM}\" }}"),
        ),
    ] {
        example.set_variable(&format!("TF_VAR_{name}"), value);
    }
    example.apply(&[]).await.well();
    example.assert_nothing_to_do().await;
    let status = cloud.status().await;
    let host = &status["instances"][0];
    assert_eq!(host["ignored_user_data"], "cloud-config, compressed");
    let told = cloud.user_data(host["id"].as_str().unwrap()).await;

    let config = CloudConfig::read(&told);
    let installs = ["/usr/local/sbin/install-autoscaler", ADDRESS, CHECKSUM];
    assert_eq!(config.runcmd, [installs]);
    assert!(
        config
            .packages
            .contains(&"prometheus-alertmanager".to_owned())
    );
    // They hold secrets.
    for path in [
        "/etc/autoscaler/agent.toml",
        "/etc/prometheus/alertmanager.yml",
    ] {
        assert!(config.permissions(path).ends_with('0'), "{path}");
    }
    let root = config.write();
    let at = |path: &str| root.path().join(path);
    let mut agent = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    agent.env_clear();
    accepts(
        agent
            .arg("check-config")
            .env("AUTOSCALER_CONFIG", at("etc/autoscaler/agent.toml")),
    );
    if let Some(promtool) = find("promtool") {
        let config = at("etc/prometheus/prometheus.yml");
        let text = fs::read_to_string(&config).unwrap();
        let rules = at("etc/prometheus/rules").display().to_string();
        fs::write(&config, text.replace("/etc/prometheus/rules", &rules)).unwrap();
        accepts(
            Command::new(promtool)
                .args(["check", "config", "--lint-fatal"])
                .arg(config),
        );
    }
    if let Some(amtool) = find("amtool") {
        accepts(
            Command::new(amtool)
                .arg("check-config")
                .arg(at("etc/prometheus/alertmanager.yml")),
        );
    }
    accepts(
        Command::new("sh")
            .arg("-n")
            .arg(at("usr/local/sbin/install-autoscaler")),
    );

    // cloud-init reads it once, so that other settings are another host.
    let text = example.apply(&["-var=max_size=5"]).await.well();
    assert!(text.contains("1 added, 1 changed, 1 destroyed"), "{text}");
    let status = cloud.status().await;
    assert_ne!(&status["instances"][0]["id"], &host["id"]);
    example.destroy().await.well();
    shop.destroy().await.well();
    cloud.assert_empty().await;
    cloud.stop().await;
}

fn yaml(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let text = fs::read_to_string(&path).unwrap();
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A rule of Grafana's file as one of Prometheus, but for its annotations and for white space.
fn as_prometheus_rule(rule: &Value) -> Value {
    let expression = rule["data"][0]["model"]["expr"].as_str().unwrap();
    let sign = match rule["data"][1]["model"]["conditions"][0]["evaluator"]["type"].as_str() {
        Some("gt") => ">UP",
        Some("lt") => "<DOWN",
        other => panic!("{other:?}"),
    };
    json!({
        "alert": rule["title"],
        "expr": without_spaces(&format!("({expression}){sign}")),
        "for": rule["for"],
        "labels": rule["labels"],
    })
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn a_host_of_debian_scales_by_the_rules_of_the_image() {
    let grafanas = yaml("nixos/grafana/provisioning/alerting/rules.yml");
    let theirs = yaml("terraform/modules/monitoring/debian/scaling-rules.yml");
    let (grafanas, theirs) = (&grafanas["groups"][0], &theirs["groups"][0]);
    assert_eq!(theirs["interval"], grafanas["interval"]);
    let expected: Vec<_> = grafanas["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(as_prometheus_rule)
        .collect();
    let mut found = theirs["rules"].as_array().unwrap().clone();
    for rule in &mut found {
        // The agent takes the load from it.
        let annotations = rule.as_object_mut().unwrap().remove("annotations").unwrap();
        assert_eq!(annotations["value"], "{{ $value }}");
        rule["expr"] = without_spaces(rule["expr"].as_str().unwrap()).into();
    }
    assert_eq!(found, expected);
}
