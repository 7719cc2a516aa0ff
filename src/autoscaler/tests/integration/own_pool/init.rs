//! What `init` writes, and what it refuses.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use super::{Own, run};

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
        "grafana/provisioning/alerting/autoscaler-contact-point.yml",
    ] {
        assert_eq!(mode_of(&own.path("autoscaler").join(name)), 0o600, "{name}");
    }
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
    assert_ne!(own.written("agent.toml"), settings);
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
    let cases: [(&[&str], i32, &str); 5] = [
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
    assert!(!own.path("autoscaler").exists());
    own.api.cloud.stop().await;
}
