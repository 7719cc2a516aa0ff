//! Instances as processes of this machine, each on its own loopback address.

use std::{env, ffi::OsString, fmt, io, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use program::children;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Exit, InstanceRunner, InstanceSpec, RunningInstance};

/// Variables an instance inherits. It gets no others: a server does not see its owner's keys.
const INHERITED: [&str; 5] = [
    "PATH",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "LD_LIBRARY_PATH",
    "TMPDIR",
];

/// How long a dead instance's last words are waited for. What it started may still hold its output.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Characters of them that are kept.
const LAST_WORDS: usize = 500;

/// The program that an instance runs.
///
/// In its arguments `{ip}`, `{id}` and `{name}` stand for the instance's own. The program must end
/// when its standard input is closed: that is how it ends with this process, however that dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceCommand {
    pub program: PathBuf,
    /// Its arguments, with placeholders.
    pub arguments: Vec<String>,
    /// Ports that it binds on the instance's address.
    pub ports: Vec<u16>,
}

impl InstanceCommand {
    /// The slow application on port 8080 with its node metrics on port 9100, run by `program`
    /// (`subcommand` is `Some("slow-app")` when the program is `autoscaler`). `cpu_quota` is the
    /// fraction of one core that the instance has.
    pub fn slow_app(
        program: PathBuf,
        subcommand: Option<&str>,
        cpu_quota: f64,
        further: &[String],
    ) -> Self {
        let quota = cpu_quota.to_string();
        let fixed = [
            "--listen",
            "{ip}:8080",
            "--node-metrics",
            "{ip}:9100",
            "--instance-id",
            "{id}",
            "--cpu-quota",
            quota.as_str(),
            "--exit-with-parent",
        ];
        Self {
            program,
            arguments: subcommand
                .into_iter()
                .chain(fixed)
                .map(str::to_owned)
                .chain(further.iter().cloned())
                .collect(),
            ports: vec![8080, 9100],
        }
    }

    /// The same after the boot that reads the instance's user-data; `autoscaler` does the boot.
    #[must_use]
    pub(crate) fn after_boot(self, autoscaler: PathBuf) -> Self {
        let boot = ["local-instance", "slow-app", "--ip", "{ip}", "--"].map(str::to_owned);
        let program = self.program.display().to_string();
        Self {
            program: autoscaler,
            arguments: boot
                .into_iter()
                .chain([program])
                .chain(self.arguments)
                .collect(),
            ports: self.ports,
        }
    }

    /// The agent and what watches CPU for it, set up by the instance's user-data.
    pub(crate) fn monitoring(autoscaler: PathBuf, speed: f64) -> Self {
        let speed = speed.to_string();
        let arguments = [
            "local-instance",
            "monitoring",
            "--ip",
            "{ip}",
            "--speed",
            &speed,
        ];
        Self {
            program: autoscaler,
            arguments: arguments.map(str::to_owned).into(),
            ports: vec![8090],
        }
    }

    fn arguments_for(&self, spec: &InstanceSpec) -> Vec<String> {
        let fill = |argument: &String| {
            argument
                .replace("{ip}", &spec.ip.to_string())
                .replace("{id}", &spec.id.to_string())
                .replace("{name}", &spec.name)
        };
        self.arguments.iter().map(fill).collect()
    }
}

/// Runs each instance as a process.
#[derive(Clone, Debug)]
pub struct ProcessRunner {
    command: InstanceCommand,
    /// By the beginning of the template's name.
    images: Vec<(String, InstanceCommand)>,
    /// For an instance whose user-data no image reads; `command` when absent.
    plain: Option<InstanceCommand>,
    variables: Variables,
}

