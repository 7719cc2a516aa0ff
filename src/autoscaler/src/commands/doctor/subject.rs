//! What is examined: the agent's settings in the form in which the checks need them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use agent::{
    Config, Discovery, Drain, DrainMode, PoolConfig, Reach, TlsFiles, settings::Entry,
    webhook_receiver::Authentication,
};
use anyhow::bail;
use exoscale::{
    Client, ClientConfig,
    config::Endpoint,
    ids::{LoadBalancerId, PoolId},
};
use policy::{Bounds, Mode, Rules};
use reqwest::Url;

use super::Options;
use crate::failure::Usage;

/// The variable with the token for Grafana: a command line shows in `ps`.
pub(super) const GRAFANA_TOKEN: &str = "GRAFANA_TOKEN";

/// What is examined.
#[derive(Debug)]
pub(super) struct Subject {
    /// Where settings came from, for people.
    pub(super) settings: String,
    /// The file of settings, if it holds secrets.
    pub(super) file_with_secrets: Option<PathBuf>,
    pub(super) is_pre: bool,
    api: ClientConfig,
    pub(super) zone: String,
    /// The pool's name among several.
    pub(super) name: Option<String>,
    pub(super) pool: PoolId,
    pub(super) balancer: Option<LoadBalancerId>,
    pub(super) rules: Rules,
    pub(super) mode: Mode,
    pub(super) drain: Drain,
    pub(super) discovery: Discovery,
    pub(super) reach: Reach,
    pub(super) journal: PathBuf,
    pub(super) tls: Option<TlsFiles>,
    pub(super) authentication: Authentication,
    /// Thresholds of CPU use, up and down.
    pub(super) thresholds: (f64, f64),
    pub(super) agent: Url,
    /// Whether `agent` was given, not made of the settings.
    pub(super) is_agent_given: bool,
    pub(super) prometheus: Option<Url>,
    pub(super) grafana: Option<Url>,
    pub(super) grafana_token: Option<String>,
}

impl Subject {
    pub(super) fn new(
        options: &Options,
        config: Config,
        pool: PoolConfig,
        entries: &[Entry],
    ) -> anyhow::Result<Self> {
        let api = config.client;
        let reach = Reach::of(pool.discovery.addresses, &api.endpoint);
        let given = |flag, url: &Option<String>| url.as_deref().map(|u| page(flag, u)).transpose();
        let agent = given("--agent", &options.agent)?;
        let links = config.links;
        let link = |link: Option<&agent::PageUrl>| link.and_then(|l| l.as_str().parse().ok());
        let grafana = given("--grafana", &options.grafana)?;
        let is_set = |entry: &&Entry| entry.source != "default";
        let token = std::env::var(GRAFANA_TOKEN).ok();
        let token = token.map(|token| token.trim().to_owned());
        Ok(Self {
            settings: match options.config.file() {
                Some(file) => format!("{}, the environment and flags", file.display()),
                None => "the environment and flags".to_owned(),
            } + &format!(" ({} set)", entries.iter().filter(is_set).count()),
            file_with_secrets: options
                .config
                .file()
                .filter(|_| entries.iter().any(Entry::is_secret_in_file))
                .map(Into::into),
            is_pre: options.pre,
            zone: config.zone,
            name: pool.name.map(|name| name.to_string()),
            pool: pool.target.pool,
            balancer: pool.target.load_balancer,
            rules: pool.rules,
            mode: pool.mode,
            drain: pool.drain,
            discovery: pool.discovery,
            reach,
            journal: pool.journal,
            is_agent_given: agent.is_some(),
            agent: match agent {
                Some(agent) => agent,
                None => here(config.alerts.listen, config.alerts.tls.is_some())?,
            },
            tls: config.alerts.tls,
            authentication: config.alerts.authentication,
            thresholds: (pool.thresholds.up, pool.thresholds.down),
            prometheus: given("--prometheus", &options.prometheus)?
                .or_else(|| link(links.prometheus.as_ref())),
            grafana: grafana.or_else(|| link(links.grafana.as_ref()).map(origin)),
            grafana_token: token.filter(|token| !token.is_empty()),
            api,
        })
    }

    /// A client that asks once and waits no longer than the limit.
    pub(super) fn client(&self, limit: Duration) -> anyhow::Result<Client> {
        Ok(Client::new(ClientConfig {
            request_timeout: limit,
            connect_timeout: self.api.connect_timeout.min(limit / 2),
            call_deadline: limit * 2,
            retries: 0,
            budget_per_minute: None,
            probe_refused_after: Duration::ZERO,
            ..self.api.clone()
        })?)
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.rules.bounds
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.api.endpoint
    }

    /// Whether the API is the zone's own.
    pub(super) fn is_zones_own(&self) -> bool {
        Endpoint::of_zone(&self.zone).is_ok_and(|own| own == self.api.endpoint)
    }

    /// Whether members are asked at `/drain`.
    pub(super) fn drains_over_http(&self) -> bool {
        self.drain.mode == DrainMode::Http
    }

    /// How members leave.
    pub(super) fn drain_in_words(&self) -> String {
        match self.drain.mode {
            DrainMode::Wait(time) => format!("drain.mode waits for {time:?}, and asks no member"),
            _ => "drain.mode is none: members are removed at once".to_owned(),
        }
    }

    /// Whether the agent is to change the pool.
    pub(super) fn is_acting(&self) -> bool {
        self.mode != Mode::Recommend
    }
}

/// An agent that listens everywhere is asked on this machine.
fn here(listen: SocketAddr, is_https: bool) -> anyhow::Result<Url> {
    let scheme = if is_https { "https" } else { "http" };
    let address = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(address, listen.port());
    Ok(format!("{scheme}://{address}/").parse()?)
}

fn page(flag: &str, text: &str) -> anyhow::Result<Url> {
    let parsed = text.parse::<Url>().ok();
    let Some(url) = parsed.filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
    else {
        bail!(Usage(format!(
            "{flag}: expected a URL that begins with http:// or https://"
        )));
    };
    if !url.username().is_empty() || url.password().is_some() {
        bail!(Usage(format!("{flag}: holds a user name or a password")));
    }
    Ok(url)
}

/// A link to Grafana may lead to a dashboard.
fn origin(url: Url) -> Url {
    let path = url.path().to_owned();
    let before = path.find("/d/").map_or("/", |place| &path[..=place]);
    let mut origin = url;
    origin.set_path(before);
    origin.set_query(None);
    origin.set_fragment(None);
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_dashboard_leads_to_its_grafana() {
        for (link, grafana) in [
            ("http://g:3000/d/autoscaling/x?orgId=1", "http://g:3000/"),
            ("https://h/grafana/d/abc", "https://h/grafana/"),
            ("https://h/", "https://h/"),
        ] {
            assert_eq!(origin(link.parse().unwrap()).as_str(), grafana);
        }
    }

    #[test]
    fn an_agent_that_listens_everywhere_is_asked_here() {
        let url = here("0.0.0.0:8090".parse().unwrap(), false).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8090/");
        let url = here("[2001:db8::1]:8090".parse().unwrap(), true).unwrap();
        assert_eq!(url.as_str(), "https://[2001:db8::1]:8090/");
    }
}
