//! Everything that runs during the demo: started, kept and stopped here.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alert_rules::Monitoring;
use anyhow::{Context as _, bail};
use exoscale::models::HealthStatus;
use loadtest::RateFactor;
use local_cloud::{
    Forwarding, LocalCloud, LocalCloudConfig, ServerHealth,
    runner::{InstanceCommand, ProcessRunner},
};
use policy::Direction;
use program::scratch_folder::ScratchFolder;
use rule_evaluator::{RuleSettings, http_client};
use tokio::time::{interval, timeout};

use super::{
    agent_process::{AgentProcess, AgentSetup},
    machine::is_too_busy_to_start,
    monitoring::{Watch, WatchSetup},
    options::Options,
    run::DemoError,
    scenario::Scenario,
    show::say,
    timeline::RunSettings,
};

/// The part of a core that an instance has.
pub(super) const CPU_QUOTA: f64 = 0.25;
/// CPU time of one request; with [`CPU_QUOTA`] it makes an instance's capacity.
pub(super) const WORK: Duration = Duration::from_millis(20);
/// How long the first members may take to serve, at speed 1.
const FIRST_MEMBERS_WITHIN: Duration = Duration::from_secs(240);

/// Everything that runs.
pub(super) struct Environment {
    pub(super) cloud: LocalCloud,
    pub(super) agent: AgentProcess,
    pub(super) monitoring: Watch,
    pub(super) client: reqwest::Client,
    pub(super) entrance: SocketAddr,
    /// By how much the load differs from the planned one; none where it has to be the planned one.
    pub(super) load_factor: Option<RateFactor>,
    /// Removed with everything in it at the end.
    _folder: ScratchFolder,
}

impl Environment {
    /// Starts everything and waits until it serves.
    pub(super) async fn set(options: &Options, scenario: &Scenario) -> Result<Self, DemoError> {
        let client = http_client().context("cannot make HTTP requests")?;
        let folder = ScratchFolder::make("demo").context("cannot make a temporary folder")?;
        let [alert_token, drain_token, control_token] = std::array::from_fn(|_| random_token());
        let secret = random_token();
        let cloud = start_cloud(options, &secret, &drain_token).await?;
        say("The local cloud serves; the first members boot.");
        let stack = cloud.create_stack(options.min_size).await;
        let stack = stack.context("cannot make the pool")?;
        let late = |error: anyhow::Error| {
            if is_too_busy_to_start(&cloud.status()) {
                DemoError::TooBusy(error)
            } else {
                DemoError::Other(error)
            }
        };
        let entrance = first_members(&cloud, options).await.map_err(late)?;

        let setup = AgentSetup {
            endpoint: cloud.endpoint(),
            key: cloud.key().as_str(),
            secret: &secret,
            stack,
            speed: options.speed,
            kind: options.scenario,
            scheduled: scenario.scheduled,
            min_size: options.min_size,
            max_size: options.max_size,
            folder: folder.path(),
            alert_token: &alert_token,
            drain_token: &drain_token,
            control_token: &control_token,
            log: &options.report.join("agent.log"),
        };
        let agent = AgentProcess::start(&setup).await.map_err(|error| {
            if error.is_late() {
                late(error.into())
            } else {
                DemoError::Other(error.into())
            }
        })?;
        say(&format!("The agent is ready: http://{}/", agent.address));
        let watched = WatchSetup {
            folder: folder.path(),
            targets: setup.discovery_file(),
            agent: agent.address,
            alert_token: &alert_token,
        };
        let monitoring = Watch::start(options, watched, &client).await?;
        say(&format!(
            "CPU source: {}; alerts: {}.",
            monitoring.name,
            monitoring.alert_source()
        ));
        Ok(Self {
            cloud,
            agent,
            monitoring,
            client,
            entrance,
            load_factor: (!options.compare).then(RateFactor::default),
            _folder: folder,
        })
    }

    /// What the record of a run begins with.
    pub(super) fn settings(&self, options: &Options) -> RunSettings {
        let rules = RuleSettings::of(Monitoring::image());
        let default = |key| agent::settings::default_duration(key).unwrap_or_default();
        let cooldown = default("scaling.cooldown");
        let alert_lifetime = default("scale_in.alert_lifetime");
        RunSettings {
            scenario: options.scenario,
            speed: options.speed,
            min_size: options.min_size,
            max_size: options.max_size,
            cooldown: options.speed.scale(cooldown),
            alert_lifetime: options.speed.scale(alert_lifetime),
            upper_threshold: rules.threshold(Direction::Up).unwrap_or(1.0),
            lower_threshold: rules.threshold(Direction::Down).unwrap_or(0.0),
            cpu_source: self.monitoring.name.to_owned(),
            alert_source: self.monitoring.alert_source().to_owned(),
            service_time: WORK.div_f64(CPU_QUOTA),
        }
    }

    /// Where a browser finds what runs.
    pub(super) fn places(&self) -> Vec<(&'static str, String)> {
        let mut places = vec![
            ("application", format!("http://{}/", self.entrance)),
            ("agent", format!("http://{}/", self.agent.address)),
            ("local cloud", self.cloud.endpoint()),
        ];
        places.extend(self.monitoring.places());
        places
    }

    /// Stops everything, the rule evaluator first, so that nothing is scaled while it goes.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        let (grafana, prometheus) = self.monitoring.stop();
        if let Some(grafana) = grafana {
            grafana.stop().await?;
        }
        let status = self.agent.stop().await?;
        if let Some(prometheus) = prometheus {
            prometheus.stop().await?;
        }
        self.cloud.stop().await;
        if !status.success() {
            bail!("the agent ended with {status} instead of 0");
        }
        Ok(())
    }
}

async fn start_cloud(
    options: &Options,
    secret: &str,
    drain_token: &str,
) -> anyhow::Result<LocalCloud> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let command = InstanceCommand::slow_app(program, Some("slow-app"), CPU_QUOTA, &[]);
    let runner =
        ProcessRunner::new(command).with_variables([("SLOW_APP_DRAIN_TOKEN", drain_token)]);
    let config = LocalCloudConfig {
        speed: f64::from(options.speed.divisor()),
        secret: Some(secret.parse()?),
        ..LocalCloudConfig::with(Arc::new(runner), Arc::new(Forwarding))
    };
    Ok(LocalCloud::start(config).await?)
}

/// Waits until the balancer sends requests to as many members as there are to be; returns its
/// address.
async fn first_members(cloud: &LocalCloud, options: &Options) -> anyhow::Result<SocketAddr> {
    let mut ticks = interval(Duration::from_millis(100));
    let serve = async {
        loop {
            ticks.tick().await;
            let status = cloud.status();
            let service = status.balancers.iter().flat_map(|b| &b.services).next();
            if let Some(service) = service
                && let Some(listen) = service.listen
            {
                let healthy = |s: &&ServerHealth| s.status == HealthStatus::Success;
                if service.servers.iter().filter(healthy).count() >= options.min_size as usize {
                    return listen;
                }
            }
        }
    };
    let limit = options.speed.scale(FIRST_MEMBERS_WITHIN);
    timeout(limit, serve)
        .await
        .with_context(|| format!("the first members did not serve within {limit:?}"))
}

fn random_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
