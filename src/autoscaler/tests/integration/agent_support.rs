//! The real agent as a process of its own, against a local cloud in this one.

mod mounts;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use local_cloud::{Fault, FaultKind, LocalCloud, LocalCloudConfig, PoolStatus, Stack};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use wiremock::MockServer;

pub(crate) use mounts::with_mounts;

/// Longer than anything takes on a busy machine; only failures wait for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A local cloud with a pool, and a folder for an agent.
pub(crate) struct Environment {
    pub(crate) cloud: LocalCloud,
    pub(crate) stack: Stack,
    pub(crate) folder: tempfile::TempDir,
}

/// How an agent is started, besides what [`Environment::start`] gives it.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    settings: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.settings.push(format!("{key}={value}"));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// An agent that runs. It is killed when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    log: Arc<Mutex<String>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Environment {
    /// A pool of `size` members that run.
    pub(crate) async fn with_pool(size: u32) -> Self {
        let config = LocalCloudConfig::without_processes();
        Self::of(
            LocalCloudConfig {
                operation_time: Duration::from_millis(50),
                boot_time: Duration::from_millis(50),
                ..config
            },
            size,
        )
        .await
    }

    pub(crate) async fn of(config: LocalCloudConfig, size: u32) -> Self {
        let cloud = LocalCloud::start(config).await.expect("a local cloud");
        let environment = Self {
            stack: cloud.create_stack(size).await.expect("a pool"),
            cloud,
            folder: tempfile::tempdir().expect("a folder"),
        };
        let running = |pool: &PoolStatus| {
            let runs = |m: &&_| is_running(m);
            pool.members.iter().filter(runs).count() == size as usize
        };
        until("members run", || running(&environment.pool()).then_some(())).await;
        environment
    }

    /// An agent with short times and no window to wait for.
    pub(crate) async fn start(&self, settings: Settings) -> Agent {
        if !self.journal().exists() {
            self.write_journal(&long_ago());
        }
        self.restart(settings).await
    }

    /// An agent with short times and whatever journal there is.
    pub(crate) async fn restart(&self, settings: Settings) -> Agent {
        Agent::spawn(self.command("agent", &settings)).await
    }

    /// An agent that sees the file system as `script` has changed it; `None` where that is not
    /// permitted.
    pub(crate) async fn restart_with_mounts(
        &self,
        settings: Settings,
        script: &str,
    ) -> Option<Agent> {
        let command = with_mounts(&self.command("agent", &settings), script)?;
        Some(Agent::spawn(command).await)
    }

    /// The program with the agent's settings.
    pub(crate) fn command(&self, subcommand: &str, settings: &Settings) -> Command {
        let file = self.folder.path().join("agent.toml");
        fs::write(&file, self.settings()).unwrap();
        let mut command = program();
        command
            .args([subcommand, "--config"])
            .arg(file)
            .env("EXOSCALE_KEY", self.cloud.key().as_str())
            .env(
                "EXOSCALE_SECRET",
                std::str::from_utf8(self.cloud.secret().expose()).unwrap(),
            )
            .envs(settings.variables.iter().map(|(k, v)| (k, v)));
        for setting in &settings.settings {
            command.args(["--set", setting]);
        }
        command
    }

    fn settings(&self) -> String {
        let Stack { pool, balancer } = self.stack;
        let path = |path: PathBuf| format!("{:?}", path.display().to_string());
        format!(
            "[exoscale]\nendpoint = {:?}\ninstance_pool = \"{pool}\"\nload_balancer = \"{balancer}\"\n\
             request_timeout = \"2s\"\ncalls_per_minute = 6000\n\
             [scaling]\ncooldown = \"60s\"\nretry = \"100ms\"\n\
             [scale_in]\nstabilisation = \"0s\"\nwarm_up = \"0s\"\n\
             [drain]\nenabled = false\npoll = \"50ms\"\n\
             [discovery]\nfile = {}\ninterval = \"100ms\"\nconfirm_after = \"20ms\"\n\
             [alerts]\naddress = \"127.0.0.1\"\nport = 0\n\
             [journal]\ndirectory = {}\n[log]\nformat = \"json\"\n",
            self.cloud.endpoint(),
            path(self.discovery_file()),
            path(self.folder.path().join("journal")),
        )
    }

    pub(crate) fn discovery_file(&self) -> PathBuf {
        self.folder.path().join("discovery/config.json")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal/journal.json")
    }

    pub(crate) fn write_journal(&self, document: &Value) {
        fs::create_dir_all(self.journal().parent().unwrap()).unwrap();
        fs::write(self.journal(), document.to_string()).unwrap();
    }

    pub(crate) fn pool(&self) -> PoolStatus {
        let pools = self.cloud.status().pools;
        let ours = pools.into_iter().find(|pool| pool.id == self.stack.pool);
        ours.expect("the pool is there")
    }

    /// A server in each member's place, and the port that all of them have; they answer nothing
    /// yet.
    pub(crate) async fn serve_members(&self) -> (u16, Vec<MockServer>) {
        let mut servers = Vec::new();
        let mut port = 0;
        for member in self.pool().members {
            let listener = TcpListener::bind((member.ip, port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let server = MockServer::builder().listener(listener.into_std().unwrap());
            servers.push(server.start().await);
        }
        (port, servers)
    }

    /// Calls of an operation so far.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        let calls = self.cloud.status().calls;
        calls.get(operation).copied().unwrap_or(0)
    }

    /// Calls so far that ask for another size.
    pub(crate) fn writes(&self) -> u64 {
        self.calls("scale-instance-pool") + self.calls("evict-instance-pool-members")
    }

    pub(crate) fn fault(&self, operation: &str, count: u32, kind: FaultKind) {
        self.cloud.faults().add(Fault::new(operation, count, kind));
    }

    /// Waits for the pool to want `size` members, and to be at rest.
    pub(crate) async fn until_size(&self, size: u32) {
        let what = format!("the pool wants {size} members");
        until(&what, || (self.pool().size == size).then_some(())).await;
    }

    /// The targets in the discovery file.
    pub(crate) fn targets(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.discovery_file()).ok()?;
        let document: Value = serde_json::from_str(&text).expect("complete JSON");
        let targets = document[0]["targets"].as_array().expect("targets");
        Some(
            targets
                .iter()
                .map(|t| t.as_str().unwrap().to_owned())
                .collect(),
        )
    }

    /// Waits for the discovery file to hold `count` targets.
    pub(crate) async fn until_targets(&self, count: usize) -> Vec<String> {
        let what = format!("the file holds {count} targets");
        until(&what, || self.targets().filter(|t| t.len() == count)).await
    }
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
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
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

/// The program, with nothing of this process's environment but the search path.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn is_running(member: &local_cloud::MemberStatus) -> bool {
    member.state == exoscale::models::InstanceState::Running
}

/// A journal whose window is over.
pub(crate) fn long_ago() -> Value {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    json!({
        "version": 1, "boot_id": boot.trim(), "saved_at": 0, "opens_at": 0,
        "acting": false, "up": null, "backoff_failures": 0, "backoff_until": 0,
    })
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
