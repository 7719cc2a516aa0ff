//! The demo's monitoring: Prometheus and Grafana where they are to be had, the rule evaluator, and
//! the way to cut them off.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use alert_rules::Monitoring;
use program::error_chain::with_causes;
use rule_evaluator::{
    Evaluation, PrometheusProgram, Readings, RuleEvaluator, RuleSettings,
    prometheus::PrometheusServer,
    prometheus_source::PrometheusSource,
    scraper::ScrapeSource,
    webhook::{BearerToken, WebhookSettings},
};
use tokio::sync::watch;

use super::{
    grafana::{Grafana, GrafanaProgram, GrafanaSetup},
    options::{AlertSource, Options},
    show::say,
};

/// How long Prometheus may take to answer.
const QUERY_WITHIN: Duration = Duration::from_secs(5);

/// The servers and the rule evaluator, unless they are cut off.
pub(super) struct Watch {
    /// What its source is called.
    pub(super) name: &'static str,
    pub(super) prometheus: Option<PrometheusServer>,
    /// Evaluates the rules and sends the alerts, where there is one. The rule evaluator then only
    /// looks, for the screen.
    grafana: Option<Grafana>,
    evaluator: Option<RuleEvaluator>,
    rules: RuleSettings,
    targets: PathBuf,
    webhook: WebhookSettings,
    client: reqwest::Client,
    /// What is known while it is cut off.
    nothing: watch::Receiver<Readings>,
}

/// What the monitoring watches, and whom it tells.
pub(super) struct WatchSetup<'a> {
    pub(super) folder: &'a Path,
    /// The discovery file with the members.
    pub(super) targets: PathBuf,
    pub(super) agent: SocketAddr,
    pub(super) alert_token: &'a str,
}

impl Watch {
    /// Starts it.
    pub(super) async fn start(
        options: &Options,
        setup: WatchSetup<'_>,
        client: &reqwest::Client,
    ) -> anyhow::Result<Self> {
        let rules = RuleSettings::of(Monitoring::image().divided_by(options.speed.divisor()));
        let webhook = WebhookSettings {
            url: format!("http://{}/webhook", setup.agent),
            token: Some(BearerToken::new(setup.alert_token)),
            timeout: Duration::from_secs(5),
        };
        let program = options.prometheus();
        let grafana = program.as_ref().and_then(|_| options.grafana());
        let prometheus = program.map(|program| PrometheusProgram {
            program,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            folder: setup.folder.to_owned(),
            for_grafana: grafana.as_ref().map(|_| setup.agent),
        });
        let sends = grafana.is_none().then(|| webhook.clone());
        let started = rule_evaluator::start(
            rules.clone(),
            prometheus,
            setup.targets.clone(),
            sends,
            client.clone(),
        );
        let (evaluator, prometheus) = started.await?;
        let mut watch = Self {
            name: evaluator.name,
            prometheus,
            grafana: None,
            evaluator: Some(evaluator),
            rules,
            targets: setup.targets.clone(),
            webhook,
            client: client.clone(),
            nothing: watch::channel(Readings::default()).1,
        };
        if let Some(program) = grafana {
            watch.start_grafana(options, &program, &setup).await?;
        }
        Ok(watch)
    }

    /// Starts Grafana; where it does not start and need not, the rule evaluator takes its place.
    async fn start_grafana(
        &mut self,
        options: &Options,
        program: &GrafanaProgram,
        setup: &WatchSetup<'_>,
    ) -> anyhow::Result<()> {
        say("Grafana starts, which may take a minute.");
        let log = options.report.join("grafana.log");
        let grafana_setup = GrafanaSetup {
            folder: setup.folder,
            prometheus: self
                .prometheus
                .as_ref()
                .map(PrometheusServer::url)
                .unwrap_or_default(),
            agent: setup.agent,
            alert_token: setup.alert_token,
            log: &log,
        };
        match Grafana::start(program, &grafana_setup, &self.client).await {
            Ok(grafana) => {
                say(&format!("Grafana is ready: {}", grafana.url()));
                self.grafana = Some(grafana);
            }
            Err(error) if options.alert_source == AlertSource::Grafana => return Err(error.into()),
            Err(error) => {
                let error = with_causes(&error);
                say(&format!(
                    "{error}.\nThe built-in rule evaluator takes its place."
                ));
                self.evaluator = Some(self.evaluate());
            }
        }
        Ok(())
    }

    /// Begins to evaluate the rules over what is there.
    fn evaluate(&self) -> RuleEvaluator {
        let (rules, client) = (self.rules.clone(), self.client.clone());
        let webhook = self.grafana.is_none().then(|| self.webhook.clone());
        if let Some(server) = &self.prometheus {
            let source = PrometheusSource::new(&server.url(), client.clone(), QUERY_WITHIN);
            Evaluation::start(rules, source, webhook, client)
        } else {
            let scrapes = rules.scrapes(self.targets.clone());
            let source = ScrapeSource::start(scrapes, client.clone());
            Evaluation::start(rules, source, webhook, client)
        }
    }

    /// Who evaluates the rules and sends the alerts.
    pub(super) fn alert_source(&self) -> &'static str {
        if self.grafana.is_some() {
            "Grafana"
        } else {
            "built-in"
        }
    }

    /// Where a browser finds its servers.
    pub(super) fn places(&self) -> Vec<(&'static str, String)> {
        let prometheus = self.prometheus.iter();
        let prometheus = prometheus.map(|server| ("Prometheus", server.url()));
        let grafana = self.grafana.iter().map(|server| ("Grafana", server.url()));
        prometheus.chain(grafana).collect()
    }

    /// What it knows; nothing while it is cut off.
    pub(super) fn readings(&self) -> Readings {
        let evaluator = self.evaluator.as_ref();
        let readings = evaluator.map_or(&self.nothing, |evaluator| &evaluator.readings);
        readings.borrow().clone()
    }

    /// Cuts off who sends the alerts, or has it begin again. True when it is cut off now.
    pub(super) fn cut_or_mend(&mut self) -> bool {
        let is_cut = self.evaluator.take().is_some();
        if let Some(grafana) = &mut self.grafana {
            grafana.set_halted(is_cut);
        }
        if !is_cut {
            self.evaluator = Some(self.evaluate());
        }
        is_cut
    }

    /// Ends who sends the alerts, so that nothing is scaled any more; returns the servers.
    pub(super) fn stop(self) -> (Option<Grafana>, Option<PrometheusServer>) {
        (self.grafana, self.prometheus)
    }
}
