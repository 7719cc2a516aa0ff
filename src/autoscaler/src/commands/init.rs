//! `autoscaler init`: reads a pool from the API, and writes what its owner needs to have it scaled
//! into a folder. It changes nothing at the API.

mod discovered;
mod monitoring;
mod role;
mod tokens;
mod write;

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use agent::settings::{ALERTS_PORT, load_text};
use anyhow::Context as _;
use clap::Args;
use exoscale::{
    Client, ClientConfig,
    config::{DEFAULT_ZONE, Endpoint},
    ids::{LoadBalancerId, PoolId},
    secret::{ApiKey, ApiSecret},
};
use policy::thresholds;
use program::output;
use reqwest::Url;

use self::{discovered::Discovered, tokens::Tokens};
use crate::failure::Usage;

const HELP: &str = "\
Key and secret come from EXOSCALE_API_KEY and EXOSCALE_API_SECRET. For this command the key must
read instance pools, instances and load balancers; the agent gets a key of its own, with the role
that is written here.

  autoscaler init --pool 3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e
  autoscaler doctor --config autoscaler/agent.toml --pre";

/// Write settings, Prometheus job, Grafana rules and IAM role for a pool of yours into a folder.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The instance pool.
    #[arg(long, value_name = "ID", env = "EXOSCALE_INSTANCEPOOL_ID")]
    pool: PoolId,
    /// The load balancer before it [default: the one that forwards to it, if the key may look].
    #[arg(long, value_name = "ID")]
    load_balancer: Option<LoadBalancerId>,
    /// The zone of the pool.
    #[arg(long, value_name = "ZONE", env = "EXOSCALE_ZONE", default_value = DEFAULT_ZONE)]
    zone: String,
    /// An API other than the zone's.
    #[arg(long, env = "EXOSCALE_API_ENDPOINT", value_name = "URL")]
    endpoint: Option<Endpoint>,
    /// The folder to write into.
    #[arg(long, value_name = "DIR", default_value = "autoscaler")]
    output: PathBuf,
    /// Replace files that are there; the tokens in them stay.
    #[arg(long)]
    force: bool,
    /// CPU use, as a share, above which the pool grows.
    #[arg(long, value_name = "SHARE", default_value_t = thresholds::UP)]
    up: f64,
    /// CPU use, as a share, below which it shrinks.
    #[arg(long, value_name = "SHARE", default_value_t = thresholds::DOWN)]
    down: f64,
    /// The port of the node exporter on each member.
    #[arg(long, value_name = "PORT", default_value_t = 9100)]
    target_port: u16,
    /// The address that the agent listens on: another than this machine's own, where Grafana runs
    /// elsewhere.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The agent's port.
    #[arg(long, value_name = "PORT", default_value_t = ALERTS_PORT)]
    port: u16,
    /// The agent, as Prometheus and Grafana reach it [default: --listen and --port].
    #[arg(long, value_name = "URL")]
    agent: Option<Url>,
    /// The file by which Prometheus learns of the members.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/srv/service-discovery/config.json"
    )]
    discovery_file: PathBuf,
    /// The folder in which the agent keeps its journal.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/autoscaler")]
    journal: PathBuf,
    /// Your Prometheus, for the agent's page and `doctor`.
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    /// Your Grafana, likewise.
    #[arg(long, value_name = "URL")]
    grafana: Option<Url>,
    /// The UID of the Prometheus data source in your Grafana.
    #[arg(long, value_name = "UID", default_value = "prometheus")]
    datasource: String,
}

