//! Runs blocks of commands as they stand, each in a folder of its own with the files that its page
//! speaks of.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use local_cloud::Stack;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{
    PATIENCE,
    blocks::{Block, Mark, Place, fenced, of_all_documents, page},
    typed::program_file,
};
use crate::agent_support::{Agent, Environment, Settings, tool};

/// Of a block; far above what any takes, for machines that are busy.
const RUN_WITHIN: Duration = Duration::from_secs(180);

const TOKEN: &str = "only-the-operator-knows-this";

/// Where a block runs.
struct Bench {
    folder: tempfile::TempDir,
    /// Of this block alone, so that the usual ports are free on it.
    address: Ipv4Addr,
    path: std::ffi::OsString,
    bash: PathBuf,
}

/// A loopback address that no other test has: by the process and a count.
fn address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 60 + COUNT.fetch_add(1, Ordering::Relaxed), high, low)
}

impl Bench {
    /// `None` where the system lacks what the blocks need.
    fn new(block: &Block) -> Option<Self> {
        let (Some(bash), Some(_)) = (tool("bash"), tool("curl")) else {
            return None;
        };
        let programs = program_file("autoscaler").expect("it is this test's own");
        if block.text.contains("loadtest") && program_file("loadtest").is_none() {
            println!("skipped: loadtest is not built");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        files_of_the_page(block, folder.path());
        let programs = programs.parent().expect("a folder").to_owned();
        let usual = env::var_os("PATH").unwrap_or_default();
        let all = [folder.path().join("bin"), programs]
            .into_iter()
            .chain(env::split_paths(&usual));
        Some(Self {
            path: env::join_paths(all).expect("a path"),
            folder,
            address: address(),
            bash,
        })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("LOCAL_CLOUD_LISTEN", format!("{}:7290", self.address))
            .env("LOCAL_CLOUD_PROXY_LISTEN", format!("{}:7291", self.address))
            .env("LOCAL_CLOUD_SOS_LISTEN", format!("{}:7292", self.address))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// The block, stopped at its first command that fails.
    fn script(&self, text: &str) -> Command {
        let mut text = text.to_owned();
        for port in ["7290", "8080"] {
            let usual = format!("127.0.0.1:{port}");
            text = text.replace(&usual, &format!("{}:{port}", self.address));
        }
        let mut command = self.command(&self.bash);
        // Not for the instances of a local cloud.
        if text.contains("slow-app") {
            command.env("SLOW_APP_LISTEN", format!("{}:8080", self.address));
        }
        command
            .args(["-eu", "-c"])
            .arg(text)
            // What it leaves behind ends with it.
            .process_group(0)
            .stdout(self.said())
            .stderr(self.said());
        command
    }

    /// Where a block writes: a file, which nobody has to read while it runs.
    fn said(&self) -> fs::File {
        let mut options = fs::File::options();
        let path = self.folder.path().join("said");
        options
            .create(true)
            .append(true)
            .open(path)
            .expect("writable")
    }

    /// A local cloud with a pool, which serves.
    async fn local_cloud(&self) -> Child {
        let program = program_file("autoscaler").expect("it is this test's own");
        let mut child = self
            .command(&program)
            .args(["local-cloud", "--with-pool", "2", "--speed", "20"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.expect("readable") {
                // One of the last ones.
                if line.contains("CHECKPOINT_DISABLE") {
                    return;
                }
            }
            panic!("the local cloud ended");
        };
        timeout(PATIENCE, ready).await.expect("it serves");
        child
    }
}

/// What the page's text has the reader put in the folder.
fn files_of_the_page(block: &Block, folder: &Path) {
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("the folder is writable");
    };
    let minutes = |minute: u32| if (40..80).contains(&minute) { 2.0 } else { 0.3 };
    match block.page.as_str() {
        "docs/scaling.md" => {
            let requests = (0..120).map(|minute| format!("{}\n", 300.0 * minutes(minute)));
            write("monday.csv", &requests.collect::<String>());
            write("agent.toml", "[scaling]\nmax_size = 6\n");
            let rules = "/../../nixos/grafana/provisioning/alerting/rules.yml";
            let rules = fs::read_to_string(format!("{}{rules}", env!("CARGO_MANIFEST_DIR")));
            write("rules.yml", &rules.expect("the rules are readable"));
        }
        "docs/local-cloud.md" => {
            let text = page(&block.page);
            let seed = fenced(&text)
                .into_iter()
                .find(|(_, _, kind, _)| *kind == "toml");
            write("seed.toml", &seed.expect("the page has a seed").3);
            let tests = "#!/bin/sh\ntest -n \"$EXOSCALE_API_ENDPOINT\"\n";
            fs::create_dir(folder.join("bin")).expect("writable");
            write("bin/your-tests", tests);
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(folder.join("bin/your-tests"), mode).expect("writable");
        }
        _ => {}
    }
}

/// Runs every block that is to run in this place.
pub(super) async fn all(place: Place) {
    for block in of_all_documents() {
        let Some(Mark::Run(wanted)) = block.mark else {
            continue;
        };
        if wanted != place {
            continue;
        }
        let Some(bench) = Bench::new(&block) else {
            continue;
        };
        match place {
            Place::Alone => run(&block, &bench, bench.script(&block.text)).await,
            Place::LocalCloud => {
                let cloud = bench.local_cloud().await;
                run(&block, &bench, bench.script(&block.text)).await;
                drop(cloud);
            }
            Place::Agent => beside_an_agent(&block, &bench).await,
        }
    }
}

async fn beside_an_agent(block: &Block, bench: &Bench) {
    let environment = Environment::with_pool(2).await;
    let settings = Settings::default().variable("AUTOSCALER_CONTROL__TOKEN", TOKEN);
    let agent: Agent = environment.start(settings).await;
    let Stack { pool, .. } = environment.stack;
    let text = block
        .text
        .replace("http://127.0.0.1:8090", &agent.url(""))
        .replace(
            "AUTOSCALER_CONTROL_TOKEN=…",
            &format!("AUTOSCALER_CONTROL_TOKEN={TOKEN}"),
        );
    let mut command = bench.script(&text);
    command
        .current_dir(environment.folder.path())
        .env("AUTOSCALER_URL", agent.url(""))
        .env("AUTOSCALER_CONTROL_TOKEN", TOKEN)
        .env("EXOSCALE_KEY", environment.cloud.key().as_str())
        .env("EXOSCALE_INSTANCEPOOL_ID", pool.to_string())
        .env(
            "EXOSCALE_SECRET",
            std::str::from_utf8(environment.cloud.secret().expose()).expect("text"),
        );
    run(block, bench, command).await;
}

/// Runs a block to its end, and then ends what it left.
async fn run(block: &Block, bench: &Bench, mut command: Command) {
    let place = block.place();
    let mut child = command.spawn().expect("bash starts");
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let group = group.and_then(Pid::from_raw).expect("it runs");
    let ended = timeout(RUN_WITHIN, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
    let said = fs::read_to_string(bench.folder.path().join("said")).unwrap_or_default();
    let Ok(status) = ended else {
        panic!("{place}: it takes too long:\n{}\n{said}", block.text);
    };
    let status = status.expect("it ends");
    assert!(
        status.success(),
        "{place}: {status}\n{}\n{said}",
        block.text
    );
}
