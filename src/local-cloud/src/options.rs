//! `autoscaler local-cloud`: the command line, and the local cloud as a program of its own.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use clap::{Args, Subcommand};
use exoscale::{config::DEFAULT_ZONE, ids::LoadBalancerId};
use program::signals::StopSignals;
use slow_app::CpuQuota;

use super::{
    Forwarding, LocalCloud, LocalCloudConfig,
    environment::{environment, running_environment},
    error::Error,
    fault_command::{self, FaultCommand},
    runner::{InstanceCommand, ProcessRunner},
    seed::Seed,
};

/// Serve Exoscale's API on this machine, with processes as instances
///
/// No account, no root and no bill: instance pools, instances, load balancers and operations as on
/// Exoscale, each instance a process on an address of its own in 127.0.0.0/8. Nothing is kept when
/// it stops.
///
/// In one terminal:   autoscaler local-cloud --with-pool 2
/// In another one:    eval "$(autoscaler local-cloud env)"
///                    exo compute instance-pool list
///
/// A browser shows what it does, at the address of the API.
///
/// Terraform works too, with the published provider and the configuration that Exoscale gets:
///                    terraform -chdir=terraform init      (in a shell without these variables)
///                    terraform -chdir=terraform apply
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// Where the API is served: a loopback address, 127.0.0.1:7290 by default; port 0 takes a free
    /// one. `env` and `fault` look for it there, too, unless `EXOSCALE_API_ENDPOINT` names another.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "LOCAL_CLOUD_LISTEN"
    )]
    listen: Option<SocketAddr>,

    /// Where it stands in for Exoscale's own API hosts, for programs that use it as their
    /// proxy, such as Terraform's provider. A loopback address; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7291",
        env = "LOCAL_CLOUD_PROXY_LISTEN"
    )]
    proxy_listen: SocketAddr,

    /// Where SOS, the object storage, is served: a loopback address, 127.0.0.1:7292 by default;
    /// port 0 takes a free one, as does `--listen` with port 0.
    #[arg(long, value_name = "ADDRESS", env = "LOCAL_CLOUD_SOS_LISTEN")]
    sos_listen: Option<SocketAddr>,

    /// The zone in which its instances, pools, load balancers and templates are.
    #[arg(long, default_value = DEFAULT_ZONE, env = "EXOSCALE_ZONE")]
    zone: String,

    /// How much faster than Exoscale it is: divides the times of operations (3 s), boots (30 s) and
    /// health checks.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,

    /// The part of a core that an instance may use, from 0.001 to 1.
    #[arg(long, value_name = "FRACTION", default_value = "0.25")]
    cpu_quota: CpuQuota,

    /// How many instances the account may have.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    instance_quota: u32,

    /// The slow-app program to run as instances, instead of this program's own. It finds its
    /// user-data at `$INSTANCE_METADATA_URL/latest/user-data`, where this program's own reads it.
    #[arg(long, value_name = "PATH")]
    instance_program: Option<PathBuf>,

    /// A further argument for each instance; may be repeated. For a secret set a variable instead,
    /// such as `SLOW_APP_DRAIN_TOKEN`: those that begin with `SLOW_APP_` are passed on.
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

    /// Begin with the resources that a file lists, in TOML, or in JSON if its name ends in .json.
    #[arg(long, value_name = "FILE", long_help = SEED_HELP)]
    seed: Option<PathBuf>,
}

const SEED_HELP: &str = "\
Begin with the resources that a file lists, in TOML, or in JSON if its name ends in .json.

