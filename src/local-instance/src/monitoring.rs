//! The monitoring instance: the real agent with the settings of its user-data, and what watches CPU
//! for it: a real Prometheus where one is installed, with the rule evaluator in Grafana's place.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use agent::settings::{self, ALERTS_PORT, Sources};
use alert_rules::Monitoring as MonitoringImage;
use instance_data::{Document, Installed, InstanceDataError, Monitoring, Role};
use program::{children, die_with_parent, error_chain::with_causes, scratch_folder::ScratchFolder};
use rule_evaluator::{
    PrometheusProgram, RuleEvaluator, RuleSettings,
    prometheus::{PrometheusServer, find_on_path},
    webhook::{BearerToken, WebhookSettings},
};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use super::{LocalInstanceError, Options, end::End};

/// Prometheus' port, as on the image.
const PROMETHEUS_PORT: u16 = 9090;

/// How long the agent may take to stop (guarantee G13).
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The longest division of times: below a hundredth they are shorter than a process needs to start.
const MAX_DIVISOR: f64 = 100.0;

impl Options {
    fn divisor(&self) -> f64 {
        self.speed.clamp(1.0, MAX_DIVISOR)
    }
}

/// Between two looks at the user-data, as on the image.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The files that the agent reads, and those that Grafana takes its rules and its token from.
const AGENTS_FILE: &str = "agent.toml";
const RULES_FILES: [&str; 2] = ["alerts-token", "grafana.env"];

pub(super) async fn run(options: Options) -> Result<(), LocalInstanceError> {
    let mut end = End::watch()?;
    // For secrets and state.
    let folder = ScratchFolder::make("monitoring");
    let folder = folder.map_err(system("make a folder for temporary files"))?;
    let data = instance_data::Options {
        role: Some(Role::Monitoring),
        output: folder.path().to_owned(),
        source: options.source.clone(),
    };
    let installed = tokio::select! {
        installed = instance_data::install(&data) => installed?,
        () = end.is_asked_for() => return Ok(()),
    };
    let Document::Monitoring(mut document) = installed.document else {
        return Err(InstanceDataError::Absent.into());
    };
    let mut agent = start_agent(&options, folder.path())?;
    let mut watching = watch(&options, folder.path(), &document).await?;
    loop {
        let changed = tokio::select! {
            () = end.is_asked_for() => break,
            ended = agent.wait() => {
                let status = ended.map_err(system("wait for the agent"))?;
                return Err(LocalInstanceError::AgentEnded(status));
            }
            (new, changed) = changed(&data, options.divisor()) => {
                document = new;
                changed
            }
        };
        tracing::info!(
            files = changed.join(", "),
            "The instance data have changed."
        );
        // As on the image: who reads a file that has changed starts again.
        if changed.contains(&AGENTS_FILE) {
            stop(&mut agent).await?;
            agent = start_agent(&options, folder.path())?;
        }
        if changed.iter().any(|file| RULES_FILES.contains(file)) {
            if let Some(server) = watching.1.take() {
                server.stop().await.map_err(system("stop Prometheus"))?;
            }
            watching = watch(&options, folder.path(), &document).await?;
        }
    }
    stop(&mut agent).await
}

fn system(action: &'static str) -> impl Fn(io::Error) -> LocalInstanceError {
    move |source| LocalInstanceError::System { action, source }
}

async fn stop(agent: &mut Child) -> Result<(), LocalInstanceError> {
    let ended = children::end(agent, STOP_WITHIN).await;
    ended.map(drop).map_err(system("stop the agent"))
}

/// Waits until the user-data is another document, and returns which files it changed. What cannot
/// be used changes nothing.
async fn changed(
    data: &instance_data::Options,
    divisor: f64,
) -> (Box<Monitoring>, Vec<&'static str>) {
    let mut once = data.clone();
    once.source.wait = Duration::ZERO;
    let mut said = String::new();
    loop {
        sleep(LOOK_AGAIN.div_f64(divisor)).await;
        let problem = match instance_data::install(&once).await {
            Ok(Installed {
                document: Document::Monitoring(document),
                changed,
            }) if !changed.is_empty() => return (document, changed),
            Ok(_) => String::new(),
            Err(error) => with_causes(&error),
        };
        if !problem.is_empty() && problem != said {
            tracing::warn!(%problem, "the instance data stay as they are");
        }
        said = problem;
    }
}

/// Call it on the main thread (see [`die_with_parent`]).
fn start_agent(options: &Options, folder: &Path) -> Result<Child, LocalInstanceError> {
    let own = std::env::current_exe();
    let own = own.map_err(|source| LocalInstanceError::System {
        action: "find this program's own file",
        source,
    })?;
    let config = folder.join("agent.toml");
    let mut words = die_with_parent::command_line(own.as_os_str());
    words.extend([
        own.clone().into(),
        "agent".into(),
        "--config".into(),
        config.clone().into(),
    ]);
    for (key, value) in overrides(options, folder, &config)? {
        words.extend(["--set".into(), format!("{key}={value}").into()]);
    }
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.spawn().map_err(|source| LocalInstanceError::Run {
        program: own,
        source,
    })
}

