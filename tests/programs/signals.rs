//! What the programs outlive, what they log, and what ends them.

use std::process::Stdio;

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::agent_support::{PATIENCE, Stage, Wishes, program};

#[tokio::test]
async fn nobody_who_reads_is_no_reason_to_end() {
    let stage = Stage::with_pool(1).await;
    let mut agent = stage.start(Wishes::default()).await;
    agent.close_log().await;
    agent.alert("up").await;
    stage.until_size(2).await;
    agent.until_decided("acted", "high_load").await;
    let (status, _) = agent.end(Signal::TERM).await;
    assert!(status.success(), "{status}");

    let mut command = stage.command("check-config", &Wishes::default());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// A program that runs, and its log.
struct Running {
    _child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Running {
    async fn until_said(&mut self, part: &str) {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(part) {
                    return;
                }
            }
            panic!("it ended without {part}");
        };
        timeout(PATIENCE, found).await.expect("it says so");
    }
}

fn run(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    Running {
        _child: child,
        lines,
    }
}

#[tokio::test]
async fn both_programs_of_the_slow_application_obey_rust_log() {
    let own = Command::new(env!("CARGO_BIN_EXE_slow-app"));
    let mut sub = program();
    sub.arg("slow-app");
    for mut command in [own, sub] {
        command
            .args(["--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        run(command).until_said("TRACE").await;
    }
}
