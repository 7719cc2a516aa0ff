//! The agent as the demo runs it: the real program, as a process of its own, set up by a file.

use std::{
    ffi::OsString,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use agent::settings;
use jiff::{Timestamp, tz::TimeZone};
use local_cloud::Stack;
use program::{children, die_with_parent, memory::resident_bytes};
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use super::scenario::{Kind, ScheduledSize, Speed};

/// How long it may take to be ready, and to stop (guarantee G13).
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The settings that differ from run to run.
#[derive(Clone, Debug)]
pub(super) struct AgentSetup<'a> {
    pub(super) endpoint: String,
    pub(super) key: &'a str,
    /// Passed in the environment, not in the file.
    pub(super) secret: &'a str,
    pub(super) stack: Stack,
    pub(super) speed: Speed,
    pub(super) kind: Kind,
    pub(super) scheduled: Option<ScheduledSize>,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    /// The folder for its settings, journal and service discovery file.
    pub(super) folder: &'a Path,
    pub(super) alert_token: &'a str,
    pub(super) drain_token: &'a str,
    pub(super) control_token: &'a str,
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
    launch: Launch,
}

/// What it takes to start the agent, again and again.
#[derive(Clone, Debug)]
struct Launch {
    config: PathBuf,
    control_token: String,
    /// Secrets, which are in no file.
    variables: Vec<(&'static str, String)>,
    log: PathBuf,
}

impl AgentSetup<'_> {
    pub(super) fn discovery_file(&self) -> PathBuf {
        self.folder.join("service-discovery").join("config.json")
    }

    /// The service's own settings at the demo's speed, and where everything is.
    fn settings(&self) -> String {
        let path = |path: &Path| path.display().to_string();
        let Stack { pool, balancer } = self.stack;
        let own = [
            ("exoscale.endpoint", self.endpoint.clone()),
            ("exoscale.key", self.key.to_owned()),
            ("exoscale.instance_pool", pool.to_string()),
            ("exoscale.load_balancer", balancer.to_string()),
            ("scaling.min_size", self.min_size.to_string()),
            ("scaling.max_size", self.max_size.to_string()),
            ("discovery.file", path(&self.discovery_file())),
            ("alerts.address", Ipv4Addr::LOCALHOST.to_string()),
            // Any free one.
            ("alerts.port", "0".to_owned()),
            ("journal.directory", path(&self.folder.join("journal"))),
            ("log.format", "json".to_owned()),
        ];
        // The brief shows one member at a time, also of a pool that is overloaded.
        let by_one = [
            ("scale_out.severity", "none".to_owned()),
            ("scale_in.step", "1".to_owned()),
        ];
        let by_one = by_one.into_iter().filter(|_| self.kind == Kind::Brief);
        let own = own.into_iter().chain(by_one);
        let own = own.map(|(key, value)| (key.to_owned(), value));
        let divisor = f64::from(self.speed.divisor());
        let faster = settings::at_speed(settings::defaults(), divisor);
        let text = settings::file_text(&faster.into_iter().chain(own).collect());
        text + &self.schedule()
    }

    /// The row of the schedule: times of the day, from now on.
    fn schedule(&self) -> String {
        let Some(row) = self.scheduled else {
            return String::new();
        };
        let clock = |after: Duration| {
            let at = Timestamp::now() + after;
            at.to_zoned_datetime(TimeZone::UTC)
                .strftime("%H:%M:%S")
                .to_string()
        };
        format!(
            "[[schedule]]\nfrom = \"{}\"\nto = \"{}\"\ntime_zone = \"UTC\"\nmin_size = {}\n",
            clock(row.from),
            clock(row.to),
            row.min_size
        )
    }
}

impl AgentProcess {
    /// Starts the agent and waits until it is ready. Call it on the main thread (see
    /// [`die_with_parent`]).
    pub(super) async fn start(setup: &AgentSetup<'_>) -> Result<Self, AgentError> {
        let config = setup.folder.join("agent.toml");
        fs::write(&config, setup.settings()).map_err(AgentError::Start)?;
        let variables = [
            ("EXOSCALE_SECRET", setup.secret),
            ("AUTOSCALER_ALERTS__TOKEN", setup.alert_token),
            ("AUTOSCALER_DRAIN__TOKEN", setup.drain_token),
            ("AUTOSCALER_CONTROL__TOKEN", setup.control_token),
        ];
        fs::File::create(setup.log).map_err(AgentError::Start)?;
        let launch = Launch {
            config,
            control_token: setup.control_token.to_owned(),
            variables: variables
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
            log: setup.log.to_owned(),
        };
        launch.start().await
    }

