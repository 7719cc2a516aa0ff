//! A copy of `terraform/` with the provider that is installed here, and the commands on it.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use exoscale::plain_http;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

use super::cloud::{Cloud, PATIENCE};

/// The longest that any command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(300);

const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me";

pub(crate) struct Stack {
    /// What the stacks of one cloud share: the provider, and a place for each.
    home: Arc<TempDir>,
    place: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a command ended with.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }

    /// Fails unless the command failed and said `part`.
    #[track_caller]
    pub(crate) fn failed(&self, part: &str) {
        assert_eq!(self.code, Some(1), "{}", self.text);
        let words: Vec<_> = self
            .text
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect();
        assert!(
            words.join(" ").contains(part),
            "lacks {part:?}: {}",
            self.text
        );
    }
}

pub(crate) fn skip(why: &str) -> Option<PathBuf> {
    assert!(
        env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
        "{why}"
    );
    eprintln!("skipped: {why}");
    None
}

/// A program on PATH, or a line that says that it is missing.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    let found = places.find(|place| place.is_file());
    found.or_else(|| skip(&format!("there is no `{program}` on PATH")))
}

/// The provider's program, where Terraform is there, too.
fn programs() -> Option<PathBuf> {
    find("terraform")?;
    let named = env::var_os("AUTOSCALER_TERRAFORM_PROVIDER").map(PathBuf::from);
    match named {
        Some(program) if program.is_file() => Some(program),
        Some(program) => skip(&format!("there is no provider at {}", program.display())),
        None => skip("AUTOSCALER_TERRAFORM_PROVIDER names no provider; see scripts/go-tool.sh"),
    }
}

/// A cloud and the project's stack for it, initialised; nothing where the programs are missing.
pub(crate) async fn start() -> Option<(Cloud, Stack)> {
    start_with(|to| copy(&own(), to)).await
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform")
}

/// The same with the stack as it was before there were modules.
pub(crate) async fn start_before_modules() -> Option<(Cloud, Stack)> {
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/before_modules");
    start_with(|to| copy(&older, to)).await
}

/// The same with a stack of `stacks/`, as others write theirs.
pub(crate) async fn start_named(name: &str) -> Option<(Cloud, Stack)> {
    start_with(|to| copy_named(name, to)).await
}

fn copy_named(name: &str, to: &Path) {
    let stacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/stacks");
    fs::create_dir_all(to).unwrap();
    for (from, file) in [(name, "main.tf"), ("common/common", "common.tf")] {
        fs::copy(stacks.join(from).with_extension("tf"), to.join(file)).unwrap();
    }
}

async fn start_with(copy: impl FnOnce(&Path)) -> Option<(Cloud, Stack)> {
    let provider = programs()?;
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = configure(folder.path());
    fs::create_dir(folder.path().join("mirror")).unwrap();
    copy(&folder.path().join("stack"));
    let own = [
        ("TF_CLI_CONFIG_FILE", config.display().to_string()),
        ("TF_IN_AUTOMATION", "1".to_owned()),
        ("TF_INPUT", "0".to_owned()),
        ("TF_VAR_admin_cidr", "127.0.0.1/32".to_owned()),
        ("TF_VAR_ssh_public_key", PUBLIC_KEY.to_owned()),
    ];
    let own = own
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let stack = Stack {
        place: folder.path().join("stack"),
        home: Arc::new(folder),
        environment: cloud.environment.iter().cloned().chain(own).collect(),
    };
    stack.install(&provider).await;
    stack.run(&["init", "-no-color"]).await.well();
    Some((cloud, stack))
}

/// A configuration for which the only provider there is lies below `mirror`.
fn configure(folder: &Path) -> PathBuf {
    let config = folder.join("terraformrc");
    // JSON's quotes are HCL's too.
    let path = serde_json::to_string(&folder.join("mirror")).unwrap();
    let text =
        format!("provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n");
    fs::write(&config, text).unwrap();
    config
}

