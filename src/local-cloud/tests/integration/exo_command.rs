//! Exoscale's own command line, `exo`, works against the local cloud as the documents show it.
//!
//! Needs `exo` on PATH (<https://github.com/exoscale/cli>); says so and passes without it. Neither
//! Debian nor crates.io has it, so `AUTOSCALER_REQUIRE_PROGRAMS` does not ask for it.

use std::{env, path::Path};

use serde_json::Value;
use test_support::Api;
use tokio::process::Command;

struct Exo<'a> {
    api: &'a Api,
    home: &'a Path,
}

impl Exo<'_> {
    /// Runs `exo compute …` and gives what it answers.
    async fn compute(&self, arguments: &[&str]) -> Result<Value, String> {
        let cloud = &self.api.cloud;
        let output = Command::new("exo")
            .args(["--output-format", "json", "compute"])
            .args(arguments)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home)
            .env("EXOSCALE_API_ENDPOINT", cloud.endpoint())
            .env("EXOSCALE_API_KEY", cloud.key().as_str())
            .env(
                "EXOSCALE_API_SECRET",
                std::str::from_utf8(cloud.secret().expose()).unwrap(),
            )
            .env("EXOSCALE_ZONE", "at-vie-1")
            .output()
            .await
            .expect("exo runs");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    async fn list(&self, kind: &str) -> Vec<Value> {
        let answer = self.compute(&[kind, "list"]).await.unwrap();
        // `exo` writes null where there is nothing.
        answer.as_array().cloned().unwrap_or_default()
    }
}

fn is_there() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("exo").is_file())
}

#[tokio::test]
async fn exo_lists_scales_and_evicts() {
    if !is_there() {
        eprintln!("skipped: there is no `exo` on PATH (https://github.com/exoscale/cli)");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let api = Api::without_processes().await;
    let exo = Exo {
        api: &api,
        home: home.path(),
    };
    let pool = api.pool(1).await;
    let id = pool.to_string();

    let pools = exo.list("instance-pool").await;
    assert_eq!(pools.len(), 1, "a pool is in one zone: {pools:?}");
    assert_eq!(pools[0]["id"], id.as_str());
    assert_eq!(pools[0]["size"], 1);

    exo.compute(&["instance-pool", "scale", "--force", &id, "3"])
        .await
        .unwrap();
    assert_eq!(api.cloud.status().pools[0].size, 3);
    let instances = exo.list("instance").await;
    assert_eq!(instances.len(), 3);

    let victim = instances[0]["name"].as_str().unwrap();
    exo.compute(&["instance-pool", "evict", "--force", &id, victim])
        .await
        .unwrap();
    let left = exo.list("instance").await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|instance| instance["name"] != victim));

    let unknown = exo
        .compute(&["instance-pool", "scale", "--force", "no-such-pool", "2"])
        .await;
    let message = unknown.unwrap_err();
    assert!(message.contains("no-such-pool"), "{message}");
    let beyond_quota = exo
        .compute(&["instance-pool", "scale", "--force", &id, "1000"])
        .await;
    let message = beyond_quota.unwrap_err();
    assert!(message.contains("quota exceeded"), "{message}");
    api.cloud.stop().await;
}
