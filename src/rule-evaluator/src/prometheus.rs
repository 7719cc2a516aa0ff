//! Starts a real Prometheus server for the time of a run, where one is installed.

use std::{
    ffi::OsString,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use alert_rules::MonitoringFiles;
use program::children::{self, NotReady};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::process::{Child, Command};

/// What the image's Prometheus reads.
const CONFIG: &str = include_str!("../../../nixos/prometheus.yml");

/// The image's recording rules, beside the configuration.
const RECORDING_RULES: &str = "recording-rules.yml";
/// The job for the agent's own metrics.
const AGENT_JOB: &str = "autoscaler";

/// How long the server may take to end before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// A free port may be taken by another before the server binds it, so it is tried again.
const ATTEMPTS: u32 = 3;
const POLL: Duration = Duration::from_millis(50);

/// How to run the server.
#[derive(Clone, Debug)]
pub struct PrometheusSettings {
    /// The program; see [`find_on_path`].
    pub program: PathBuf,
    /// Words to put before it, such as those of [`program::die_with_parent::command_line`]; may be
    /// empty.
    pub launcher: Vec<OsString>,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A folder for configuration, data and log. Its subfolder `prometheus` is made at the start
    /// and removed at the end.
    pub folder: PathBuf,
    /// The agent's discovery file; an absolute path.
    pub targets: PathBuf,
    /// Between two scrapes of a member.
    pub scrape_interval: Duration,
    /// How long the server may take to become ready.
    pub ready_within: Duration,
    /// Where the agent answers, if a Grafana is to find what its rules and its dashboard look at:
    /// the recording rules, and the agent's own metrics.
    pub for_grafana: Option<SocketAddr>,
}

/// Why there is no server.
#[derive(Debug, Error)]
pub enum PrometheusError {
    /// A file or port could not be had.
    #[error("cannot prepare Prometheus")]
    Prepare(#[source] io::Error),
    /// The program could not be started.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("Prometheus ended with {status} before it was ready; its last words: {log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It was not ready in time.
    #[error("Prometheus was not ready within {} s; its last words: {log}", within.as_secs())]
    NotReady {
        /// The time it had.
        within: Duration,
        /// The end of its log.
        log: String,
    },
}

/// A running server. Dropped, it is killed; [`Self::stop`] is kinder.
#[derive(Debug)]
pub struct PrometheusServer {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

/// Removed with everything in it when dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "Folder not removed.");
        }
    }
}