    /// Kills the agent with SIGKILL and starts it again at the same address.
    pub(super) async fn restart(&mut self) -> Result<(), AgentError> {
        self.child.kill().await.map_err(AgentError::Start)?;
        let port = ("AUTOSCALER_ALERTS__PORT", self.address.port().to_string());
        let mut variables = self.launch.variables.clone();
        variables.retain(|(name, _)| *name != port.0);
        variables.push(port);
        let launch = Launch {
            variables,
            ..self.launch.clone()
        };
        *self = launch.start().await?;
        Ok(())
    }

    /// The token for orders.
    pub(super) fn control_token(&self) -> &str {
        &self.launch.control_token
    }

    /// Its resident memory in bytes, as the kernel counts it.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(self.child.id()?)
    }

    /// Whether it has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop and waits for it.
    pub(super) async fn stop(mut self) -> io::Result<ExitStatus> {
        let status = children::end(&mut self.child, STOP_WITHIN).await?;
        let _ = self.log.await;
        Ok(status)
    }
}

impl Launch {
    async fn start(self) -> Result<AgentProcess, AgentError> {
        let mut child = spawn(&self).map_err(AgentError::Start)?;
        let not_ready = || AgentError::NotReady {
            log: self.log.clone(),
        };
        let mut log = fs::File::options()
            .append(true)
            .open(&self.log)
            .map_err(AgentError::Start)?;
        let stderr = child.stderr.take().ok_or_else(not_ready)?;
        let mut lines = BufReader::new(stderr).lines();
        let address = timeout(READY_WITHIN, ready(&mut lines, &mut log)).await;
        let address = address.map_err(|_| AgentError::Late {
            log: self.log.clone(),
        })?;
        let address = address.ok_or_else(not_ready)?;
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                write_line(&mut log, &line);
            }
        });
        Ok(AgentProcess {
            child,
            address,
            log,
            launch: self,
        })
    }
}

fn spawn(launch: &Launch) -> io::Result<Child> {
    let program = std::env::current_exe()?;
    let mut words = die_with_parent::command_line(program.as_os_str());
    words.push(program.into_os_string());
    words.extend([
        "agent".into(),
        "--config".into(),
        OsString::from(&launch.config),
    ]);
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "AUTOSCALER_LOG"))
        .envs(launch.variables.iter().map(|(name, value)| (name, value)))
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

#[cfg(test)]
mod tests {
    use agent::settings::{Sources, load};

    use super::*;

    fn settings(speed: Speed, folder: &Path) -> agent::settings::Settings {
        let id = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
        let setup = AgentSetup {
            endpoint: "http://127.0.0.1:1/v2".to_owned(),
            key: "EXO1",
            secret: "abc",
            stack: Stack {
                pool: id.parse().unwrap(),
                balancer: id.parse().unwrap(),
            },
            speed,
            kind: Kind::Brief,
            scheduled: None,
            min_size: 2,
            max_size: 5,
            folder,
            alert_token: "a",
            drain_token: "b",
            control_token: "c",
            log: folder,
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), setup.settings()).unwrap();
        let sources = Sources {
            file: Some(file.path().to_owned()),
            variables: vec![("EXOSCALE_SECRET".to_owned(), setup.secret.to_owned())],
            ..Sources::default()
        };
        load(&sources)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .0
    }

    #[test]
    fn the_agents_times_are_those_of_the_service_at_the_demos_speed() {
        let folder = Path::new("/tmp/quoted \"folder\" \u{301}\u{1b}");
        let [fast, real] = [Speed::Fast, Speed::Real].map(|speed| settings(speed, folder).agent);
        assert_eq!(
            fast.pools[0].rules.cooldown,
            real.pools[0].rules.cooldown / 10
        );
        assert_eq!(
            fast.pools[0].rules.scale_in.warm_up,
            real.pools[0].rules.scale_in.warm_up / 10
        );
        let (fast_discovery, real_discovery) = (&fast.pools[0].discovery, &real.pools[0].discovery);
        assert_eq!(fast_discovery.interval, real_discovery.interval / 10);
        assert_eq!(
            fast_discovery.confirm_after,
            real_discovery.confirm_after / 10
        );
        assert_eq!(fast.pools[0].drain.poll, real.pools[0].drain.poll / 10);
        // Requests take their time at any speed.
        assert_eq!(fast.pools[0].drain.timeout, real.pools[0].drain.timeout);
        assert_eq!(fast.state_directory, folder.join("journal"));
        assert_eq!(fast.pools[0].rules.bounds.min().0, 2);
        let budget = |agent: &agent::Config| agent.client.budget_per_minute.unwrap().get();
        assert_eq!(budget(&fast), 10 * budget(&real));
    }
}
