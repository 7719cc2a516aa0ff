//! Starts a rule evaluator with its source: a Prometheus server where there is one, else scrapes of
//! its own.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use program::die_with_parent;

use super::{
    Evaluation, RuleEvaluator, RuleSettings,
    prometheus::{PrometheusError, PrometheusServer, PrometheusSettings},
    prometheus_source::PrometheusSource,
    scraper::ScrapeSource,
    webhook::WebhookSettings,
};

/// How long the server may take to become ready, and to answer a query.
const READY_WITHIN: Duration = Duration::from_secs(60);
const QUERY_WITHIN: Duration = Duration::from_secs(5);

/// A Prometheus server to be had.
#[derive(Clone, Debug)]
pub struct PrometheusProgram {
    /// Its file; see [`super::prometheus::find_on_path`].
    pub program: PathBuf,
    /// Where it is to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its configuration and data may be put; see [`PrometheusSettings::folder`].
    pub folder: PathBuf,
    /// See [`PrometheusSettings::for_grafana`].
    pub for_grafana: Option<SocketAddr>,
}

/// Begins to evaluate the rules over the members of the discovery file `targets`. Without a webhook
/// nobody is told of what alerts. A Prometheus server does the scraping where there is one. Call it
/// on the main thread (see [`die_with_parent`]).
pub async fn start(
    rules: RuleSettings,
    prometheus: Option<PrometheusProgram>,
    targets: PathBuf,
    webhook: impl Into<Option<WebhookSettings>>,
    client: reqwest::Client,
) -> Result<(RuleEvaluator, Option<PrometheusServer>), PrometheusError> {
    let Some(prometheus) = prometheus else {
        let source = ScrapeSource::start(rules.scrapes(targets), client.clone());
        return Ok((Evaluation::start(rules, source, webhook, client), None));
    };
    let own = std::env::current_exe().map_err(PrometheusError::Prepare)?;
    let settings = PrometheusSettings {
        program: prometheus.program,
        launcher: die_with_parent::command_line(own.as_os_str()),
        listen: prometheus.listen,
        folder: prometheus.folder,
        targets,
        scrape_interval: rules.scrape_interval,
        ready_within: READY_WITHIN,
        for_grafana: prometheus.for_grafana,
    };
    let server = PrometheusServer::start(&settings, &client).await?;
    let source = PrometheusSource::new(&server.url(), client.clone(), QUERY_WITHIN);
    Ok((
        Evaluation::start(rules, source, webhook, client),
        Some(server),
    ))
}
