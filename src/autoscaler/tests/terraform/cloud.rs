//! `autoscaler local-cloud` as a process of its own, as a user starts it.

use std::{
    fs,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use exoscale::{
    plain_http,
    signature::{self, SignedRequest},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::{sleep, timeout},
};

/// Longer than anything takes on a busy machine; only failures wait for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How much faster than Exoscale it is.
const SPEED: &str = "10";

pub(crate) struct Cloud {
    /// For temporary files of the cloud and its instances.
    folder: TempDir,
    process: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) environment: Vec<(String, String)>,
    http: reqwest::Client,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_autoscaler"))
            .args(["local-cloud", "--speed", SPEED])
            .args(["--listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:0"])
            .env("EXOSCALE_ZONE", "at-vie-1")
            .env("AUTOSCALER_LOG", "warn")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the local cloud starts");
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let read = read_environment(&mut stdout);
        let environment = timeout(PATIENCE, read)
            .await
            .expect("it prints its environment");
        Self {
            folder,
            process,
            _stdout: stdout,
            environment,
            http: plain_http::client().unwrap(),
        }
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(key, _)| key == name);
        &found.unwrap_or_else(|| panic!("{name} is exported")).1
    }

    fn local(&self, path: &str) -> String {
        let endpoint = self.variable("EXOSCALE_API_ENDPOINT");
        format!("{}/_local/{path}", endpoint.trim_end_matches("/v2"))
    }

    pub(crate) async fn status(&self) -> Value {
        let answer = self
            .http
            .get(self.local("status"))
            .send()
            .await
            .expect("it answers");
        answer.json().await.expect("a status")
    }

    /// What the instance reads as its user-data.
    pub(crate) async fn user_data(&self, instance: &str) -> Vec<u8> {
        let url = self.local(&format!("metadata/{instance}/latest/user-data"));
        let answer = self.http.get(url).send().await.expect("it answers");
        answer.bytes().await.expect("user-data").to_vec()
    }

    /// Deletes something by the API, behind Terraform's back, as somebody in the portal would.
    pub(crate) async fn delete(&self, path: &str) {
        let key = self.variable("EXOSCALE_API_KEY").parse().unwrap();
        let secret = self.variable("EXOSCALE_API_SECRET").parse().unwrap();
        let full_path = format!("/v2{path}");
        let request = SignedRequest {
            method: "DELETE",
            path: &full_path,
            query: &[],
            body: b"",
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let authorization = signature::sign(&key, &secret, request, now.as_secs() + 600);
        let url = format!("{}{path}", self.variable("EXOSCALE_API_ENDPOINT"));
        let request = self.http.delete(url).header("authorization", authorization);
        let status = request.send().await.expect("it answers").status();
        assert!(status.is_success(), "{path}: {status}");
    }

    /// Makes the next calls misbehave.
    pub(crate) async fn set_faults(&self, faults: &Value) {
        let answer = self
            .http
            .put(self.local("faults"))
            .json(faults)
            .send()
            .await;
        let status = answer.expect("it answers").status();
        assert!(status.is_success(), "{status}");
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let status = self.status().await;
                if wanted(&status) {
                    return status;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        if let Ok(status) = timeout(PATIENCE, wait).await {
            return status;
        }
        panic!("{what} did not come: {}", self.status().await)
    }

    /// Fails unless nothing of what was made over the API is left, and nothing went elsewhere.
    pub(crate) async fn assert_empty(&self) {
        let status = self.status().await;
        for kind in ["pools", "instances", "balancers"] {
            assert_eq!(status[kind], serde_json::json!([]), "{kind} are left");
        }
        let others = status["others"].as_object().unwrap();
        for (kind, count) in others {
            assert_eq!(*count, 0, "{kind}: {count} left");
        }
        assert_eq!(status["proxy"]["refused"], 0, "a call went elsewhere");
    }

    /// Ends it without a chance to end what it started.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("it is killed");
    }

    pub(crate) async fn stop(mut self) {
        let pid = self
            .process
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("it runs"), Signal::TERM).unwrap();
        let ended = timeout(PATIENCE, self.process.wait())
            .await
            .expect("it ends");
        assert!(ended.unwrap().success());
        let left = fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 0, "temporary files are left");
    }
}

/// The lines `export NAME='value'`, whose last is `CHECKPOINT_DISABLE`.
async fn read_environment(output: &mut BufReader<ChildStdout>) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).await.expect("it prints") > 0 {
        let export = line
            .trim()
            .strip_prefix("export ")
            .and_then(|e| e.split_once('='));
        if let Some((name, value)) = export {
            environment.push((name.to_owned(), value.trim_matches('\'').to_owned()));
            if name == "CHECKPOINT_DISABLE" {
                return environment;
            }
        }
        line.clear();
    }
    panic!("the local cloud ended: {environment:?}");
}
