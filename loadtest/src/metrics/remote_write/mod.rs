//! Live numbers for Prometheus and its kin, sent to them at every tick (remote write 1.0).
//!
//! A receiver that is away is tried again with what came meanwhile; nothing of it is felt by the
//! run, and what is lost is counted.

mod client;
mod message;

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, SystemTime},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use self::{
    client::{Client, Refusal},
    message::{Labels, Moment, STALE, encode},
};
use crate::{
    engine::{Dialer, RunError},
    plan::Plan,
    record::{Observer, Tick, Warning},
    slice::Slice,
    target::Target,
};

/// Ticks kept for a receiver that is away; beyond them the oldest are lost.
const MAX_PENDING: usize = 300;
/// From a failure to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// For the last ticks, after the run.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// A destination that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RemoteWriteError {
    /// TLS cannot be set up for it.
    #[error("cannot write to {target}")]
    Tls {
        target: String,
        #[source]
        source: RunError,
    },
    /// A header cannot be sent.
    #[error("the header {0:?} cannot be used: expected 'Name: value' (--remote-write-header)")]
    Header(String),
}

/// What became of the ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where they were to go.
    pub target: String,
    pub ticks: usize,
    /// Ticks that the receiver never took.
    pub lost: usize,
    /// Why the first attempt failed that did.
    pub reason: Option<String>,
}

impl Written {
    /// What a report should say of it.
    pub fn warning(&self) -> Option<Warning> {
        let Self {
            target,
            ticks,
            lost,
            reason,
        } = self;
        let reason = reason.as_deref().unwrap_or("the run was over first");
        (*lost > 0).then(|| Warning {
            kind: "remote_write_lost".to_owned(),
            text: format!(
                "{lost} of {ticks} ticks were not written to {target} (--remote-write): {reason}"
            ),
        })
    }
}

/// Sends a run's numbers to a receiver, beside the run that it observes.
pub struct RemoteWrite {
    client: Client,
    ticks: mpsc::UnboundedReceiver<Moment>,
    pending: VecDeque<Moment>,
    /// Whether the receiver has ever taken anything.
    is_known: bool,
    /// No attempt is made before this.
    not_before: Instant,
    /// All series so far, and the moment of their last values.
    series: BTreeSet<Labels>,
    last: i64,
    written: Written,
}

impl RemoteWrite {
    /// Prepares to send a plan's run to this address, with more headers such as an authorization.
    /// The second value observes the run; the first sends while it is [run](Self::run).
    pub fn new(
        target: Target,
        headers: &[String],
        plan: &Plan,
    ) -> Result<(Self, Box<dyn Observer>), RemoteWriteError> {
        let name = target.to_string();
        let dialer = Dialer::new(&target).map_err(|source| RemoteWriteError::Tls {
            target: name.clone(),
            source,
        })?;
        let (sender, ticks) = mpsc::unbounded_channel();
        let remote = Self {
            client: Client::new(target, dialer, read_headers(headers)?),
            ticks,
            pending: VecDeque::new(),
            is_known: false,
            not_before: Instant::now(),
            series: BTreeSet::new(),
            last: 0,
            written: Written {
                target: name,
                ticks: 0,
                lost: 0,
                reason: None,
            },
        };
        let observer = Sender {
            common: common_labels(plan),
            ticks: sender,
        };
        Ok((remote, Box::new(observer)))
    }

    /// Sends until the run is over, and then what is left.
    pub async fn run(mut self) -> Written {
        while let Some(moment) = self.ticks.recv().await {
            self.keep(moment);
            while let Ok(moment) = self.ticks.try_recv() {
                self.keep(moment);
            }
            if Instant::now() >= self.not_before {
                self.attempt(None).await;
            }
        }
        let end = Moment {
            millis: self.last + 1,
            values: self
                .series
                .iter()
                .map(|labels| (labels.clone(), STALE))
                .collect(),
        };
        let rest = async {
            loop {
                sleep_until(self.not_before).await;
                // One that never took anything would only be waited for in vain.
                if self.attempt(Some(&end)).await || !self.is_known {
                    break;
                }
            }
        };
        // What is pending when the time is up is lost.
        let _ = timeout(LAST_CHANCE, rest).await;
        self.written.lost += self.pending.len();
        self.written
    }

    fn keep(&mut self, moment: Moment) {
        self.written.ticks += 1;
        // Two ticks in one millisecond would be two values at one time.
        self.last = moment.millis.max(self.last + 1);
        for (labels, _) in &moment.values {
            if !self.series.contains(labels) {
                self.series.insert(labels.clone());
            }
        }
        self.pending.push_back(Moment {
            millis: self.last,
            ..moment
        });
        if self.pending.len() > MAX_PENDING {
            self.pending.pop_front();
            self.written.lost += 1;
        }
    }

    /// Sends what is pending. False where it should be tried again.
    async fn attempt(&mut self, end: Option<&Moment>) -> bool {
        let moments = self.pending.iter().chain(end);
        let refusal = match encode(moments) {
            Ok(body) => self.client.post(body).await.err(),
            Err(error) => Some(Refusal::ForGood(error.to_string())),
        };
        let (again, reason) = match refusal {
            None => {
                self.is_known = true;
                (false, None)
            }
            Some(Refusal::ForNow(reason)) => (true, Some(reason)),
            Some(Refusal::ForGood(reason)) => {
                self.written.lost += self.pending.len();
                (false, Some(reason))
            }
        };
        if let Some(reason) = reason {
            self.written.reason.get_or_insert(reason);
            self.not_before = Instant::now() + PAUSE;
        }
        if !again {
            self.pending.clear();
        }
        !again
    }
}

struct Sender {
    common: Labels,
    ticks: mpsc::UnboundedSender<Moment>,
}

impl Observer for Sender {
    fn tick(&mut self, tick: &Tick<'_>) {
        let end = tick.started_at + tick.start + tick.length;
        let since_epoch = end.duration_since(SystemTime::UNIX_EPOCH);
        let millis = since_epoch.unwrap_or_default().as_millis() as i64;
        // Nobody receives when the program is about to end.
        let _ = self
            .ticks
            .send(Moment::of(millis, tick.progress, &self.common));
    }
}

/// The labels of every series: which run on which machine.
fn common_labels(plan: &Plan) -> Labels {
    let machine = rustix::system::uname();
    let mut labels = Labels::from([
        ("job".to_owned(), "loadtest".to_owned()),
        (
            "instance".to_owned(),
            machine.nodename().to_string_lossy().into_owned(),
        ),
    ]);
    if let Some(label) = &plan.label {
        labels.insert("run".to_owned(), label.clone());
    }
    if plan.slice != Slice::WHOLE {
        labels.insert("slice".to_owned(), plan.slice.to_string());
    }
    labels
}

fn read_headers(headers: &[String]) -> Result<HeaderMap, RemoteWriteError> {
    let mut map = HeaderMap::new();
    for header in headers {
        let parsed = header.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse::<HeaderName>().ok()?, value))
        });
        // Its value may be a secret.
        let name = header.split(':').next().unwrap_or_default();
        let (name, value) = parsed.ok_or_else(|| RemoteWriteError::Header(name.to_owned()))?;
        map.append(name, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests;
