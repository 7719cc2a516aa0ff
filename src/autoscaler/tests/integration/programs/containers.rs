//! A container starts the program without a command; its variables say what it shall be.

use std::path::Path;

use rustix::process::Signal;
use tokio::process::Command;

use super::{end_of, said};
use crate::agent_support::{Agent, Environment, long_ago, program};

/// What both containers of a deployment are given, as docs/course.md names it.
fn container(environment: &Environment, name: &str, listen_port: u16) -> Command {
    let folder = environment.folder.path().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let secret = environment.cloud.secret();
    let mut command = program();
    command
        .env("EXOSCALE_KEY", environment.cloud.key().as_str())
        .env(
            "EXOSCALE_SECRET",
            std::str::from_utf8(secret.expose()).expect("text"),
        )
        .env("EXOSCALE_ZONE", "at-vie-1")
        .env("EXOSCALE_ZONE_ID", "4da1b188-dcd6-4ff5-b7fd-bde984055548")
        .env("EXOSCALE_INSTANCEPOOL_ID", environment.stack.pool.to_string())
        .env("LISTEN_PORT", listen_port.to_string())
        .env("TARGET_PORT", "19100")
        // Exoscale's own API and the container's own folders, had they been there.
        .env("EXOSCALE_API_ENDPOINT", environment.cloud.endpoint())
        .env("AUTOSCALER_DISCOVERY__FILE", folder.join("config.json"))
        .env("AUTOSCALER_JOURNAL__DIRECTORY", folder.join("journal"))
        .env("AUTOSCALER_LOG__FORMAT", "json");
    command
}

/// The variables that the Dockerfile of a container sets.
fn dockerfile(name: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/course");
    let text = std::fs::read_to_string(folder.join(name).join("Dockerfile")).expect("the file");
    let variables = text
        .lines()
        .filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.collect()
}

#[tokio::test]
async fn without_a_command_and_a_pool_there_is_help() {
    let sets: [&[(&str, &str)]; 4] = [
        &[],
        &[("EXOSCALE_INSTANCEPOOL_ID", " ")],
        // The variables of other programs of Exoscale.
        &[
            ("EXOSCALE_API_KEY", "EXO1"),
            ("EXOSCALE_API_SECRET", "s"),
            ("EXOSCALE_ZONE", "at-vie-1"),
        ],
        &[("AUTOSCALER_LOG", "info"), ("LISTEN_PORT", "8090")],
    ];
    for variables in sets {
        let mut command = program();
        command.envs(variables.iter().copied());
        let ended = end_of(command).await;
        let text = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{variables:?}: {text}");
        assert!(text.contains("Usage: autoscaler <COMMAND>"), "{text}");
        assert!(text.contains("EXOSCALE_INSTANCEPOOL_ID"), "{text}");
    }
}

#[tokio::test]
async fn without_a_command_a_pool_makes_it_the_agent() {
    let environment = Environment::with_pool(1).await;
    let journal = environment.folder.path().join("one/journal");
    std::fs::create_dir_all(&journal).expect("a folder");
    std::fs::write(journal.join("journal.json"), long_ago().to_string()).expect("a journal");
    let mut command = container(&environment, "one", 0);
    command.envs(dockerfile("autoscaler"));
    let mut agent = Agent::spawn(command).await;
    // Nobody shows a token in these deployments, and the port is open to all.
    assert!(agent.address.ip().is_unspecified(), "{}", agent.address);
    agent.alert("up").await;
    environment.until_size(2).await;
    let (status, _) = agent.end(Signal::TERM).await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn without_a_command_what_is_missing_is_named() {
    let pool = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
    for variable in [
        "EXOSCALE_INSTANCEPOOL_ID",
        "AUTOSCALER_EXOSCALE__INSTANCE_POOL",
    ] {
        let mut command = program();
        command.env(variable, pool).env("EXOSCALE_KEY", "EXO1");
        let text = said(variable, &end_of(command).await, 2);
        assert!(text.contains("exoscale.secret: is missing"), "{text}");
    }
    // A command is taken as it is.
    let mut command = program();
    command
        .args(["scale"])
        .env("EXOSCALE_INSTANCEPOOL_ID", pool);
    let text = said("no such command", &end_of(command).await, 2);
    assert!(text.contains("scale"), "{text}");
}

#[tokio::test]
async fn two_containers_with_the_same_variables_share_a_pool() {
    let environment = Environment::with_pool(2).await;
    let scaler = Agent::spawn(container(&environment, "autoscaler", 0)).await;
    // The port is taken on this machine, as it would be on one network of both.
    let mut command = container(&environment, "servicediscovery", scaler.address.port());
    command.envs(dockerfile("servicediscovery"));
    let mut discovery = Agent::spawn(command).await;
    assert_ne!(discovery.address.port(), scaler.address.port());
    let file = environment
        .folder
        .path()
        .join("servicediscovery/config.json");
    let text = crate::agent_support::until("the file is written", || {
        std::fs::read_to_string(&file).ok()
    });
    let document: serde_json::Value = serde_json::from_str(&text.await).expect("JSON");
    let targets = document[0]["targets"].as_array().expect("a list");
    assert_eq!(targets.len(), 2);
    for target in targets {
        let target = target.as_str().expect("a text");
        assert!(target.ends_with(":19100"), "{target}");
    }
    assert_eq!(discovery.json("/status").await["mode"], "recommend");
    // Nobody tells it of alerts; if somebody does, it still orders nothing.
    discovery.alert("up").await;
    discovery.alert("down").await;
    assert_eq!(discovery.end(Signal::TERM).await.0.code(), Some(0));
    assert_eq!((environment.writes(), environment.pool().size), (0, 2));
}
