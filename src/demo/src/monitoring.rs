//! The demo's monitoring: the rule evaluator with its source, and the way to cut it off.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use alert_rules::Monitoring;
use anyhow::Context as _;
use rule_evaluator::{
    Evaluation, PrometheusProgram, Readings, RuleEvaluator, RuleSettings,
    prometheus::{PrometheusServer, find_on_path},
    prometheus_source::PrometheusSource,
    scraper::ScrapeSource,
    webhook::WebhookSettings,
};
use tokio::sync::watch;

use super::options::{CpuSource, Options};

/// How long Prometheus may take to answer.
const QUERY_WITHIN: Duration = Duration::from_secs(5);

/// The rule evaluator, unless it is cut off.
pub(super) struct Watch {
    /// What its source is called.
    pub(super) name: &'static str,
    pub(super) prometheus: Option<PrometheusServer>,
    evaluator: Option<RuleEvaluator>,
    rules: RuleSettings,
    targets: PathBuf,
    webhook: WebhookSettings,
    client: reqwest::Client,
    /// What is known while it is cut off.
    nothing: watch::Receiver<Readings>,
}

impl Watch {
    /// Starts it over the members of the discovery file `targets`.
    pub(super) async fn start(
        options: &Options,
        folder: &Path,
        targets: &Path,
        webhook: WebhookSettings,
        client: &reqwest::Client,
    ) -> anyhow::Result<Self> {
        let rules = RuleSettings::of(Monitoring::image().divided_by(options.speed.divisor()));
        let program = match options.cpu_source {
            CpuSource::BuiltIn => None,
            CpuSource::Auto => find_on_path("prometheus"),
            CpuSource::Prometheus => Some(
                find_on_path("prometheus")
                    .context("--cpu-source prometheus: there is no `prometheus` on PATH")?,
            ),
        };
        let prometheus = program.map(|program| PrometheusProgram {
            program,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            folder: folder.to_owned(),
        });
        let started = rule_evaluator::start(
            rules.clone(),
            prometheus,
            targets.to_owned(),
            webhook.clone(),
            client.clone(),
        );
        let (evaluator, prometheus) = started.await?;
        Ok(Self {
            name: evaluator.name,
            prometheus,
            evaluator: Some(evaluator),
            rules,
            targets: targets.to_owned(),
            webhook,
            client: client.clone(),
            nothing: watch::channel(Readings::default()).1,
        })
    }

    /// What it knows; nothing while it is cut off.
    pub(super) fn readings(&self) -> Readings {
        let evaluator = self.evaluator.as_ref();
        let readings = evaluator.map_or(&self.nothing, |evaluator| &evaluator.readings);
        readings.borrow().clone()
    }

    /// Cuts it off, or has it begin anew. True when it is cut off now.
    pub(super) fn cut_or_mend(&mut self) -> bool {
        let was_cut = self.evaluator.take().is_none();
        if was_cut {
            let (rules, webhook) = (self.rules.clone(), self.webhook.clone());
            let client = self.client.clone();
            self.evaluator = Some(if let Some(server) = &self.prometheus {
                let source = PrometheusSource::new(&server.url(), client.clone(), QUERY_WITHIN);
                Evaluation::start(rules, source, webhook, client)
            } else {
                let scrapes = rules.scrapes(self.targets.clone());
                let source = ScrapeSource::start(scrapes, client.clone());
                Evaluation::start(rules, source, webhook, client)
            });
        }
        !was_cut
    }

    /// Ends the rule evaluator, so that nothing is scaled any more; returns the server.
    pub(super) fn stop(self) -> Option<PrometheusServer> {
        self.prometheus
    }
}
