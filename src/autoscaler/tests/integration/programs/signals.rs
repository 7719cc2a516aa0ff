//! What the programs outlive, what they log, and what ends them.

use std::{
    fs,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::agent_support::{Environment, PATIENCE, Settings, program, until};

#[tokio::test]
async fn nobody_who_reads_is_no_reason_to_end() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(Settings::default()).await;
    agent.close_log().await;
    agent.alert("up").await;
    environment.until_size(2).await;
    agent.until_decided("acted", "high_load").await;
    let (status, _) = agent.end(Signal::TERM).await;
    assert!(status.success(), "{status}");

    let mut command = environment.command("check-config", &Settings::default());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn a_secret_on_the_command_line_is_warned_of() {
    let environment = Environment::with_pool(1).await;
    let agent = environment
        .start(Settings::default().set("alerts.token", "hush"))
        .await;
    let line = agent.log();
    assert!(line.contains("Secret is on the command line"), "{line}");
    assert!(
        line.contains("alerts.token") && !line.contains("hush"),
        "{line}"
    );
}

/// A program that runs, and its log.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Running {
    async fn until_said(&mut self, part: &str) {
        let mut said = Vec::new();
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(part) {
                    return;
                }
                said.push(line);
            }
            panic!("it ended without {part}: {said:?}");
        };
        timeout(PATIENCE, found).await.expect("it says so");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    async fn status(mut self) -> ExitStatus {
        // What it says at its end must go somewhere.
        while let Ok(Some(_)) = self.lines.next_line().await {}
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends")
            .unwrap()
    }
}

fn run(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    Running { child, lines }
}

#[tokio::test]
async fn sighup_ends_no_program() {
    let environment = Environment::with_pool(1).await;
    let agent = environment.command("agent", &Settings::default());
    let mut app = program();
    app.args(["slow-app", "--listen", "127.0.0.1:0"]);
    let mut cloud = program();
    let addresses = ["--listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:0"];
    cloud.arg("local-cloud").args(addresses);
    let ignored = "SIGHUP is ignored";
    for (command, ready, said) in [
        (agent, "Agent is ready.", "Settings are read again."),
        (app, "slow-app is listening", ignored),
        (cloud, "local cloud serves", ignored),
    ] {
        let mut program = run(command);
        program.until_said(ready).await;
        for _ in 0..2 {
            program.signal(Signal::HUP);
            program.until_said(said).await;
        }
        program.signal(Signal::TERM);
        let status = program.status().await;
        assert!(status.success(), "{ready}: {status}");
    }
}

#[tokio::test]
async fn the_slow_application_obeys_rust_log() {
    let mut command = program();
    command
        .args(["slow-app", "--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "trace");
    run(command).until_said("TRACE").await;
}

/// As when the window is closed that a local cloud was started in: nobody could end it by Ctrl-C.
#[tokio::test]
async fn a_program_whose_terminal_is_closed_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Command::new("script");
    let line = format!(
        "exec {} local-cloud --listen 127.0.0.1:0 --proxy-listen 127.0.0.1:0 2>&1",
        env!("CARGO_BIN_EXE_autoscaler")
    );
    let record = folder.path().join("record");
    terminal
        .args(["--quiet", "--flush", "--command", &line])
        .arg(&record)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let Ok(mut terminal) = terminal.spawn() else {
        eprintln!("skipped: there is no `script` on PATH (util-linux)");
        return;
    };
    // Its folder is there while it runs, and is removed by an orderly end only.
    let scratch = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("autoscaler-scratch-"))
            .count()
    };
    until("it runs", || {
        let text = fs::read_to_string(&record).ok()?;
        (text.contains("EXOSCALE_ZONE") && scratch() == 1).then_some(())
    })
    .await;
    terminal.kill().await.unwrap();
    until("it has cleaned up", || (scratch() == 0).then_some(())).await;
}
