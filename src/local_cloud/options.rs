//! `autoscaler local-cloud`: the command line, and the local cloud as a program of its own.

use std::{env, fmt::Write as _, net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::{LocalCloud, LocalCloudConfig, cloud::Cloud, error::Error, runner::InstanceCommand};

/// Serve Exoscale's API on this machine, with processes as instances.
///
/// No account, no root and no bill: instance pools, instances, load balancers and operations as on
/// Exoscale, each instance a process on an address of its own in 127.0.0.0/8. Nothing is kept when
/// it stops.
///
/// In one terminal:   autoscaler local-cloud --with-pool 2
/// In another one:    eval "$(autoscaler local-cloud env)"
///                    exo compute instance-pool list
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// Where the API is served. A loopback address; port 0 takes a free one.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7290",
        env = "LOCAL_CLOUD_LISTEN"
    )]
    listen: SocketAddr,

    /// The zone it says it is.
    #[arg(long, default_value = "at-vie-1", env = "EXOSCALE_ZONE")]
    zone: String,

    /// How much faster than Exoscale it is: divides the times of operations (3 s), boots (30 s) and
    /// health checks.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,

    /// The part of a core that an instance may use, above 0 and up to 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.25, value_parser = fraction)]
    cpu_quota: f64,

    /// How many instances the account may have.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    instance_quota: u32,

    /// The slow-app program to run as instances, instead of this program's own.
    #[arg(long, value_name = "PATH")]
    instance_program: Option<PathBuf>,

    /// A further argument for each instance; may be repeated.
    #[arg(
        long = "instance-arg",
        value_name = "ARGUMENT",
        allow_hyphen_values = true
    )]
    instance_arguments: Vec<String>,

    /// Instances and load balancers exist in the API's answers only: for large pools.
    #[arg(long)]
    no_processes: bool,

    /// Begin with a pool of this size and a load balancer before it (port 80 to 8080).
    #[arg(long, value_name = "SIZE", value_parser = clap::value_parser!(u32).range(1..))]
    with_pool: Option<u32>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Print what a shell needs to use the local cloud that runs: eval "$(autoscaler local-cloud env)"
    Env,
}

fn fraction(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if number > 0.0 && number <= 1.0 {
        Ok(number)
    } else {
        Err("must be above 0 and at most 1".to_owned())
    }
}

impl Options {
    fn config(&self) -> Result<LocalCloudConfig, Error> {
        let base = if self.no_processes {
            LocalCloudConfig::without_processes()
        } else {
            let (program, subcommand) = match &self.instance_program {
                Some(program) => (program.clone(), None),
                None => (
                    env::current_exe().map_err(Error::Program)?,
                    Some("slow-app"),
                ),
            };
            let further = &self.instance_arguments;
            let command = InstanceCommand::slow_app(program, subcommand, self.cpu_quota, further);
            LocalCloudConfig::with_processes(command)
        };
        Ok(LocalCloudConfig {
            listen: self.listen,
            zone: self.zone.clone(),
            speed: self.speed,
            instance_quota: self.instance_quota,
            ..base
        })
    }
}

/// Runs the command: serves until Ctrl-C or SIGTERM, then stops everything it started.
///
/// # Errors
/// See [`Error`].
pub async fn serve(options: Options) -> Result<(), Error> {
    if let Some(Command::Env) = options.command {
        print!("{}", running_environment(options.listen).await?);
        return Ok(());
    }
    // Before anything is started, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    let cloud = LocalCloud::start(options.config()?).await?;
    let begin = async {
        let stack = match options.with_pool {
            Some(size) => Some(cloud.create_stack(size).await?),
            None => None,
        };
        println!("# The local cloud serves; Ctrl-C stops it and all its instances.");
        if let Some(stack) = stack {
            announce(&cloud, stack.balancer);
        }
        print!("{}", environment(&cloud.cloud));
        std::future::pending::<Result<(), Error>>().await
    };
    let ended = tokio::select! {
        ended = begin => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    eprintln!("stopping the local cloud");
    cloud.stop().await;
    ended
}

fn announce(cloud: &LocalCloud, balancer: crate::exoscale::ids::LoadBalancerId) {
    let status = cloud.status();
    let services = status
        .balancers
        .iter()
        .filter(|b| b.id == balancer)
        .flat_map(|b| &b.services);
    for listen in services.filter_map(|service| service.listen) {
        println!("# The load balancer serves on http://{listen}/");
    }
}

/// The variables for `exo`, Terraform and the agent, as a POSIX shell reads them.
pub(super) fn environment(cloud: &Cloud) -> String {
    let (key, secret) = (cloud.key.as_str(), cloud.secret.expose());
    let secret = String::from_utf8_lossy(secret);
    let endpoint = format!("{}/v2", cloud.origin);
    let mut variables = vec![
        ("EXOSCALE_API_ENDPOINT", endpoint.as_str()),
        ("EXOSCALE_API_KEY", key),
        ("EXOSCALE_API_SECRET", &secret),
        // The older names, which the agent reads too.
        ("EXOSCALE_KEY", key),
        ("EXOSCALE_SECRET", &secret),
        ("EXOSCALE_ZONE", &cloud.config.zone),
    ];
    let state = cloud.state();
    let mut pools = state.pools.keys();
    let pool = pools
        .next()
        .filter(|_| pools.next().is_none())
        .map(ToString::to_string);
    if let Some(pool) = &pool {
        variables.push(("EXOSCALE_INSTANCEPOOL_ID", pool));
    }
    variables
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            text
        })
}

async fn running_environment(address: SocketAddr) -> Result<String, Error> {
    let unreachable = |reason| Error::Unreachable { address, reason };
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let url = format!("http://{address}/_local/environment");
    let answer = client
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    answer
        .map_err(unreachable)?
        .text()
        .await
        .map_err(unreachable)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_command_line_is_consistent_and_its_defaults_are_valid() {
        use clap::CommandFactory as _;
        Program::command().debug_assert();
        let options = Program::try_parse_from(["test"]).unwrap().options;
        options.config().unwrap().check().unwrap();
        let options = Program::try_parse_from(["test", "env", "--listen", "127.0.0.1:1"]).unwrap();
        assert!(matches!(options.options.command, Some(Command::Env)));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let parse = |arguments: &[&str]| {
            let all = ["test"].iter().chain(arguments);
            Program::try_parse_from(all)
                .unwrap()
                .options
                .config()
                .unwrap()
                .check()
        };
        let problem = |arguments: &[&str]| parse(arguments).unwrap_err().to_string();
        assert!(problem(&["--zone", "mars-1"]).contains("zone: mars-1 is not one of ch-gva-2"));
        assert!(problem(&["--speed", "0"]).contains("speed: 0 is not between"));
        assert!(problem(&["--listen", "0.0.0.0:0"]).contains("not a loopback address"));
        assert!(problem(&["--instance-quota", "5000"]).contains("instance quota: 5000"));
    }
}
