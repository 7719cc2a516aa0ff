//! A source that scrapes the members itself, at the targets of the agent's discovery file.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::{
    exposition::{self, NodeMetrics},
    observation::{MemberReading, Observation},
    rate::CpuHistory,
    source::{Source, SourceError},
};

/// Scrapes that run at the same time.
const CONCURRENCY: usize = 32;
/// A node exporter's answer is some 100 KiB; a much longer one is not from a node exporter.
const LONGEST_ANSWER: usize = 4 << 20;

/// How to scrape.
#[derive(Clone, Debug)]
pub struct ScrapeSettings {
    /// The discovery file, in Prometheus' `file_sd` form.
    pub targets: PathBuf,
    /// Between two scrapes of a member.
    pub interval: Duration,
    /// How long one scrape may take; at most the interval.
    pub timeout: Duration,
    /// The longest time over which CPU use is taken; at least four intervals.
    pub rate_window: Duration,
}

/// Scrapes from its start until it is dropped.
#[derive(Debug)]
pub struct ScrapeSource {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    settings: ScrapeSettings,
    client: reqwest::Client,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<String, Member>,
    /// Why the discovery file could not be read the last time.
    problem: Option<String>,
    /// Whether it could ever be read.
    known: bool,
}

#[derive(Debug, Default)]
struct Member {
    history: CpuHistory,
    age: Option<Duration>,
    up: bool,
}

impl ScrapeSource {
    /// Begins to scrape, within a tokio runtime.
    pub fn start(settings: ScrapeSettings, client: reqwest::Client) -> Self {
        let shared = Arc::new(Shared {
            settings,
            client,
            started: Instant::now(),
            state: Mutex::default(),
        });
        let task = tokio::spawn(Arc::clone(&shared).run());
        Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        }
    }
}

impl Source for ScrapeSource {
    fn name(&self) -> &'static str {
        "built-in"
    }

    async fn observe(&mut self, window: Duration) -> Result<Observation, SourceError> {
        let state = self.shared.state.lock();
        if !state.known {
            let problem = state
                .problem
                .clone()
                .unwrap_or_else(|| "not read yet".to_owned());
            return Err(SourceError::Targets {
                path: self.shared.settings.targets.clone(),
                problem,
            });
        }
        let now = self.shared.started.elapsed();
        let reading = |(instance, member): (&String, &Member)| MemberReading {
            instance: instance.clone(),
            cpu: member
                .up
                .then(|| member.history.busy(now, window))
                .flatten(),
            age: member.age,
        };
        Ok(Observation {
            members: state.members.iter().map(reading).collect(),
        })
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.round().await;
        }
    }

    /// Reads the targets and scrapes each of them once. When they cannot be read the last known
    /// ones stay.
    async fn round(&self) {
        match read_targets(&self.settings.targets).await {
            Ok(targets) => self.state.lock().set_targets(&targets),
            Err(error) => {
                let problem = error.to_string();
                let mut state = self.state.lock();
                if state.problem.as_ref() != Some(&problem) {
                    tracing::warn!(path = %self.settings.targets.display(), %problem, "Targets not read.");
                }
                state.problem = Some(problem);
            }
        }
        let targets: Vec<String> = self.state.lock().members.keys().cloned().collect();
        stream::iter(targets)
            .for_each_concurrent(CONCURRENCY, |target| async move {
                let at = self.started.elapsed();
                let scraped = scrape(&self.client, &target, self.settings.timeout).await;
                if let Err(error) = &scraped {
                    tracing::debug!(%target, %error, "Scrape failed.");
                }
                if let Some(member) = self.state.lock().members.get_mut(&target) {
                    member.take(at, scraped.ok(), self.settings.rate_window);
                }
            })
            .await;
    }
}

impl State {
    fn set_targets(&mut self, targets: &[String]) {
        self.members.retain(|target, _| targets.contains(target));
        for target in targets {
            self.members.entry(target.clone()).or_default();
        }
        (self.known, self.problem) = (true, None);
    }
}

impl Member {
    fn take(&mut self, at: Duration, scraped: Option<NodeMetrics>, window: Duration) {
        self.up = scraped.is_some();
        if let Some(metrics) = scraped {
            self.age = metrics.age();
            self.history.push(at, metrics.cpu, window);
        }
    }
}

/// A group of a `file_sd` file. Its labels do not matter here.
#[derive(Deserialize)]
struct TargetGroup {
    #[serde(default)]
    targets: Vec<String>,
}

async fn read_targets(path: &Path) -> io::Result<Vec<String>> {
    let text = tokio::fs::read(path).await?;
    let groups: Vec<TargetGroup> = serde_json::from_slice(&text)?;
    let mut targets: Vec<String> = groups.into_iter().flat_map(|group| group.targets).collect();
    targets.sort_unstable();
    targets.dedup();
    Ok(targets)
}

/// Asks one target once.
pub async fn scrape(
    client: &reqwest::Client,
    target: &str,
    timeout: Duration,
) -> Result<NodeMetrics, SourceError> {
    let url = format!("http://{target}/metrics");
    let mut answer = client
        .get(url)
        .timeout(timeout)
        .send()
        .await?
        .error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(SourceError::Unexpected(
                "an answer of more than 4 MiB".to_owned(),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(exposition::parse(&String::from_utf8_lossy(&body)))
}
