//! `autoscaler ctl` as a person and a script use it.

use std::{fs, process::Output};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use super::{TOKEN, settings};
use crate::{
    agent_support::{Agent, Environment, PATIENCE, program},
    programs::{end_of, said},
};

async fn ctl(agent: &Agent, line: &str, token: Option<&str>) -> Output {
    let mut command = program();
    command
        .arg("ctl")
        .args(line.split(' '))
        .env("AUTOSCALER_URL", agent.url(""));
    if let Some(token) = token {
        command.env("AUTOSCALER_CONTROL_TOKEN", token);
    }
    end_of(command).await
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn the_command_gives_each_order_and_shows_what_is_in_force() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(settings()).await;
    let run = async |line: &str| text(&ctl(&agent, line, Some(TOKEN)).await);
    assert!(
        run("status")
            .await
            .contains("ordered   nothing; the settings are in force")
    );
    let paused = run("pause --who ada --why upgrade").await;
    assert!(
        paused.contains("accepted: pause\nordered: paused by ada: upgrade\n"),
        "{paused}"
    );
    let status: Value = serde_json::from_str(&run("status --json").await).unwrap();
    assert_eq!(status["control"]["paused"], json!(true));
    run("resume").await;
    run("limits --max 20").await;
    run("mode pinned=2 --for 1h").await;
    let status = run("status").await;
    assert!(status.contains("mode pinned=2 until "), "{status}");
    assert!(status.contains("limits 1 to 20"), "{status}");
    run("mode --reset").await;
    run("limits --reset").await;
    assert!(run("size 3").await.contains("accepted: size 3"));
    environment.until_size(3).await;

    // The token from a file.
    let file = environment.folder.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let line = format!("--token-file {} pause --json", file.display());
    let answer: Value = serde_json::from_str(&text(&ctl(&agent, &line, None).await)).unwrap();
    assert_eq!(answer["control"]["paused"], json!(true));
}

#[tokio::test]
async fn what_goes_wrong_is_one_sentence_and_an_exit_code() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(settings()).await;
    for (line, token, code, part) in [
        ("pause", None, 2, "AUTOSCALER_CONTROL_TOKEN"),
        ("pause", Some(" "), 2, "is empty"),
        ("pause --token-file /nowhere", None, 2, "--token-file"),
        ("pause", Some("hush"), 1, "control.token"),
        ("size 99", Some(TOKEN), 1, "1 to 10"),
        ("limits --max 99999", Some(TOKEN), 2, "control.max_size"),
        ("status --url nowhere", None, 2, "--url"),
        (
            "status --url http://127.0.0.1:1",
            None,
            1,
            "no agent answers at",
        ),
        (
            "watch --url http://127.0.0.1:1",
            None,
            1,
            "no agent answers at",
        ),
        ("mode of", Some(TOKEN), 2, "unknown mode"),
    ] {
        let output = ctl(&agent, line, token).await;
        let said = said(line, &output, code);
        assert!(
            said.contains(part) && !said.contains(TOKEN),
            "{line}: {said}"
        );
    }
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn who_gives_orders_may_look_where_reads_are_protected() {
    let environment = Environment::with_pool(2).await;
    let protected = settings()
        .variable("AUTOSCALER_ALERTS__TOKEN", super::ALERTS)
        .set("alerts.protect_reads", true);
    let agent = environment.start(protected).await;
    let output = ctl(&agent, "status", None).await;
    let text = said("status", &output, 1);
    assert!(
        text.contains("401") && text.contains("alerts.protect_reads"),
        "{text}"
    );
    assert!(ctl(&agent, "status", Some(TOKEN)).await.status.success());
    let output = ctl(&agent, "pause", Some(super::ALERTS)).await;
    assert!(said("pause", &output, 1).contains("control.token"));
}

#[tokio::test]
async fn watch_prints_decisions_until_it_is_interrupted() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(settings()).await;
    let mut command = program();
    command.args(["ctl", "watch", "--url", &agent.url("")]);
    let mut watch = command.spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let order = ctl(&agent, "pause --who ada", Some(TOKEN)).await;
    assert!(order.status.success());
    let told = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.ends_with("control: an operator paused the agent (pause, by ada)") {
                return;
            }
        }
        panic!("it ended");
    };
    timeout(PATIENCE, told).await.expect("it says so");
    let pid = rustix::process::Pid::from_raw(watch.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = timeout(PATIENCE, watch.wait())
        .await
        .expect("it ends")
        .unwrap();
    assert!(status.success(), "{status}");
}
