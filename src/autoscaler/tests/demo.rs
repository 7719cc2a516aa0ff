//! The whole system as a user runs it: `autoscaler demo`, with the built-in rule evaluator and with
//! Prometheus.

#[path = "demo/grafana.rs"]
mod grafana;
#[path = "demo/kept.rs"]
mod kept;
#[path = "demo/keys.rs"]
mod keys;
#[path = "demo/report.rs"]
mod report;
#[path = "demo/terminal.rs"]
mod terminal;
#[path = "demo/twin.rs"]
mod twin;

use std::{
    ffi::OsString,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use self::{
    kept::Kept,
    report::{check_report, report, was_not_judged},
    terminal::Terminal,
};

/// Far above the three minutes that a run takes, for machines that are busy.
const RUN_WITHIN: Duration = Duration::from_secs(300);

/// Two runs at once would share the machine's cores, and neither would show what it should.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Where a demo of these tests has its temporary folder.
const SCRATCH: &str = "scratch";

struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Demo {
    fn start(report: &Path, arguments: &[&str]) -> Self {
        Self::start_with(report, arguments, [])
    }

    /// With these variables besides those of the tests; what it leaves behind would be in the
    /// report's folder [`SCRATCH`].
    fn start_with<const N: usize>(
        report: &Path,
        arguments: &[&str],
        variables: [(&str, OsString); N],
    ) -> Self {
        let scratch = report.join(SCRATCH);
        std::fs::create_dir_all(&scratch).expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
            .arg("demo")
            .arg("--report")
            .arg(report)
            .args(arguments)
            .env("TMPDIR", &scratch)
            .envs(variables)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the demo starts");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
            said: Vec::new(),
        }
    }

    /// Reads on until a line begins with `start`, and returns the rest of it.
    async fn line(&mut self, start: &str) -> String {
        let found = timeout(RUN_WITHIN, async {
            while let Some(line) = self.lines.next_line().await.expect("it is text") {
                let rest = line
                    .trim_start()
                    .strip_prefix(start)
                    .map(|rest| rest.trim().to_owned());
                self.said.push(line);
                if rest.is_some() {
                    return rest;
                }
            }
            None
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("no line begins with {start:?}:\n{}", self.said.join("\n")))
    }

    async fn end(mut self) -> (ExitStatus, String) {
        let read = async {
            while let Some(line) = self.lines.next_line().await.expect("it is text") {
                self.said.push(line);
            }
            self.child.wait().await.expect("it ends")
        };
        let status = timeout(RUN_WITHIN, read).await.expect("it ends in time");
        (status, self.said.join("\n"))
    }

    fn interrupt(&self) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("it runs"), Signal::INT).expect("it can be signalled");
    }
}

#[tokio::test]
async fn the_pool_grows_and_shrinks_and_nothing_is_lost() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &["--plain", "--cpu-source", "built-in"]);
    let (status, said) = demo.end().await;
    if was_not_judged(&said) {
        assert_eq!(status.code(), Some(3), "{said}");
        assert_eq!(report(folder.path())["outcome"], "not_judged");
        return;
    }
    assert!(status.success(), "{status}:\n{said}");
    let report = report(folder.path());
    check_report(&report);
    assert_eq!(report["watcher"], "built-in");
    let machine = |key: &str| report["machine"][key].as_f64().expect("seconds");
    // A simulated member has all of its CPU time.
    if machine("lacked") < 0.05 * machine("had") {
        twin::compare(&report, &said);
    } else {
        println!("skipped: this machine was too busy to compare the run with its simulated twins");
    }
    let figure = std::fs::read_to_string(folder.path().join("timeline.svg")).expect("a figure");
    assert!(figure.starts_with("<svg") || figure.starts_with("<?xml"));
    let log = std::fs::read_to_string(folder.path().join("agent.log")).expect("a log");
    assert!(log.contains("Agent is ready."));
}

#[tokio::test]
async fn a_jump_of_the_load_is_met_by_a_step_that_fits() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let options = [
        "--plain",
        "--cpu-source",
        "built-in",
        "--scenario",
        "severity",
    ];
    let (status, said) = Demo::start(folder.path(), &options).end().await;
    if was_not_judged(&said) {
        return;
    }
    assert!(status.success(), "{status}:\n{said}");
    let report = report(folder.path());
    assert_eq!(report["scenario"], "severity");
    let size = |key: &str| report["actions"][0][key].as_u64().expect("a size");
    assert!(size("to") >= size("from") + 2, "{report}");
    assert_eq!(report["final_size"], report["min_size"]);
    assert_eq!(report["failed_requests"], 0);
    let log = std::fs::read_to_string(folder.path().join("agent.log")).expect("a log");
    assert!(log.contains("for average CPU above 95%"), "{log}");
}

