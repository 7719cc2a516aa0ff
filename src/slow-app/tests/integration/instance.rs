//! Starts the binary on ports of its own and asks it things.

use std::{
    fs,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use reqwest::{Client, Method, Response};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time,
};

/// For whatever should take a moment: only a hang takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running instance; killed when dropped.
pub(crate) struct Instance {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    node_metrics: SocketAddr,
    client: Client,
}

/// For plain HTTP, so that no store of certificates and no proxy has a part in it.
pub(crate) fn client() -> Client {
    let client = Client::builder().tls_certs_only([]).no_proxy().build();
    client.expect("a client")
}

pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slow-app"));
    command
        .args(flags)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLOW_APP_"))
    {
        command.env_remove(name);
    }
    command
}

impl Instance {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let addresses = ["--listen", "127.0.0.1:0", "--node-metrics", "127.0.0.1:0"];
        let mut child = command(&[&addresses, flags].concat())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let mut lines = BufReader::new(stderr).lines();
        let line = time::timeout(PATIENCE, async {
            loop {
                let line = lines
                    .next_line()
                    .await
                    .expect("text")
                    .expect("it listens before it ends");
                if line.contains("slow-app is listening") {
                    return line;
                }
            }
        });
        let line = line.await.expect("it listens soon");
        // Its further lines must go somewhere, or it would stop at a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            child,
            address: field(&line, " address="),
            node_metrics: field(&line, " node_metrics="),
            client: client(),
        }
    }

    pub(crate) async fn request(&self, method: Method, path: &str) -> Response {
        self.client
            .request(method, self.url(path))
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).await
    }

    /// A request under way on a connection of its own.
    /// The CPU time of each of its threads, in hundredths of a second.
    pub(crate) fn thread_times(&self) -> Vec<u64> {
        let pid = self.child.id().expect("it runs");
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
        let time = |thread: fs::DirEntry| {
            // proc_pid_stat(5): after the name, which ends with a parenthesis, user time is the
            // 12th field.
            let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
            let (_, fields) = stat.rsplit_once(')')?;
            fields.split_whitespace().nth(11)?.parse().ok()
        };
        threads.flatten().filter_map(time).collect()
    }

    pub(crate) fn get_later(&self, path: &str) -> JoinHandle<reqwest::Result<Response>> {
        let request = client().get(self.url(path));
        tokio::spawn(request.send())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The value of one of the application's own metrics.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.expect("text");
        value(&text, name)
    }

    /// Waits until this many requests are being worked on or queued.
    pub(crate) async fn until_in_flight(&self, count: f64) {
        let reached = async {
            while (self.metric("slow_app_requests_in_flight").await - count).abs() > 0.1 {}
        };
        time::timeout(PATIENCE, reached)
            .await
            .expect("the requests get there");
    }

    pub(crate) async fn node_metrics(&self) -> Response {
        let url = format!("http://{}/metrics", self.node_metrics);
        self.client.get(url).send().await.expect("an answer")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it has not been waited for");
        let pid = Pid::from_raw(id.cast_signed()).expect("a process id is not 0");
        kill_process(pid, signal).expect("it runs");
    }

    pub(crate) async fn exit_status(&mut self) -> ExitStatus {
        // Not `Child::wait` alone: it would close standard input first, which is what some tests
        // are about.
        let stdin = self.child.stdin.take();
        let status = time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends soon")
            .expect("its status");
        drop(stdin);
        status
    }
}

/// The value of the sample whose name and labels are `name`.
pub(crate) fn value(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
        .parse()
        .expect("a number")
}

fn field(line: &str, name: &str) -> SocketAddr {
    let (_, rest) = line
        .split_once(name)
        .expect("the start line has the address");
    let text = rest.split(' ').next().expect("there is a first part");
    text.parse().expect("an address")
}