impl Options {
    /// The agent's origin, without a slash at the end.
    fn agent_url(&self) -> String {
        let own = || {
            let address = std::net::SocketAddr::new(self.listen, self.port);
            format!("http://{address}")
        };
        let given = self
            .agent
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned());
        given.unwrap_or_else(own)
    }

    fn check(&self) -> Result<(), Usage> {
        let wrong = |what: &str| Err(Usage(what.to_owned()));
        if !(0.0..=1.0).contains(&self.up) {
            return wrong("--up: a share from 0 to 1 is expected, such as 0.8 for 80 %");
        }
        if !(0.0..=1.0).contains(&self.down) {
            return wrong("--down: a share from 0 to 1 is expected, such as 0.2 for 20 %");
        }
        if self.down >= self.up {
            return wrong("--down: must be below --up");
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.datasource.is_empty() || !self.datasource.chars().all(is_plain) {
            return wrong("--datasource: a UID has letters, digits, `-` and `_` alone");
        }
        if self.listen.is_unspecified() && self.agent.is_none() {
            return wrong(
                "--listen: Grafana cannot send to every address; give --agent URL, as Grafana \
                 reaches this machine",
            );
        }
        Ok(())
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    options.check()?;
    let client = client(options)?;
    let found = actix_rt::System::new().block_on(discovered::read(options, &client))?;
    let tokens = Tokens::kept_or_new(&options.output.join(AGENT_FILE));
    let files = files(options, &found, &tokens);
    try_settings(&files)?;
    write::all(&options.output, &files, options.force)?;
    let mut text = found.to_string();
    for note in &found.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let path = |file: &File| options.output.join(file.name).display().to_string();
    let width = files.iter().map(|file| path(file).chars().count()).max();
    let width = width.unwrap_or_default();
    for file in &files {
        let _ = writeln!(text, "{:width$}  {}", path(file), file.purpose);
    }
    let readme = options.output.join("README.md");
    let _ = writeln!(text, "Next: {}", readme.display());
    output::print(&text).context("cannot print what was written")
}

/// Refuses what the agent would refuse later.
fn try_settings(files: &[File]) -> Result<(), Usage> {
    const KEY: &str = "[exoscale]\nkey = \"EXOkey\"\nsecret = \"secret\"";
    let settings = files.iter().filter(|file| file.name == AGENT_FILE);
    for file in settings {
        let with_key = file.content.replacen("[exoscale]", KEY, 1);
        load_text(file.name, &with_key).map_err(|problems| {
            Usage(format!("the agent would refuse these settings: {problems}"))
        })?;
    }
    Ok(())
}

/// The name of the file of settings.
const AGENT_FILE: &str = "agent.toml";

/// A file to write.
struct File {
    name: &'static str,
    purpose: &'static str,
    content: String,
    /// Only its owner may read one that holds a secret.
    mode: u32,
}

fn files(options: &Options, found: &Discovered, tokens: &Tokens) -> Vec<File> {
    let open = |name, purpose, content| File {
        name,
        purpose,
        content,
        mode: 0o644,
    };
    let secret = |name, purpose, content| File {
        mode: 0o600,
        ..open(name, purpose, content)
    };
    let policy = role::policy(found.pool, found.is_private());
    vec![
        open(
            "README.md",
            "what to do next",
            write::readme(options, found),
        ),
        secret(
            AGENT_FILE,
            "the agent's settings, with two tokens",
            write::settings(options, found, tokens),
        ),
        secret(
            "control-token",
            "the token for orders, for autoscaler ctl",
            format!("{}\n", tokens.control),
        ),
        open(
            "iam-policy.json",
            "the role's policy, for exo and the API",
            policy,
        ),
        open(
            "iam.tf",
            "the same role and a key, for Terraform",
            role::terraform(found.pool, found.is_private()),
        ),
        open(
            "prometheus-job.yml",
            "scrape jobs for your Prometheus",
            monitoring::jobs(options),
        ),
        open(
            "prometheus-rules.yml",
            "what it records for the alert rules",
            monitoring::RECORDING_RULES.to_owned(),
        ),
        open(
            "grafana/provisioning/alerting/autoscaler-rules.yml",
            "alert rules for your Grafana",
            monitoring::alert_rules(options),
        ),
        secret(
            "grafana/provisioning/alerting/autoscaler-contact-point.yml",
            "where they are sent, with the token",
            monitoring::contact_point(options, &tokens.alerts),
        ),
        open(
            "grafana/dashboard.json",
            "a dashboard to import",
            monitoring::dashboard(options),
        ),
        open(
            "alertmanager/scaling-rules.yml",
            "the same alert rules for Prometheus, without Grafana",
            monitoring::scaling_rules(options),
        ),
        secret(
            "alertmanager/alertmanager.yml",
            "route and receiver for your Alertmanager, with the token",
            monitoring::alertmanager(options, &tokens.alerts),
        ),
    ]
}

/// Keys come from the environment only: a command line shows in `ps`.
fn client(options: &Options) -> anyhow::Result<Client> {
    let key = variable(["EXOSCALE_API_KEY", "EXOSCALE_KEY"])?;
    let secret = variable(["EXOSCALE_API_SECRET", "EXOSCALE_SECRET"])?;
    let key: ApiKey = key.parse().context("the API key (EXOSCALE_API_KEY)")?;
    let secret: ApiSecret = secret
        .parse()
        .context("the API secret (EXOSCALE_API_SECRET)")?;
    let config = match &options.endpoint {
        Some(endpoint) => ClientConfig::for_endpoint(endpoint.clone(), key, secret),
        None => ClientConfig::for_zone(&options.zone, key, secret)?,
    };
    Ok(Client::new(config)?)
}

/// The value of the one that is set. Both may be, to the same.
fn variable(names: [&'static str; 2]) -> Result<String, Usage> {
    let given = names.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match given {
        [Some(first), Some(second)] if first != second => Err(Usage(format!(
            "{} and {} are both set, and differ; unset one of them",
            names[0], names[1]
        ))),
        [Some(value), _] | [None, Some(value)] => Ok(value),
        [None, None] => Err(Usage(format!(
            "{} is not set; export the key and its secret, EXOSCALE_API_KEY and \
             EXOSCALE_API_SECRET, of a key that may read",
            names[0]
        ))),
    }
}
