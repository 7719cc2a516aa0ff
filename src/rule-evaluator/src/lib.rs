//! Stands in where Grafana is not installed: it reads CPU use from a source, evaluates the two
//! alert rules, and posts the webhook Grafana would post. It never talks to the cloud and never
//! decides on a size.

pub mod exposition;
pub mod observation;
pub mod prometheus;
pub mod prometheus_source;
pub mod rate;
pub mod rules;
pub mod scraper;
pub mod source;
mod start;
pub mod webhook;

pub use start::{PrometheusProgram, start};

use std::{error::Error, path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use policy::Direction;
use program::error_chain::with_causes;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::task::AbortOnDropHandle;

use self::{
    observation::Observation,
    rules::{Rule, RuleState},
    scraper::ScrapeSettings,
    source::Source,
    webhook::{Firing, Webhook, WebhookSettings},
};

/// The rules' figures. Those of [`Self::service`] are the ones of the alert rules on Exoscale.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSettings {
    /// Average CPU use above which the pool should grow, from 0 to 1.
    pub upper_threshold: f64,
    /// Average CPU use below which it should shrink, from 0 to 1.
    pub lower_threshold: f64,
    /// The time over which CPU use is taken.
    pub rate_window: Duration,
    /// Between two scrapes of a member.
    pub scrape_interval: Duration,
    /// Between two evaluations of the rules.
    pub evaluation_interval: Duration,
    /// How long a threshold must be breached before the rule fires (`for`).
    pub pending_for: Duration,
    /// Between two messages while a rule fires.
    pub repeat: Duration,
    /// Members younger than this have no say: one rate window after boot, with a margin, so that
    /// the work of booting has left the rate.
    pub young_for: Duration,
    /// The share of the targets that must report before the pool may shrink, from 0 to 1.
    pub quorum: f64,
}

impl RuleSettings {
    /// The figures of the real service.
    pub fn service() -> Self {
        Self {
            upper_threshold: policy::thresholds::UP,
            lower_threshold: policy::thresholds::DOWN,
            rate_window: Duration::from_secs(60),
            scrape_interval: Duration::from_secs(15),
            evaluation_interval: Duration::from_secs(10),
            pending_for: Duration::from_secs(60),
            repeat: Duration::from_secs(60),
            young_for: Duration::from_secs(90),
            quorum: 0.8,
        }
    }

    /// How the rule evaluator's own scrapes of the targets in this file fit these rules.
    pub fn scrapes(&self, targets: PathBuf) -> ScrapeSettings {
        ScrapeSettings {
            targets,
            interval: self.scrape_interval,
            timeout: self.scrape_interval,
            rate_window: self.rate_window,
        }
    }

    /// The same with every time divided.
    #[must_use]
    pub fn divided_by(self, divisor: u32) -> Self {
        Self {
            rate_window: self.rate_window / divisor,
            scrape_interval: self.scrape_interval / divisor,
            evaluation_interval: self.evaluation_interval / divisor,
            pending_for: self.pending_for / divisor,
            repeat: self.repeat / divisor,
            young_for: self.young_for / divisor,
            ..self
        }
    }
}

/// A client for the rule evaluator's requests. No proxy: the demo may be started from a shell whose
/// proxy is the local cloud, and everything the rule evaluator asks is on loopback.
pub fn http_client() -> reqwest::Result<reqwest::Client> {
    // Plain HTTP needs no CA certificates, so that a host that has none will do.
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
}

/// Whether an alert began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// The rule fires from now on.
    Firing,
    /// The rule no longer fires.
    Resolved,
}

/// A rule began or ceased to fire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleChange {
    /// When.
    pub at: Instant,
    /// Which rule.
    pub rule: Direction,
    /// Began or ceased.
    pub change: AlertChange,
}

/// What the rule evaluator knew after its latest evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Every target.
    pub observation: Observation,
    /// The pool average from 0 to 1.
    pub average: Option<f64>,
    /// The rules that are pending.
    pub pending: Vec<Direction>,
    /// The rules that fire.
    pub firing: Vec<Direction>,
    /// Every change since the start, in order.
    pub changes: Vec<RuleChange>,
    /// Messages that the agent accepted.
    pub messages_delivered: u64,
    /// Why the latest evaluation had no data or a message was not delivered.
    pub problem: Option<String>,
}