/// Variables for instances. Their values may be secrets, so only the names are shown.
#[derive(Clone, Default)]
struct Variables(Vec<(OsString, OsString)>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl ProcessRunner {
    /// Runs `command` for each instance.
    pub fn new(command: InstanceCommand) -> Self {
        Self {
            command,
            images: Vec::new(),
            plain: None,
            variables: Variables::default(),
        }
    }

    /// Gives each instance these variables: the way for a secret, as a command line shows in `ps`.
    #[must_use]
    pub fn with_variables(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        self.variables.0.extend(variables);
        self
    }

    /// Runs `command` instead where the template's name begins with `image`.
    #[must_use]
    pub(crate) fn with_image(mut self, image: &str, command: InstanceCommand) -> Self {
        self.images.push((image.to_owned(), command));
        self
    }

    /// Runs `command` instead where the user-data is not made for any image.
    #[must_use]
    pub(crate) fn with_plain(mut self, command: InstanceCommand) -> Self {
        self.plain = Some(command);
        self
    }

    fn plain(&self) -> &InstanceCommand {
        self.plain.as_ref().unwrap_or(&self.command)
    }

    fn command(&self, template: &str) -> &InstanceCommand {
        let mut images = self.images.iter();
        let image = images.find(|(image, _)| template.starts_with(image.as_str()));
        image.map_or(&self.command, |(_, command)| command)
    }
}

impl InstanceRunner for ProcessRunner {
    fn ports(&self, template: &str) -> Vec<u16> {
        // Its user-data, and so what it runs, may change with each boot.
        let mut ports = [self.plain(), self.command(template)]
            .map(|c| c.ports.clone())
            .concat();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    fn start(&self, spec: &InstanceSpec) -> io::Result<Box<dyn RunningInstance>> {
        let image = if spec.plain {
            self.plain()
        } else {
            self.command(&spec.template)
        };
        let mut command = Command::new(&image.program);
        command
            .args(image.arguments_for(spec))
            .env_clear()
            .envs(
                INHERITED
                    .iter()
                    .filter_map(|name| Some((name, env::var_os(name)?))),
            )
            .envs(self.variables.0.iter().map(|(name, value)| (name, value)))
            .envs(spec.environment.iter().map(|(name, value)| (name, value)))
            .env("INSTANCE_METADATA_URL", &spec.metadata_url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // Its own group: Ctrl-C on the terminal reaches this program only, which then stops
            // its instances in order.
            .process_group(0);
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot run {}: {error}", image.program.display()),
            )
        })?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(log_lines(spec.name.clone(), stdout, None));
        }
        let words = Arc::new(LastWords::default());
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(log_lines(
                spec.name.clone(),
                stderr,
                Some(Arc::clone(&words)),
            ));
        }
        let stdin = child.stdin.take();
        Ok(Box::new(Process {
            child,
            words,
            _stdin: stdin,
        }))
    }
}

/// The last line that an instance wrote on its standard error: there a program says why it ends.
#[derive(Debug, Default)]
struct LastWords {
    line: Mutex<String>,
    /// Cancelled when nothing more can come.
    complete: CancellationToken,
}

impl LastWords {
    fn hear(&self, line: &str) {
        if !line.trim().is_empty() {
            *self.line.lock() = line.trim().chars().take(LAST_WORDS).collect();
        }
    }

    async fn of_the_dead(&self) -> String {
        // Late ones are in the log all the same.
        let _ = timeout(LAST_WORDS_WITHIN, self.complete.cancelled()).await;
        self.line.lock().clone()
    }
}

/// Copies an instance's output to the log until it closes.
async fn log_lines(name: String, output: impl AsyncRead + Unpin, words: Option<Arc<LastWords>>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    // Bytes, not text: an instance may write anything, and its pipe must be drained all the same.
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        tracing::debug!(instance = %name, "{}", text.trim_end());
        if let Some(words) = &words {
            words.hear(&text);
        }
        line.clear();
    }
    if let Some(words) = words {
        words.complete.cancel();
    }
}

struct Process {
    child: Child,
    words: Arc<LastWords>,
    /// Open as long as the instance is wanted. It is not left in `child`, whose `wait` closes it.
    _stdin: Option<ChildStdin>,
}

impl RunningInstance for Process {
    fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        async {
            match self.child.wait().await {
                Ok(status) if status.success() => Exit {
                    clean: true,
                    description: status.to_string(),
                },
                Ok(status) => {
                    let words = self.words.of_the_dead().await;
                    let said = if words.is_empty() { "" } else { "; it said: " };
                    Exit {
                        clean: false,
                        description: format!("{status}{said}{words}"),
                    }
                }
                Err(error) => Exit {
                    clean: false,
                    description: format!("cannot wait for it: {error}"),
                },
            }
        }
        .boxed()
    }

    fn stop(&mut self, grace: Duration) -> BoxFuture<'_, ()> {
        async move {
            // It has ended then, or cannot be ended at all.
            let _ = children::end(&mut self.child, grace).await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use exoscale::ids::InstanceId;

    use super::*;

    fn shell(script: &str) -> InstanceCommand {
        InstanceCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            ports: Vec::new(),
        }
    }

    async fn end_of(plain: bool) -> Exit {
        let runner = ProcessRunner::new(shell(
            "echo first >&2; echo the document is wrong >&2; exit 3",
        ))
        .with_image("monitoring", shell("echo no image >&2; exit 4"))
        .with_plain(shell("exit 0"));
        let spec = InstanceSpec {
            id: InstanceId::random(),
            name: "one".to_owned(),
            template: "slow-app".to_owned(),
            plain,
            ip: Ipv4Addr::LOCALHOST,
            metadata_url: String::new(),
            environment: Vec::new(),
        };
        let mut running = runner.start(&spec).unwrap();
        running.exited().await
    }

    #[tokio::test]
    async fn an_instance_that_no_image_reads_for_runs_the_plain_program() {
        assert!(end_of(true).await.clean);
    }

    #[tokio::test]
    async fn what_an_instance_said_last_tells_why_it_ended() {
        let exit = end_of(false).await;
        let said = "exit status: 3; it said: the document is wrong";
        assert_eq!((exit.clean, exit.description.as_str()), (false, said));
    }
}
