//! Stands in where Grafana is not installed: it reads CPU use from a source, evaluates the alert
//! rules of Grafana's own file, and posts the webhook Grafana would post. It never talks to the
//! cloud and never decides on a size.

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

use alert_rules::{Monitoring, ScaleRule, Young};
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

/// The rules and their intervals, of the files that Grafana and Prometheus read.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSettings {
    /// Between two scrapes of a member.
    pub scrape_interval: Duration,
    /// Between two evaluations of the rules.
    pub evaluation_interval: Duration,
    /// Between two messages while a rule fires.
    pub repeat: Duration,
    /// What alerts.
    pub rules: Vec<ScaleRule>,
}

impl RuleSettings {
    /// The part of the monitoring that Grafana plays.
    pub fn of(monitoring: Monitoring) -> Self {
        let repeats = monitoring.rules.iter().map(|(_, route)| route.spacing());
        Self {
            scrape_interval: monitoring.scrape_interval,
            evaluation_interval: monitoring.evaluation_interval,
            repeat: repeats.max().unwrap_or_default(),
            rules: monitoring.rules.into_iter().map(|(rule, _)| rule).collect(),
        }
    }

    /// The threshold of the rules of one direction.
    pub fn threshold(&self, direction: Direction) -> Option<f64> {
        let mut rules = self.rules.iter().filter(|rule| rule.direction == direction);
        rules.next().map(|rule| rule.threshold)
    }

    /// The longest time over which CPU use is taken.
    pub fn longest_window(&self) -> Duration {
        let windows = self.rules.iter().map(|rule| rule.query.window);
        windows.max().unwrap_or_default()
    }

    /// How the rule evaluator's own scrapes of the targets in this file fit these rules.
    pub fn scrapes(&self, targets: PathBuf) -> ScrapeSettings {
        ScrapeSettings {
            targets,
            interval: self.scrape_interval,
            timeout: self.scrape_interval,
            rate_window: self.longest_window(),
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
    /// Which rule, by its place.
    pub place: usize,
    /// Which way it asks the pool to go.
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
    /// The directions of rules that are pending.
    pub pending: Vec<Direction>,
    /// The directions of rules that fire.
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
    webhook: Option<Webhook>,
    started: (Instant, Timestamp),
    rules: Vec<Rule>,
    readings: Readings,
}

impl<S: Source> Evaluation<S> {
    /// Begins, within a tokio runtime. Without a webhook nobody is told of what alerts.
    pub fn start(
        settings: RuleSettings,
        source: S,
        webhook: impl Into<Option<WebhookSettings>>,
        client: reqwest::Client,
    ) -> RuleEvaluator {
        let (sender, readings) = watch::channel(Readings::default());
        let name = source.name();
        let rule = |rule: &ScaleRule| Rule::new(rule.direction, rule.pending, settings.repeat);
        let rules = settings.rules.iter().map(rule).collect();
        let evaluation = Self {
            settings,
            source,
            webhook: webhook.into().map(|webhook| Webhook::new(webhook, client)),
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
        self.readings.pending.clear();
        self.readings.firing.clear();
        self.readings.observation = self.observe(self.settings.longest_window()).await;
        self.readings.average = self.readings.observation.average();
        for place in 0..self.rules.len() {
            let window = self.settings.rules[place].query.window;
            if window == self.settings.longest_window() {
                let seen = self.readings.observation.clone();
                self.apply(place, &seen).await;
            } else {
                let seen = self.observe(window).await;
                self.apply(place, &seen).await;
            }
        }
    }

    async fn observe(&mut self, window: Duration) -> Observation {
        match self.source.observe(window).await {
            Ok(observation) => observation,
            Err(error) => {
                self.note_problem("No data.", &error);
                Observation::default()
            }
        }
    }

    /// Evaluates one rule on what was seen, and sends its message if one is due.
    async fn apply(&mut self, place: usize, seen: &Observation) {
        let at = Instant::now();
        let now = at.duration_since(self.started.0);
        let rule = &mut self.rules[place];
        let direction = rule.direction();
        let settings = &self.settings.rules[place];
        let value = conclusion(settings, seen);
        let breached = value.is_some_and(|value| settings.is_breached_by(value));
        let change = rule.evaluate(breached, now);
        self.readings
            .changes
            .extend(change.map(|change| RuleChange {
                at,
                place,
                rule: direction,
                change,
            }));
        let list = match rule.state() {
            RuleState::Inactive => None,
            RuleState::Pending { .. } => Some(&mut self.readings.pending),
            RuleState::Firing { .. } => Some(&mut self.readings.firing),
        };
        if let Some(list) = list.filter(|list| !list.contains(&direction)) {
            list.push(direction);
        }
        let (Some(since), Some(value), Some(webhook)) =
            (rule.message_due(now), value, &self.webhook)
        else {
            return;
        };
        let since = self.started.1 + SignedDuration::try_from(since).unwrap_or_default();
        let firing = Firing {
            rule: settings.clone(),
            since,
            value,
        };
        match webhook.post(&firing).await {
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

/// The figure a rule looks at.
fn conclusion(rule: &ScaleRule, seen: &Observation) -> Option<f64> {
    let query = &rule.query;
    match query.young {
        Young::LeftOut => seen.for_scale_out(query.young_for),
        Young::Silence => seen.for_scale_in(query.quorum, query.young_for),
    }
}
