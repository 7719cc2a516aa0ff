//! Starts a real Grafana for the time of a run, where one is installed, with the image's own files:
//! data source, dashboard, alert rules, policies and contact point.

mod files;

use std::{
    ffi::OsString,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use program::{
    children::{self, NotReady},
    die_with_parent,
};
use rule_evaluator::prometheus::{answers, find_on_path};
use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::process::{Child, Command};

use self::files::Provisioned;

/// A first start makes a database, which takes its time on a small machine.
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);
/// A free port may be taken by another before Grafana binds it, so it is tried again.
const ATTEMPTS: u32 = 3;
/// Where packages put what Grafana calls its home, besides beside the program.
const USUAL_HOME: &str = "/usr/share/grafana";

/// The program, by either of its names.
#[derive(Clone, Debug)]
pub(super) struct GrafanaProgram {
    program: PathBuf,
    /// The older name takes no `server`.
    is_server: bool,
}

/// What it is to be connected with.
#[derive(Clone, Debug)]
pub(super) struct GrafanaSetup<'a> {
    /// Its folder is made in here.
    pub(super) folder: &'a Path,
    pub(super) prometheus: String,
    pub(super) agent: SocketAddr,
    pub(super) alert_token: &'a str,
    /// Where its log goes.
    pub(super) log: &'a Path,
}

/// Why there is no Grafana.
#[derive(Debug, Error)]
pub(super) enum GrafanaError {
    /// A file or port could not be had.
    #[error("cannot prepare Grafana")]
    Prepare(#[source] io::Error),
    /// The program could not be started.
    #[error("cannot start {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("Grafana ended with {status} before it was ready; its log is {}", log.display())]
    Ended { status: ExitStatus, log: PathBuf },
    /// It was not ready in time.
    #[error("Grafana was not ready within {} s; its log is {}", READY_WITHIN.as_secs(), log.display())]
    Late { log: PathBuf },
}

/// A running Grafana. Dropped, it is killed; [`Self::stop`] is kinder.
#[derive(Debug)]
pub(super) struct Grafana {
    child: Child,
    address: SocketAddr,
    is_halted: bool,
}

impl GrafanaProgram {
    /// The one on PATH.
    pub(super) fn find() -> Option<Self> {
        let named = |name, is_server| {
            let program = find_on_path(name)?;
            Some(Self { program, is_server })
        };
        named("grafana", false).or_else(|| named("grafana-server", true))
    }

    /// The folder that holds `conf/defaults.ini`: in a tarball above `bin`, in packages elsewhere.
    fn home(&self) -> Option<PathBuf> {
        let program = fs::canonicalize(&self.program).ok()?;
        let above = program.parent()?.parent()?;
        [
            above.to_owned(),
            above.join("share/grafana"),
            USUAL_HOME.into(),
        ]
        .into_iter()
        .find(|home| home.join("conf/defaults.ini").is_file())
    }

    fn arguments(&self, config: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if !self.is_server {
            words.push("server".into());
        }
        words.extend(["--config".into(), config.into()]);
        if let Some(home) = self.home() {
            words.extend(["--homepath".into(), home.into()]);
        }
        words
    }
}

impl Grafana {
    /// Starts Grafana and waits until it is ready. Call it on the main thread (see
    /// [`die_with_parent`]).
    pub(super) async fn start(
        program: &GrafanaProgram,
        setup: &GrafanaSetup<'_>,
        client: &reqwest::Client,
    ) -> Result<Self, GrafanaError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(program, setup, client).await {
                Err(GrafanaError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn try_start(
        program: &GrafanaProgram,
        setup: &GrafanaSetup<'_>,
        client: &reqwest::Client,
    ) -> Result<Self, GrafanaError> {
        let (address, config, log) = prepare(setup).map_err(GrafanaError::Prepare)?;
        let own = std::env::current_exe().map_err(GrafanaError::Prepare)?;
        let mut words = die_with_parent::command_line(own.as_os_str());
        words.push(program.program.clone().into());
        words.extend(program.arguments(&config));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            // A variable such as GF_PATHS_DATA would win over the file.
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .current_dir(config.parent().unwrap_or(setup.folder))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(GrafanaError::Prepare)?)
            .stderr(log)
            // Ctrl-C goes to the demo alone, which stops Grafana in its turn.
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|source| GrafanaError::Start {
            program: program.program.clone(),
            source,
        })?;
        let mut grafana = Self {
            child,
            address,
            is_halted: false,
        };
        let log = || setup.log.to_owned();
        let url = format!("{}api/health", grafana.url());
        let is_ready = async || answers(client, &url).await;
        match children::until_ready(&mut grafana.child, READY_WITHIN, POLL, is_ready).await {
            Ok(()) => Ok(grafana),
            Err(NotReady::Ended(status)) => Err(GrafanaError::Ended { status, log: log() }),
            Err(NotReady::Late) => Err(GrafanaError::Late { log: log() }),
        }
    }

    /// Where a browser finds it.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Halts it, or lets it go on: one that is halted evaluates nothing and sends nothing.
    pub(super) fn set_halted(&mut self, is_halted: bool) {
        let signal = if is_halted {
            Signal::STOP
        } else {
            Signal::CONT
        };
        // While it was not waited for, the id is still its own.
        let id = self.child.id();
        if let Some(pid) = id.and_then(|id| Pid::from_raw(id.cast_signed())) {
            match kill_process(pid, signal) {
                Ok(()) => self.is_halted = is_halted,
                Err(error) => tracing::warn!(%error, "Grafana cannot be signalled."),
            }
        }
    }

    /// Asks it to end and waits for it.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        if self.is_halted {
            // It would not hear that it is to end.
            self.set_halted(false);
        }
        children::end(&mut self.child, STOP_WITHIN).await.map(drop)
    }
}

/// Makes the folder with everything that it reads, and finds a free port.
fn prepare(setup: &GrafanaSetup<'_>) -> io::Result<(SocketAddr, PathBuf, fs::File)> {
    let folder = setup.folder.join("grafana");
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = files::write(&Provisioned {
        folder: &folder,
        listen: address,
        prometheus: &setup.prometheus,
        agent: setup.agent,
        alert_token: setup.alert_token,
    })?;
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(setup.log)?;
    Ok((address, config, log))
}
