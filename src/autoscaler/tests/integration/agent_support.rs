//! The real agent as a process of its own, against a local cloud in this one.

mod agent;
mod mounts;

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use local_cloud::{Fault, FaultKind, LocalCloud, LocalCloudConfig, PoolStatus, Stack};
use rule_evaluator::prometheus::find_on_path;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::Command,
    time::{Instant, sleep},
};
use wiremock::MockServer;

pub(crate) use agent::Agent;
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
    values: Vec<String>,
    rows: String,
    variables: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.values.push(format!("{key}={value}"));
        self
    }

    /// Adds lines to the end of the file of settings.
    pub(crate) fn file(mut self, rows: &str) -> Self {
        self.rows.push_str(rows);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
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

    /// An agent with short times and no cooldown to wait for, which shrinks by one.
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
        fs::write(&file, self.settings() + &settings.rows).unwrap();
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
        for setting in &settings.values {
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
             [scale_in]\nstep = 1\nstabilisation = \"0s\"\nwarm_up = \"0s\"\n\
             [drain]\nmode = \"none\"\npoll = \"50ms\"\n\
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

/// A program of the system; where it is not installed the test is skipped, which CI forbids.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = find_on_path(name);
    if found.is_none() {
        let required = std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_some();
        assert!(!required, "{name} is not on PATH");
        println!("skipped: {name} is not on PATH");
    }
    found
}