/// The configuration with its modules and examples, without what an earlier use of it left, and
/// without a place for a real state.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with('.') || name == "backend.tf" {
            continue;
        }
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if !matches!(kind, Some("tfstate" | "backup" | "tfvars")) {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

impl Stack {
    /// A folder below this one's, such as a module, initialised.
    pub(crate) async fn part(&self, folder: &str) -> Self {
        let part = Self {
            home: Arc::clone(&self.home),
            place: self.place.join(folder),
            environment: self.environment.clone(),
        };
        part.run(&["init", "-no-color"]).await.well();
        part
    }

    /// A stack of `stacks/` on the same cloud, with a state of its own, initialised.
    pub(crate) async fn beside(&self, name: &str) -> Self {
        copy_named(name, &self.home.path().join(name));
        self.part(&format!("../{name}")).await
    }

    /// Replaces the configuration by that of `terraform/`, and keeps the state.
    pub(crate) async fn becomes_the_present_one(&self) {
        for entry in fs::read_dir(&self.place).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "tf") {
                fs::remove_file(path).unwrap();
            }
        }
        copy(&own(), &self.place);
        self.run(&["init", "-no-color"]).await.well();
    }

    /// Puts the provider where Terraform looks for it, which Terraform says itself.
    async fn install(&self, provider: &Path) {
        self.run(&["get", "-no-color"]).await.well();
        let text = self.run(&["providers", "-no-color"]).await.well();
        let names = text.split_once("provider[").into_iter();
        let mut names = names.flat_map(|(_, rest)| rest.split("provider["));
        let name = names.find_map(|rest| {
            rest.split_once(']')
                .filter(|(n, _)| n.ends_with("/exoscale/exoscale"))
        });
        let (name, _) = name.unwrap_or_else(|| panic!("the stack needs the provider: {text}"));
        let file = provider
            .file_name()
            .and_then(|file| file.to_str())
            .expect("a file name");
        let version = file
            .rsplit_once("_v")
            .map_or("0.69.3", |(_, version)| version);
        let machine = match env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let machine = format!("{}_{machine}", env::consts::OS);
        let place = self
            .home
            .path()
            .join("mirror")
            .join(name)
            .join(version)
            .join(machine);
        fs::create_dir_all(&place).unwrap();
        let program = place.join(format!("terraform-provider-exoscale_v{version}"));
        symlink(provider.canonicalize().unwrap(), program).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(&self.place)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let child = self.command(arguments).spawn().expect("terraform starts");
        ended(child).await
    }

    /// A command that goes on, to be interrupted.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().expect("terraform starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        Running {
            child,
            output,
            text: String::new(),
        }
    }

    /// `apply`, with further arguments such as `-var=…`.
    pub(crate) async fn apply(&self, further: &[&str]) -> Ended {
        let arguments = ["apply", "-auto-approve", "-no-color"];
        self.run(&[&arguments, further].concat()).await
    }

    pub(crate) async fn destroy(&self) -> Ended {
        self.run(&["destroy", "-auto-approve", "-no-color"]).await
    }

    /// Fails unless a plan finds nothing to do.
    pub(crate) async fn assert_nothing_to_do(&self) {
        let plan = self.run(&["plan", "-detailed-exitcode", "-no-color"]).await;
        assert_eq!(plan.code, Some(0), "the plan is not empty: {}", plan.text);
    }

    pub(crate) async fn output(&self, name: &str) -> String {
        let text = self.run(&["output", "-json", name]).await.well();
        let value: Value = serde_json::from_str(&text).expect("a JSON value");
        value.as_str().expect("a text").to_owned()
    }

    /// Waits until `/status` of the stack's agent is as wanted.
    pub(crate) async fn until_agent(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let url = format!("{}status", self.output("agent_url").await);
        let client = plain_http::client().unwrap();
        let mut last = Value::Null;
        let wait = async {
            while !wanted(&last) {
                sleep(Duration::from_millis(100)).await;
                if let Ok(answer) = client.get(&url).send().await {
                    last = answer.json().await.unwrap_or_default();
                }
            }
        };
        let came = timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "{what} did not come: {last}");
    }

    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.retain(|(key, _)| key != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }
}

/// A command on its way.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    text: String,
}

impl Running {
    /// Waits until it has printed a line that holds `part`.
    pub(crate) async fn until_printed(&mut self, part: &str) {
        let start = self.text.len();
        while !self.text[start..].contains(part) {
            let read = timeout(COMMAND_WITHIN, self.output.read_line(&mut self.text)).await;
            let read = read.expect("it prints").expect("it prints text");
            assert!(read > 0, "it ended: {}", self.text);
        }
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("it runs"), Signal::INT).unwrap();
    }

    pub(crate) async fn ended(mut self) -> Ended {
        let rest = self.output.read_to_string(&mut self.text);
        timeout(COMMAND_WITHIN, rest)
            .await
            .expect("terraform ends")
            .expect("its output");
        let mut ended = ended(self.child).await;
        ended.text.insert_str(0, &self.text);
        ended
    }
}

async fn ended(child: Child) -> Ended {
    let output = timeout(COMMAND_WITHIN, child.wait_with_output()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("terraform ends").expect("its output");
    let text = [stdout, stderr].concat();
    Ended {
        code: status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}