A kind is called as in the API's paths, and a field as in the API's bodies.
References are names, user-data is plain text, and what is usual may be left out:

  [[security-group]]
  name = \"web\"
  rules = [{ start-port = 8080, end-port = 8080, network = \"0.0.0.0/0\" }]

  [[instance-pool]]
  name = \"web\"
  size = 2
  security-groups = [\"web\"]

  [[load-balancer]]
  name = \"front\"
  services = [{ name = \"http\", instance-pool = \"web\", port = 80, target-port = 8080 }]";

/// Where it is unless it is told otherwise.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7290);

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Print what a shell needs to use the local cloud that runs: eval "$(autoscaler local-cloud
    /// env)"
    Env,
    /// Make calls of the local cloud that runs misbehave.
    #[command(subcommand)]
    Fault(FaultCommand),
}

impl Options {
    /// Where the local cloud is that runs already.
    fn running(&self) -> SocketAddr {
        let endpoint = || env::var("EXOSCALE_API_ENDPOINT").ok();
        let named = || loopback_of(&endpoint()?);
        self.listen.or_else(named).unwrap_or(USUAL)
    }

    /// Beside the API: two local clouds on free ports do not meet.
    fn usual_sos(&self) -> SocketAddr {
        let is_free = self.listen.is_some_and(|listen| listen.port() == 0);
        let port = if is_free { 0 } else { USUAL.port() + 2 };
        SocketAddr::new(USUAL.ip(), port)
    }

    fn config(&self) -> Result<LocalCloudConfig, Error> {
        if let Some(size) = self.with_pool.filter(|size| *size > self.instance_quota) {
            let quota = self.instance_quota;
            return Err(Error::Config {
                setting: "with-pool",
                problem: format!("{size} instances are more than --instance-quota allows, {quota}"),
            });
        }
        let base = if self.no_processes {
            LocalCloudConfig::without_processes()
        } else {
            let own = env::current_exe().map_err(Error::Program)?;
            let further = &self.instance_arguments;
            let member = |program, subcommand| {
                InstanceCommand::slow_app(program, subcommand, self.cpu_quota.fraction(), further)
            };
            let plain = match &self.instance_program {
                Some(program) => member(program.clone(), None),
                None => member(own.clone(), Some("slow-app")),
            };
            let image = match &self.instance_program {
                Some(_) => plain.clone(),
                None => plain.clone().after_boot(own.clone()),
            };
            let monitoring = InstanceCommand::monitoring(own, self.speed);
            let runner = ProcessRunner::new(image)
                .with_plain(plain)
                .with_variables(slow_app_variables())
                .with_image("monitoring", monitoring);
            LocalCloudConfig::with(Arc::new(runner), Arc::new(Forwarding))
        };
        Ok(LocalCloudConfig {
            listen: self.listen.unwrap_or(USUAL),
            is_ready: self.seed.is_none() && self.with_pool.is_none(),
            sos_listen: self.sos_listen.unwrap_or_else(|| self.usual_sos()),
            intercept: Some(self.proxy_listen),
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
    match &options.command {
        None => {}
        Some(Command::Env) => {
            let variables = running_environment(options.running()).await?;
            return print(&variables).map_err(Error::Print);
        }
        Some(Command::Fault(command)) => {
            let left = fault_command::run(command, options.running()).await?;
            return print(&left).map_err(Error::Print);
        }
    }
    let seed = options.seed.as_deref().map(Seed::read).transpose()?;
    // Before anything is started, so that no signal is missed.
    let mut signals = StopSignals::listen().map_err(Error::Signal)?;
    let cloud = LocalCloud::start(options.config()?).await?;
    let begin = async {
        let stack = match options.with_pool {
            Some(size) => Some(cloud.create_stack(size).await?),
            None => None,
        };
        if let Some(seed) = &seed {
            seed.make(&cloud.cloud).await?;
        }
        cloud.cloud.is_ready.store(true, Ordering::Relaxed);
        let mut text = format!(
            "# The local cloud serves; Ctrl-C stops it and all its instances.\n\
             # {}/ shows what it does.\n",
            cloud.cloud.origin
        );
        if let Some(stack) = stack {
            text += &announcement(&cloud, stack.balancer);
        }
        text += &environment(&cloud.cloud);
        // It serves on when nobody reads this.
        let _ = print(&text);
        std::future::pending::<Result<(), Error>>().await
    };
    let ended = tokio::select! {
        ended = begin => ended,
        () = signals.next() => Ok(()),
    };
    let _ = writeln!(io::stderr(), "stopping the local cloud");
    cloud.stop().await;
    ended
}

/// The address in the endpoint of a local cloud.
fn loopback_of(endpoint: &str) -> Option<SocketAddr> {
    let authority = endpoint.strip_prefix("http://")?.split('/').next()?;
    let address: SocketAddr = authority.parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Settings of the slow application that this process has in its environment.
fn slow_app_variables() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SLOW_APP_"))
}

fn announcement(cloud: &LocalCloud, balancer: LoadBalancerId) -> String {
    let status = cloud.status();
    let services = status
        .balancers
        .iter()
        .filter(|b| b.id == balancer)
        .flat_map(|b| &b.services);
    let lines = services
        .filter_map(|service| service.listen)
        .map(|listen| format!("# The load balancer serves on http://{listen}/\n"));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn no_value_of_any_flag_panics(
            flag in prop::sample::select(vec![
                "listen", "proxy-listen", "sos-listen", "zone", "speed", "cpu-quota", "instance-quota", "with-pool",
            ]),
            value in prop_oneof![
                any::<String>(),
                any::<i64>().prop_map(|number| number.to_string()),
                any::<f64>().prop_map(|number| number.to_string()),
                Just("1e-320".to_owned()),
            ],
        ) {
            let Ok(Program { options }) = Program::try_parse_from(["test".to_owned(), format!("--{flag}={value}")]) else {
                return Ok(());
            };
            if let Ok(config) = options.config()
                && config.check().is_ok()
            {
                let times = config.operation_time + config.boot_time + config.stop_grace;
                let _ = times.div_f64(config.speed);
            }
        }
    }

    #[test]
    fn a_running_local_cloud_is_found_by_the_endpoint_of_the_shell() {
        let found = |text| loopback_of(text).map(|address| address.to_string());
        let own = Some("127.0.0.1:7290".to_owned());
        assert_eq!(found("http://127.0.0.1:7290/v2"), own);
        assert_eq!(found("http://127.0.0.1:7290"), own);
        for elsewhere in [
            "https://api-ch-gva-2.exoscale.com/v2",
            "http://192.0.2.1:7290/v2",
            "http://localhost/v2",
            "",
        ] {
            assert_eq!(found(elsewhere), None, "{elsewhere}");
        }
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
        assert!(problem(&["--instance-quota", "20000"]).contains("instance quota: 20000"));
    }
}