/// A running rule evaluator; it stops when this is dropped.
#[derive(Debug)]
pub struct RuleEvaluator {
    /// What its source is called.
    pub name: &'static str,
    /// The latest readings.
    pub readings: watch::Receiver<Readings>,
    _task: AbortOnDropHandle<()>,
}

/// Evaluates the rules over a source.
#[derive(Debug)]
pub struct Evaluation<S> {
    settings: RuleSettings,
    source: S,
    webhook: Webhook,
    started: (Instant, Timestamp),
    rules: [Rule; 2],
    readings: Readings,
}

impl<S: Source> Evaluation<S> {
    /// Begins, within a tokio runtime.
    pub fn start(
        settings: RuleSettings,
        source: S,
        webhook: WebhookSettings,
        client: reqwest::Client,
    ) -> RuleEvaluator {
        let (sender, readings) = watch::channel(Readings::default());
        let name = source.name();
        let rules = [Direction::Up, Direction::Down]
            .map(|direction| Rule::new(direction, settings.pending_for, settings.repeat));
        let evaluation = Self {
            settings,
            source,
            webhook: Webhook::new(webhook, client),
            started: (Instant::now(), Timestamp::now()),
            rules,
            readings: Readings::default(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(evaluation.run(sender)));
        RuleEvaluator {
            name,
            readings,
            _task: task,
        }
    }

    async fn run(mut self, readings: watch::Sender<Readings>) {
        let mut ticks = tokio::time::interval(self.settings.evaluation_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.evaluate().await;
            // The readings may have no reader left; the alerts still do.
            readings.send_replace(self.readings.clone());
        }
    }

    async fn evaluate(&mut self) {
        self.readings.problem = None;
        self.readings.observation = match self.source.observe().await {
            Ok(observation) => observation,
            Err(error) => {
                self.note_problem("No data.", &error);
                Observation::default()
            }
        };
        self.readings.average = self.readings.observation.average();
        self.readings.pending.clear();
        self.readings.firing.clear();
        for place in 0..self.rules.len() {
            self.apply(place).await;
        }
    }

    /// Evaluates one rule, and sends its message if one is due.
    async fn apply(&mut self, place: usize) {
        let at = Instant::now();
        let now = at.duration_since(self.started.0);
        let rule = &mut self.rules[place];
        let direction = rule.direction();
        let (value, threshold) = conclusion(&self.settings, &self.readings.observation, direction);
        let breached = value.is_some_and(|value| match direction {
            Direction::Up => value > threshold,
            Direction::Down => value < threshold,
        });
        let change = rule.evaluate(breached, now);
        self.readings
            .changes
            .extend(change.map(|change| RuleChange {
                at,
                rule: direction,
                change,
            }));
        match rule.state() {
            RuleState::Inactive => {}
            RuleState::Pending { .. } => self.readings.pending.push(direction),
            RuleState::Firing { .. } => self.readings.firing.push(direction),
        }
        let (Some(since), Some(value)) = (rule.message_due(now), value) else {
            return;
        };
        let since = self.started.1 + SignedDuration::try_from(since).unwrap_or_default();
        let firing = Firing {
            rule: direction,
            since,
            value,
            threshold,
        };
        match self.webhook.post(&firing).await {
            Ok(()) => {
                self.rules[place].message_delivered(now);
                self.readings.messages_delivered += 1;
            }
            Err(error) => self.note_problem("Alert not delivered.", &error),
        }
    }

    fn note_problem(&mut self, what: &'static str, error: &(dyn Error + 'static)) {
        let error = with_causes(error);
        tracing::warn!(error, "{what}");
        self.readings.problem = Some(error);
    }
}

/// The figure a rule looks at, and its threshold.
fn conclusion(settings: &RuleSettings, seen: &Observation, rule: Direction) -> (Option<f64>, f64) {
    match rule {
        Direction::Up => (
            seen.for_scale_out(settings.young_for),
            settings.upper_threshold,
        ),
        Direction::Down => (
            seen.for_scale_in(settings.quorum, settings.young_for),
            settings.lower_threshold,
        ),
    }
}