/// What differs from the image: the address, the places of files, and the speed.
fn overrides(
    options: &Options,
    folder: &Path,
    config: &Path,
) -> Result<Vec<(String, String)>, LocalInstanceError> {
    let sources = Sources {
        file: Some(config.to_owned()),
        ..Sources::default()
    };
    let (_, entries) = settings::load(&sources)?;
    let own = [
        (
            "exoscale.endpoint",
            endpoint_beside(&options.source.metadata_url),
        ),
        ("alerts.address", options.ip.to_string()),
        ("alerts.port", ALERTS_PORT.to_string()),
        (
            "discovery.file",
            discovery_file(folder).display().to_string(),
        ),
        (
            "journal.directory",
            folder.join("journal").display().to_string(),
        ),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    // By the names that the document uses: a setting cannot be given by two.
    let values = entries.iter().map(|entry| (entry.given_as(), &entry.value));
    let faster = settings::at_speed(values, options.divisor());
    Ok(own.chain(faster).collect())
}

/// The API of the local cloud that serves this metadata. The agent takes members on this machine
/// only from an API that is on this machine, too.
fn endpoint_beside(metadata: &str) -> String {
    let (scheme, rest) = metadata.split_once("://").unwrap_or(("http", metadata));
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/v2")
}

fn discovery_file(folder: &Path) -> PathBuf {
    folder.join("service-discovery").join("config.json")
}

/// Starts what tells the agent of load.
async fn watch(
    options: &Options,
    folder: &Path,
    document: &Monitoring,
) -> Result<(RuleEvaluator, Option<PrometheusServer>), LocalInstanceError> {
    let thresholds = &document.settings().agent.first_pool().thresholds;
    let divisor = options.divisor().round() as u32;
    let image = MonitoringImage::image()
        .at_thresholds(thresholds.up, thresholds.down)
        .divided_by(divisor);
    let rules = RuleSettings::of(image);
    let webhook = WebhookSettings {
        url: format!(
            "http://{}/webhook",
            SocketAddr::from((options.ip, ALERTS_PORT))
        ),
        token: document.alerts_token().map(BearerToken::new),
        timeout: Duration::from_secs(5),
    };
    let client = rule_evaluator::http_client()?;
    let targets = discovery_file(folder);
    let prometheus = find_on_path("prometheus").map(|program| PrometheusProgram {
        program,
        listen: SocketAddr::from((options.ip, PROMETHEUS_PORT)),
        folder: folder.to_owned(),
        for_grafana: None,
    });
    let started = rule_evaluator::start(rules, prometheus, targets, webhook, client).await?;
    if let (_, Some(server)) = &started {
        tracing::info!(url = %server.url(), "Prometheus is ready.");
    }
    Ok(started)
}

#[cfg(test)]
mod tests {
    use std::{fs, net::Ipv4Addr};

    use instance_data::MetadataOptions;

    use super::*;

    #[test]
    fn the_agent_is_as_fast_as_the_cloud_by_whatever_key_a_time_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("agent.toml");
        let options = Options {
            role: Role::Monitoring,
            ip: Ipv4Addr::LOCALHOST,
            speed: 10.0,
            source: MetadataOptions {
                metadata_url: "http://127.0.0.1:1/_local/metadata/x".to_owned(),
                wait: Duration::ZERO,
            },
            program: Vec::new(),
        };
        let pool = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";
        let required =
            format!("[exoscale]\nkey = \"EXO1\"\nsecret = \"abc\"\ninstance_pool = \"{pool}\"\n");
        for key in ["cooldown", "window"] {
            fs::write(&config, format!("{required}[scaling]\n{key} = \"70s\"\n")).unwrap();
            let flags = overrides(&options, folder.path(), &config).unwrap();
            let flags = flags.into_iter();
            let sources = Sources {
                file: Some(config.clone()),
                flags: flags
                    .map(|(key, value)| ("--set".to_owned(), key, value))
                    .collect(),
                ..Sources::default()
            };
            let (settings, _) =
                settings::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
            let agent = settings.agent;
            assert_eq!(
                agent.pools[0].rules.cooldown,
                Duration::from_secs(7),
                "{key}"
            );
            assert_eq!(
                agent.pools[0].discovery.confirm_after,
                Duration::from_millis(100)
            );
            assert_eq!(agent.pools[0].drain.timeout, Duration::from_secs(30));
            let listen = SocketAddr::from((options.ip, ALERTS_PORT));
            assert_eq!(agent.alerts.listen, listen);
            let endpoint = agent.client.endpoint.to_string();
            assert_eq!(endpoint, "http://127.0.0.1:1/v2");
        }
    }
}
