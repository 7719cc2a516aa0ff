//! The agent as the demo runs it: the real program, as a process of its own, set up by a file.

use std::{
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use exoscale::config::DEFAULT_ZONE;
use jiff::Timestamp;
use local_cloud::Stack;
use program::die_with_parent;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use super::story::Speed;

/// How long it may take to be ready, and to stop (guarantee G13).
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What the agent is told.
#[derive(Clone, Debug)]
pub(super) struct AgentSetup<'a> {
    pub(super) endpoint: String,
    pub(super) key: &'a str,
    /// Passed in the environment, not in the file.
    pub(super) secret: &'a str,
    pub(super) stack: Stack,
    pub(super) speed: Speed,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    /// The folder for its settings, journal and service discovery file.
    pub(super) folder: &'a Path,
    pub(super) alert_token: &'a str,
    pub(super) drain_token: &'a str,
    /// Where its log goes.
    pub(super) log: &'a Path,
}

/// Why there is no agent.
#[derive(Debug, Error)]
pub(super) enum AgentError {
    /// A file or the process could not be had.
    #[error("cannot start the agent")]
    Start(#[source] io::Error),
    /// It ended before it was ready.
    #[error("the agent ended before it was ready; its log is {}", log.display())]
    NotReady {
        /// The log.
        log: PathBuf,
    },
    /// It was not ready in time.
    #[error("the agent was not ready within {READY_WITHIN:?}; its log is {}", log.display())]
    Late {
        /// The log.
        log: PathBuf,
    },
}

impl AgentError {
    /// Whether more time might have been enough.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Late { .. })
    }
}

/// The running agent.
#[derive(Debug)]
pub(super) struct AgentProcess {
    child: Child,
    pub(super) address: SocketAddr,
    log: tokio::task::JoinHandle<()>,
}

/// A decision, as far as the demo shows it. See `GET /decisions`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AgentDecision {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) verdict: String,
    pub(super) reason: String,
    pub(super) text: String,
    pub(super) direction: Option<String>,
    pub(super) from: Option<u32>,
    pub(super) to: Option<u32>,
}

impl AgentSetup<'_> {
    pub(super) fn discovery_file(&self) -> PathBuf {
        self.folder.join("service-discovery").join("config.json")
    }

    /// The service's own settings, with every interval divided by the speed.
    fn settings(&self) -> String {
        let time = |seconds: u64| {
            let scaled = self.speed.scale(Duration::from_secs(seconds));
            format!("\"{}ms\"", scaled.as_millis())
        };
        let path = |path: &Path| format!("{:?}", path.display().to_string());
        let Stack { pool, balancer } = self.stack;
        format!(
            "[exoscale]\nendpoint = {endpoint:?}\nkey = {key:?}\nzone = \"{DEFAULT_ZONE}\"\n\
             instance_pool = \"{pool}\"\nload_balancer = \"{balancer}\"\ncalls_per_minute = {calls}\n\n\
             [scaling]\nmin_size = {min}\nmax_size = {max}\nwindow = {window}\nmax_read_age = {age}\nretry = {retry}\n\n\
             [scale_out]\nalert_lifetime = {up_lifetime}\ncapacity_pause = {pause}\ncapacity_pause_max = {pause_max}\n\n\
             [scale_in]\nalert_lifetime = {down_lifetime}\nstabilisation = {stable}\nwarm_up = {stable}\n\n\
             [drain]\nport = 8080\npoll = {poll}\n\n\
             [discovery]\nfile = {file}\ninterval = {discovery}\nconfirm_after = {confirm}\n\n\
             [alerts]\naddress = \"127.0.0.1\"\nport = 0\n\n\
             [journal]\ndirectory = {journal}\n\n[log]\nformat = \"json\"\n",
            endpoint = self.endpoint,
            key = self.key,
            calls = 120 * self.speed.divisor(),
            min = self.min_size,
            max = self.max_size,
            window = time(60),
            age = time(10),
            retry = time(5),
            up_lifetime = time(300),
            pause = time(300),
            pause_max = time(1800),
            down_lifetime = time(180),
            stable = time(120),
            poll = time(2),
            file = path(&self.discovery_file()),
            discovery = time(10),
            confirm = time(1),
            journal = path(&self.folder.join("journal")),
        )
    }
}

impl AgentProcess {
    /// Starts the agent and waits until it is ready. Call it on the main thread (see [`leash`]).
    pub(super) async fn start(setup: &AgentSetup<'_>) -> Result<Self, AgentError> {
        let config = setup.folder.join("agent.toml");
        fs::write(&config, setup.settings()).map_err(AgentError::Start)?;
        let mut child = spawn(setup, &config).map_err(AgentError::Start)?;
        let not_ready = || AgentError::NotReady {
            log: setup.log.to_owned(),
        };
        let mut log = fs::File::create(setup.log).map_err(AgentError::Start)?;
        let stderr = child.stderr.take().ok_or_else(not_ready)?;
        let mut lines = BufReader::new(stderr).lines();
        let address = timeout(READY_WITHIN, ready(&mut lines, &mut log)).await;
        let address = address.map_err(|_| AgentError::Late {
            log: setup.log.to_owned(),
        })?;
        let address = address.ok_or_else(not_ready)?;
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                write_line(&mut log, &line);
            }
        });
        Ok(Self {
            child,
            address,
            log,
        })
    }

    /// Its decisions, oldest first.
    pub(super) async fn decisions(
        &self,
        client: &reqwest::Client,
    ) -> reqwest::Result<Vec<AgentDecision>> {
        let url = format!("http://{}/decisions", self.address);
        client
            .get(url)
            .timeout(Duration::from_secs(2))
            .send()
            .await?
            .json()
            .await
    }

    /// Its resident memory in bytes, as the kernel counts it.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id()?)).ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }

    /// Whether it has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop and waits for it.
    pub(super) async fn stop(mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
        {
            kill_process(pid, Signal::TERM)?;
        }
        let status = if let Ok(status) = timeout(STOP_WITHIN, self.child.wait()).await {
            status?
        } else {
            self.child.kill().await?;
            self.child.wait().await?
        };
        let _ = self.log.await;
        Ok(status)
    }
}

fn spawn(setup: &AgentSetup<'_>, config: &Path) -> io::Result<Child> {
    let program = std::env::current_exe()?;
    let mut words = die_with_parent::command_line(program.as_os_str());
    words.push(program.into_os_string());
    words.extend(["agent".into(), "--config".into(), OsString::from(config)]);
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "AUTOSCALER_LOG"))
        .env("EXOSCALE_SECRET", setup.secret)
        .env("AUTOSCALER_ALERTS__TOKEN", setup.alert_token)
        .env("AUTOSCALER_DRAIN__TOKEN", setup.drain_token)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C goes to the demo alone, which stops the agent in its turn.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn()
}

/// Reads the log up to the line that says the agent is ready and where.
async fn ready(
    lines: &mut Lines<BufReader<ChildStderr>>,
    log: &mut fs::File,
) -> Option<SocketAddr> {
    #[derive(Deserialize)]
    struct Line {
        fields: Fields,
    }
    #[derive(Deserialize)]
    struct Fields {
        message: String,
        address: Option<SocketAddr>,
    }
    while let Ok(Some(line)) = lines.next_line().await {
        write_line(log, &line);
        if let Ok(Line { fields }) = serde_json::from_str(&line)
            && fields.message == "Agent is ready."
        {
            return fields.address;
        }
    }
    None
}

fn write_line(log: &mut fs::File, line: &str) {
    use io::Write as _;
    // A log that cannot be written is no reason to end the demo.
    let _ = writeln!(log, "{line}");
}