impl PrometheusServer {
    /// Starts the server and waits until it is ready.
    pub async fn start(
        settings: &PrometheusSettings,
        client: &reqwest::Client,
    ) -> Result<Self, PrometheusError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(settings, client).await {
                Err(PrometheusError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn try_start(
        settings: &PrometheusSettings,
        client: &reqwest::Client,
    ) -> Result<Self, PrometheusError> {
        let (folder, address, log) = prepare(settings).map_err(PrometheusError::Prepare)?;
        let log_path = folder.0.join("log");
        let mut words = settings.launcher.clone();
        words.push(settings.program.clone().into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg(with_path(
                "--config.file=",
                &folder.0.join("prometheus.yml"),
            ))
            .arg(with_path("--storage.tsdb.path=", &folder.0.join("data")))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|source| PrometheusError::Start {
            program: settings.program.clone(),
            source,
        })?;
        let mut server = Self {
            child,
            address,
            _folder: folder,
        };
        let last_words = || tail(&log_path);
        let url = format!("{}/-/ready", server.url());
        let is_ready = async || answers(client, &url).await;
        match children::until_ready(&mut server.child, settings.ready_within, POLL, is_ready).await
        {
            Ok(()) => Ok(server),
            Err(NotReady::Ended(status)) => Err(PrometheusError::Ended {
                status,
                log: last_words(),
            }),
            Err(NotReady::Late) => Err(PrometheusError::NotReady {
                within: settings.ready_within,
                log: last_words(),
            }),
        }
    }

    /// Its root, for [`super::prometheus_source::PrometheusSource`].
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks the server to end, waits for it, and removes what it stored.
    pub async fn stop(mut self) -> io::Result<()> {
        children::end(&mut self.child, STOP_WITHIN).await.map(drop)
    }
}

/// Makes the folder with its configuration and log, and finds out whether the port is free, or
/// which one is.
fn prepare(settings: &PrometheusSettings) -> io::Result<(Folder, SocketAddr, fs::File)> {
    let path = settings.folder.join("prometheus");
    fs::create_dir_all(&path)?;
    let folder = Folder(path);
    let config = config(settings).map_err(io::Error::other)?;
    // JSON is YAML too, and quotes every path.
    fs::write(folder.0.join("prometheus.yml"), config.to_string())?;
    fs::write(
        folder.0.join(RECORDING_RULES),
        MonitoringFiles::IMAGE.recording,
    )?;
    let log = fs::File::create(folder.0.join("log"))?;
    let address = TcpListener::bind(settings.listen)?.local_addr()?;
    Ok((folder, address, log))
}

/// The monitoring host's own configuration, with the intervals and the discovery file of this run,
/// and without the jobs that scrape other programs of that host.
fn config(settings: &PrometheusSettings) -> Result<Value, serde_yaml_ng::Error> {
    let mut config: Value = serde_yaml_ng::from_str(CONFIG)?;
    let interval = json!(format!("{}ms", settings.scrape_interval.as_millis()));
    for key in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
        config["global"][key] = interval.clone();
    }
    // What its rules record is computed by the rule evaluator's own queries, over this run's
    // windows; a Grafana looks for it.
    config["rule_files"] = match settings.for_grafana {
        Some(_) => json!([RECORDING_RULES]),
        None => json!([]),
    };
    if let Some(jobs) = config["scrape_configs"].as_array_mut() {
        let is_agent = |job: &Value| settings.for_grafana.is_some() && job["job_name"] == AGENT_JOB;
        jobs.retain(|job| job["file_sd_configs"].is_array() || is_agent(job));
        for job in jobs {
            for key in ["scrape_interval", "scrape_timeout"] {
                job[key] = interval.clone();
            }
            if is_agent(job) {
                let agent = settings.for_grafana.map(|agent| agent.to_string());
                job["static_configs"] = json!([{ "targets": [agent] }]);
                continue;
            }
            job["file_sd_configs"] =
                json!([{ "files": [settings.targets], "refresh_interval": interval }]);
        }
    }
    Ok(config)
}

fn with_path(flag: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(flag);
    argument.push(path);
    argument
}

/// The last lines of a log, for an error message.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

/// Whether a server answers a URL with success, within a second.
pub async fn answers(client: &reqwest::Client, url: &str) -> bool {
    let answer = client.get(url).timeout(Duration::from_secs(1)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// The first file of this name in the folders of `PATH`.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus_source::JOB;

    #[test]
    fn the_images_configuration_is_used_with_this_runs_intervals_and_targets() {
        let mut settings = PrometheusSettings {
            program: PathBuf::new(),
            launcher: Vec::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder: PathBuf::new(),
            targets: PathBuf::from("/run/a b/sd.json"),
            scrape_interval: Duration::from_millis(1500),
            ready_within: Duration::ZERO,
            for_grafana: None,
        };
        let of = |settings: &PrometheusSettings| config(settings).expect("the file is YAML");
        let config = of(&settings);
        assert_eq!(config["global"]["scrape_interval"], "1500ms");
        assert_eq!(config["scrape_configs"][0]["scrape_interval"], "1500ms");
        assert_eq!(config["rule_files"], json!([]), "they are the host's");
        let jobs = config["scrape_configs"].as_array().expect("a list");
        let names: Vec<&str> = jobs
            .iter()
            .filter_map(|job| job["job_name"].as_str())
            .collect();
        assert_eq!(names, [JOB, "slow-app"]);
        for job in jobs {
            assert_eq!(job["file_sd_configs"][0]["files"][0], "/run/a b/sd.json");
        }
        assert!(jobs[1]["relabel_configs"].is_array());

        settings.for_grafana = Some(SocketAddr::from(([127, 0, 0, 1], 8191)));
        let config = of(&settings);
        assert_eq!(config["rule_files"], json!([RECORDING_RULES]));
        let agent = &config["scrape_configs"][2];
        assert_eq!(agent["job_name"], AGENT_JOB);
        assert_eq!(
            agent["static_configs"][0]["targets"],
            json!(["127.0.0.1:8191"])
        );
        assert!(config["scrape_configs"][3].is_null());
    }
}
