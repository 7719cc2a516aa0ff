//! What `init` writes, and what it refuses.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;

use super::{Own, run};
use crate::agent_support::tool;

fn mode_of(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn init_replaces_nothing_without_force_and_keeps_secrets_to_their_owner() {
    let Some(own) = Own::start().await else {
        return;
    };
    let thresholds = ["--up", "0.7", "--down", "0.15", "--datasource", "mine"];
    let first = run(&mut own.init(&thresholds)).await;
    assert_eq!(first.code, Some(0), "{}", first.errors);
    for name in [
        "agent.toml",
        "control-token",
        "grafana/provisioning/alerting/autoscaler-contact-point.yml",
        "alertmanager/alertmanager.yml",
    ] {
        assert_eq!(mode_of(&own.path("autoscaler").join(name)), 0o600, "{name}");
    }
    let found = "load balancer \"slow-app\", which forwards to port 8080";
    assert!(first.text.contains(found), "{}", first.text);
    let settings = own.written("agent.toml");
    assert!(settings.contains("mode = \"recommend\""), "{settings}");
    let balancer = own.stack.balancer.to_string();
    assert!(settings.contains(&balancer), "{settings}");

    // Both thresholds everywhere, and no policies of an owner's Grafana replaced.
    let rules = own.written("grafana/provisioning/alerting/autoscaler-rules.yml");
    assert_eq!(rules.matches("params: [0.7]").count(), 2, "{rules}");
    assert_eq!(rules.matches("params: [0.15]").count(), 1, "{rules}");
    assert_eq!(rules.matches("datasourceUid: mine").count(), 3, "{rules}");
    assert_eq!(rules.matches("receiver: autoscaler").count(), 3, "{rules}");
    let dashboard: Value = serde_json::from_str(&own.written("grafana/dashboard.json")).unwrap();
    let dashboard = dashboard.to_string();
    assert!(dashboard.contains("0.7") && dashboard.contains("0.15"));
    assert!(!dashboard.contains("\"uid\":\"prometheus\""));
    let folder = own.path("autoscaler/grafana/provisioning/alerting");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
    let jobs: Value = serde_yaml_ng::from_str(&own.written("prometheus-job.yml")).unwrap();
    let file = own.path("sd/config.json").display().to_string();
    assert_eq!(
        jobs["scrape_configs"][0]["file_sd_configs"][0]["files"][0],
        file
    );
    let target = format!("{}:8090", own.address);
    assert_eq!(
        jobs["scrape_configs"][1]["static_configs"][0]["targets"][0],
        target
    );

    let again = run(&mut own.init(&[])).await;
    assert_eq!(again.code, Some(2), "{}", again.text);
    assert!(again.errors.contains("--force"), "{}", again.errors);
    assert_eq!(own.written("agent.toml"), settings, "it is as it was");
    let forced = run(&mut own.init(&["--force"])).await;
    assert_eq!(forced.code, Some(0), "{}", forced.errors);
    let replaced = own.written("agent.toml");
    assert_ne!(replaced, settings);
    let tokens = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("token = "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tokens(&replaced).len(), 2, "{replaced}");
    assert_eq!(tokens(&replaced), tokens(&settings), "others have them");
    let control = own.written("control-token");
    assert!(replaced.contains(control.trim()), "{replaced}");
    own.api.cloud.stop().await;
}

#[tokio::test]
async fn init_says_what_it_lacks_and_writes_nothing() {
    let Some(own) = Own::start().await else {
        return;
    };
    let nobody = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    let other = own
        .api
        .cloud
        .create_stack(1)
        .await
        .unwrap()
        .balancer
        .to_string();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--down", "0.6"], 2, "would flap"),
        (&["--listen", "0.0.0.0"], 2, "--agent"),
        (&["--up", "80"], 2, "--up"),
        (&["--down", "0.9"], 2, "--down"),
        (&["--datasource", "a: b"], 2, "--datasource"),
        (&["--load-balancer", &other], 1, "forwards nothing to pool"),
        (&["--load-balancer", nobody], 1, "cannot read load balancer"),
    ];
    for (arguments, code, says) in cases {
        let ended = run(&mut own.init(arguments)).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.errors);
        assert!(
            ended.errors.contains(says),
            "{arguments:?}: {}",
            ended.errors
        );
    }
    let mut without = own.init(&[]);
    let ended = run(without.env_remove("EXOSCALE_API_SECRET")).await;
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    let mut two_keys = own.init(&[]);
    let ended = run(two_keys.env("EXOSCALE_KEY", "EXOanother")).await;
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    assert!(ended.errors.contains("differ"), "{}", ended.errors);
    assert!(!own.path("autoscaler").exists());
    own.api.cloud.stop().await;
}

/// Runs a checker of a file, if it is installed.
fn checked_by(program: &str, arguments: &[&str], file: &Path) {
    let Some(program) = tool(program) else {
        return;
    };
    let output = Command::new(program).args(arguments).arg(file).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}", file.display());
}

#[tokio::test]
async fn without_grafana_prometheus_and_alertmanager_take_the_same_rules() {
    let Some(own) = Own::start().await else {
        return;
    };
    let written = run(&mut own.init(&["--up", "0.7", "--down", "0.15"])).await;
    assert_eq!(written.code, Some(0), "{}", written.errors);
    let rules = own.written("alertmanager/scaling-rules.yml");
    assert_eq!(rules.matches("> 0.7\n").count(), 2, "{rules}");
    assert_eq!(rules.matches("< 0.15\n").count(), 1, "{rules}");
    let file = own.path("autoscaler/alertmanager/scaling-rules.yml");
    checked_by("promtool", &["check", "rules", "--lint-fatal"], &file);
    let file = own.path("autoscaler/alertmanager/alertmanager.yml");
    checked_by("amtool", &["check-config"], &file);
    let config: Value =
        serde_yaml_ng::from_str(&own.written("alertmanager/alertmanager.yml")).unwrap();
    let webhook = &config["receivers"][1]["webhook_configs"][0];
    assert_eq!(
        webhook["url"],
        format!("http://{}:8090/webhook", own.address)
    );
    let token = webhook["http_config"]["authorization"]["credentials"].as_str();
    assert!(own.written("agent.toml").contains(token.unwrap()));
    own.api.cloud.stop().await;
}
