//! Starts a watcher with its source: a Prometheus server where there is one, else scrapes of its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    RuleSettings, Watcher, WatcherHandle,
    prometheus::{PrometheusError, PrometheusServer, PrometheusSettings},
    prometheus_source::PrometheusSource,
    scraper::ScrapeSource,
    webhook::WebhookSettings,
};
use crate::demo::leash;

/// How long the server may take to become ready, and to answer a query.
const READY_WITHIN: Duration = Duration::from_secs(60);
const QUERY_WITHIN: Duration = Duration::from_secs(5);

/// Begins to watch the members of the discovery file `targets`. With `program`, a Prometheus server does
/// the scraping; its files go into `folder`. Call it on the main thread (see [`leash`]).
pub async fn start(
    rules: RuleSettings,
    program: Option<PathBuf>,
    folder: &Path,
    targets: PathBuf,
    webhook: WebhookSettings,
    client: reqwest::Client,
) -> Result<(WatcherHandle, Option<PrometheusServer>), PrometheusError> {
    let Some(program) = program else {
        let source = ScrapeSource::start(rules.scrapes(targets), client.clone());
        return Ok((Watcher::start(rules, source, webhook, client), None));
    };
    let own = std::env::current_exe().map_err(PrometheusError::Prepare)?;
    let settings = PrometheusSettings {
        program,
        launcher: leash::command_line(own.as_os_str()),
        folder: folder.to_owned(),
        targets,
        scrape_interval: rules.scrape_interval,
        ready_within: READY_WITHIN,
    };
    let server = PrometheusServer::start(&settings, &client).await?;
    let window = rules.rate_window;
    let source = PrometheusSource::new(&server.url(), client.clone(), window, QUERY_WITHIN);
    Ok((Watcher::start(rules, source, webhook, client), Some(server)))
}