#[tokio::test]
async fn prometheus_follows_the_pool_and_a_kept_demo_leaves_nothing_behind() {
    if rule_evaluator::prometheus::find_on_path("prometheus").is_none() {
        let reason = "`prometheus` is not on PATH (Debian: apt-get install prometheus)";
        assert!(
            std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
            "{reason}"
        );
        println!("skipped: {reason}");
        return;
    }
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let sizes = ["--min-size", "2", "--max-size", "5"];
    let arguments = ["--plain", "--cpu-source", "prometheus", "--keep"];
    let mut demo = Demo::start(folder.path(), &[&arguments[..], &sizes].concat());
    demo.line("Still running").await;
    let is_judged = !was_not_judged(&demo.said.join("\n"));
    let kept = Kept::of(&mut demo).await;
    if is_judged {
        kept.follows_the_pool().await;
    }
    kept.is_under_load().await;

    let members = kept.members().await;
    let pids = members
        .iter()
        .filter_map(|member| Pid::from_raw(i32::try_from(member["pid"].as_i64()?).ok()?));
    let pids: Vec<Pid> = pids.collect();
    assert!(!pids.is_empty());
    for pid in &pids {
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        assert!(!line.unwrap().contains("token"), "a secret shows in ps");
    }
    demo.interrupt();
    let (status, said) = demo.end().await;
    for pid in pids {
        assert!(
            test_kill_process(pid).is_err(),
            "instance {pid:?} outlived the demo"
        );
    }
    kept.is_gone().await;
    let left = std::fs::read_dir(folder.path().join(SCRATCH)).unwrap();
    assert_eq!(left.count(), 0, "a folder is left behind");
    if is_judged {
        assert!(status.success(), "{status}:\n{said}");
        let report = report(folder.path());
        check_report(&report);
        assert_eq!(report["watcher"], "Prometheus");
    }
}

#[tokio::test]
async fn an_impossible_wish_is_refused_with_the_flag_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
        .args(["demo", "--max-size", "3", "--min-size", "2", "--report"])
        .arg(folder.path())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--max-size"), "{error}");
}

#[tokio::test]
async fn a_report_that_could_not_be_written_is_refused_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("timeline.svg")).unwrap();
    for (report, named) in [
        (file.join("x"), "--report"),
        (taken.clone(), "taken/timeline.svg"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
            .args(["demo", "--report"])
            .arg(&report)
            .output()
            .await
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(named), "{error}");
        assert!(output.stdout.is_empty(), "nothing was started");
    }
}

/// Waits until the agent in this folder's log is ready: then the demo has said so, too.
async fn agent_is_ready(folder: &Path) {
    let ready = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            let log = std::fs::read_to_string(folder.join("agent.log")).unwrap_or_default();
            if log.contains("Agent is ready.") {
                return;
            }
        }
    };
    timeout(RUN_WITHIN, ready).await.expect("it gets ready");
}

#[tokio::test]
async fn a_reader_that_is_gone_does_not_end_the_demo() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let Demo {
        mut child, lines, ..
    } = Demo::start(folder.path(), &["--plain", "--cpu-source", "built-in"]);
    drop(lines);
    agent_is_ready(folder.path()).await;
    let log = folder.path().join("demo.log");
    let no_longer_shown = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while !std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("no longer shown")
        {
            ticks.tick().await;
        }
    };
    timeout(RUN_WITHIN, no_longer_shown)
        .await
        .expect("it goes on without a reader");
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    kill_process(pid.expect("it runs"), Signal::INT).unwrap();
    let status = timeout(RUN_WITHIN, child.wait()).await.expect("in time");
    assert_eq!(status.unwrap().code(), Some(130), "stopped, not broken");
}

#[tokio::test]
async fn a_terminal_that_cannot_draw_gets_lines() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let (terminal, mut child) = Terminal::start("dumb", folder.path(), &[]);
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let begun = async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        // The first line of the run itself, where a screen would have been drawn.
        while !terminal.seen().contains(" s] load ") {
            looks.tick().await;
        }
    };
    let begun = timeout(RUN_WITHIN, begun).await;
    assert!(begun.is_ok(), "{}", terminal.seen());
    kill_process(pid.expect("it runs"), Signal::INT).expect("it can be signalled");
    let status = timeout(RUN_WITHIN, child.wait()).await.expect("in time");
    let seen = terminal.all_seen().await;
    assert_eq!(status.unwrap().code(), Some(130), "{seen}");
    assert!(!seen.contains('\u{1b}'), "{seen}");
}
