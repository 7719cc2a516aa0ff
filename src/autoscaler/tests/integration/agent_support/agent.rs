//! The agent's process: what it logs, what it answers, how it ends.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use exoscale::plain_http;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::{PATIENCE, until};

/// An agent that runs. It is killed when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    log: Arc<Mutex<String>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Agent {
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the agent starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let reader = tokio::spawn({
            let log = log.clone();
            async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        let mut agent = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            http: plain_http::client().unwrap(),
            log,
            reader,
        };
        let ready = until("the agent is ready", || {
            agent.line("Agent is ready.").or_else(|| {
                let ended = agent.child.try_wait().unwrap();
                ended.map(|status| panic!("the agent ended, {status}:\n{}", agent.log()))
            })
        });
        let line = ready.await;
        agent.address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
        agent
    }

    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    /// The first line of the log whose message begins so.
    pub(crate) fn line(&self, message: &str) -> Option<Value> {
        let log = self.log();
        let mut lines = log
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok());
        lines.find(|line| {
            let said = line["fields"]["message"].as_str();
            said.is_some_and(|said| said.starts_with(message))
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http
            .get(self.url(path))
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.expect("JSON")
    }

    /// Leaves an alert by `/up` or `/down`, which must be accepted.
    pub(crate) async fn alert(&self, direction: &str) {
        let answer = self.get(&format!("/{direction}")).await;
        assert_eq!(answer.status(), 200);
    }

    /// Waits for a decision with this verdict and reason.
    pub(crate) async fn until_decided(&self, verdict: &str, reason: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let decisions = self.json("/decisions").await;
            let decisions = decisions.as_array().expect("a list");
            let fits = |d: &&Value| d["verdict"] == verdict && d["reason"] == reason;
            if let Some(decision) = decisions.iter().find(fits) {
                return decision.clone();
            }
            assert!(
                Instant::now() < deadline,
                "no {verdict}/{reason} in {decisions:#?}\n{}",
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for every check of `/healthz` to pass.
    pub(crate) async fn until_healthy(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.get("/healthz").await.status() != 200 {
            let health = self.json("/healthz").await;
            assert!(Instant::now() < deadline, "not healthy: {health}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for `/healthz` to fail with these words.
    pub(crate) async fn until_unhealthy(&self, said: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get("/healthz").await;
            let status = answer.status();
            let text = answer.text().await.expect("a body");
            if status == 503 && text.contains(said) {
                return;
            }
            assert!(Instant::now() < deadline, "{said} is not said: {text}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        let id = self.child.id().expect("it runs");
        Pid::from_raw(id.cast_signed()).expect("a process id")
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id().unwrap()));
        let pages = statm
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>();
        pages.unwrap() * rustix::param::page_size() as u64
    }

    /// Sends a signal and waits for the end.
    pub(crate) async fn end(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let began = Instant::now();
        kill_process(self.pid(), signal).expect("it runs");
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it ends").unwrap();
        (status, began.elapsed())
    }

    /// Closes the pipe that it logs to.
    pub(crate) async fn close_log(&mut self) {
        self.reader.abort();
        let _ = (&mut self.reader).await;
    }

    /// The path of a file as the agent sees it, with what is mounted for it alone.
    pub(crate) fn seen(&self, path: &std::path::Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id().unwrap()));
        root.join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// Remounts a folder among the agent's mounts: again and again, as that is refused while the
    /// agent has a file open for writing.
    pub(crate) async fn remount(&self, options: &str, folder: &std::path::Path) {
        let pid = self.child.id().unwrap().to_string();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut command = Command::new("nsenter");
            command
                .args(["--target", &pid, "--mount", "--", "mount", "-o", options])
                .arg(folder);
            let output = command.output().await.expect("nsenter runs");
            if output.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(Instant::now() < deadline, "{options}: {said}");
        }
    }

    /// The whole log of an agent that has ended.
    pub(crate) async fn into_log(self) -> String {
        let log = self.log.clone();
        let _ = timeout(PATIENCE, self.reader).await;
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}
