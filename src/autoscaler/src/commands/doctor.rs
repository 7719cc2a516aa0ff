//! `autoscaler doctor`: looks at everything between a load and a change of the pool, changes
//! nothing, and says what to do about what is wrong.

mod api;
mod balancer;
mod files;
mod grafana;
mod members;
mod notifications;
mod pool;
mod prometheus;
mod receiver;
mod report;
mod rights;
mod show;
mod subject;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use program::time_text::{MINUTE, time_within};

use self::{report::Report, subject::Subject};
use super::{config_args::ConfigArgs, http::Http, pool_choice::pool_of};

/// A check takes no longer than the shortest of these, for a user who waits.
const LEAST: Duration = Duration::from_millis(100);

const HELP: &str = "\
Each check that fails says what to do. Nothing is changed: no size, no member, no file; no member is
drained, and the agent is sent a test message alone, as Grafana's button \"Test\" sends it.

Exit codes: 0 all well, perhaps with warnings; 1 a check failed; 2 a wrong setting or flag.

  autoscaler doctor --config agent.toml --pre       before the agent starts for the first time
  autoscaler doctor --config agent.toml             the running agent, too
  GRAFANA_TOKEN=… autoscaler doctor --config agent.toml \\
      --prometheus http://127.0.0.1:9090 --grafana http://127.0.0.1:3000";

/// Check everything on the way from a load to a change of the pool, and say what to mend.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Leave out what needs a running agent.
    #[arg(long)]
    pre: bool,
    /// Which of several pools.
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// How long each question may take.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_within(LEAST..=MINUTE))]
    timeout: Duration,
    /// The running agent [default: `alerts.address` and `alerts.port`].
    #[arg(long, value_name = "URL", env = "AUTOSCALER_URL")]
    agent: Option<String>,
    /// Certificates (PEM) to trust at HTTPS, instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Prometheus [default: `links.prometheus`].
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Grafana [default: the origin of `links.grafana`]. Its rules are read with the token of a
    /// service account (role Viewer with "Read via Provisioning API", or Admin) in `GRAFANA_TOKEN`.
    #[arg(long, value_name = "URL")]
    grafana: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (mut settings, entries) = options.config.load()?;
    let pool = pool_of(&mut settings.agent, options.pool.as_deref())?;
    let subject = Subject::new(options, settings.agent, pool, &entries)?;
    let http = Http::new(options.timeout, options.ca_file.as_deref())?;
    let mut report = Report::new(options.json);
    actix_rt::System::new().block_on(examine(&subject, &http, &mut report))?;
    report.end()?;
    Ok(if report.has_failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(subject: &Subject, http: &Http, report: &mut Report) -> anyhow::Result<()> {
    files::settings(subject, report);
    report.group_ends()?;
    let client = subject.client(http.limit())?;
    let pool = api::examine(subject, &client, report).await;
    report.group_ends()?;
    let mut listed = None;
    if let Some(pool) = pool {
        let found = rights::examine(subject, &client, report).await;
        report.group_ends()?;
        pool::examine(subject, &pool, &found, report);
        report.group_ends()?;
        let members = members::list(&client, subject).await;
        balancer::examine(subject, &client, members.as_deref().ok(), report).await;
        report.group_ends()?;
        listed = members::examine(subject, http, members, report).await;
        report.group_ends()?;
    }
    files::examine(subject, listed.as_deref(), report);
    report.group_ends()?;
    receiver::examine(subject, http, report).await;
    report.group_ends()?;
    prometheus::examine(subject, http, listed.as_deref(), report).await;
    report.group_ends()?;
    if !grafana::examine(subject, http, report).await {
        report.group_ends()?;
        prometheus::rules(subject, http, report).await;
    }
    report.group_ends()
}
