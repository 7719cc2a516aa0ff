//! `autoscaler local-cloud`: the command line, and the local cloud as a program of its own.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use clap::{Args, Subcommand};
use exoscale::{config::DEFAULT_ZONE, ids::LoadBalancerId};
use program::signals::StopSignals;
use slow_app::CpuQuota;

use super::{
    Forwarding, LocalCloud, LocalCloudConfig,
    environment::{environment, running_environment},
    error::Error,
    runner::{InstanceCommand, ProcessRunner},
};

/// Serve Exoscale's API on this machine, with processes as instances.
///
/// No account, no root and no bill: instance pools, instances, load balancers and operations as on
/// Exoscale, each instance a process on an address of its own in 127.0.0.0/8. Nothing is kept when
/// it stops.
///
/// In one terminal:   autoscaler local-cloud --with-pool 2
/// In another one:    eval "$(autoscaler local-cloud env)"
///                    exo compute instance-pool list
///
/// Terraform works too, with the published provider and the configuration that Exoscale gets:
///                    terraform -chdir=terraform init      (in a shell without these variables)
///                    terraform -chdir=terraform apply
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

    /// Where it stands in for Exoscale's own API hosts, for programs that use it as their
    /// proxy, such as Terraform's provider. A loopback address; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7291",
        env = "LOCAL_CLOUD_PROXY_LISTEN"
    )]
    proxy_listen: SocketAddr,

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
    /// user-data at $`INSTANCE_METADATA_URL/latest/user-data`, where this program's own reads it.
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
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Print what a shell needs to use the local cloud that runs: eval "$(autoscaler local-cloud
    /// env)"
    Env,
}

impl Options {
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
            let member = match &self.instance_program {
                Some(program) => member(program.clone(), None),
                None => member(own.clone(), Some("slow-app")).after_boot(own.clone()),
            };
            let monitoring = InstanceCommand::monitoring(own, self.speed);
            let runner = ProcessRunner::new(member)
                .with_variables(slow_app_variables())
                .with_image("monitoring", monitoring);
            LocalCloudConfig::with(Arc::new(runner), Arc::new(Forwarding))
        };
        Ok(LocalCloudConfig {
            listen: self.listen,
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
    if let Some(Command::Env) = options.command {
        return print(&running_environment(options.listen).await?).map_err(Error::Print);
    }
    // Before anything is started, so that no signal is missed.
    let mut signals = StopSignals::listen().map_err(Error::Signal)?;
    let cloud = LocalCloud::start(options.config()?).await?;
    let begin = async {
        let stack = match options.with_pool {
            Some(size) => Some(cloud.create_stack(size).await?),
            None => None,
        };
        let mut text =
            "# The local cloud serves; Ctrl-C stops it and all its instances.\n".to_owned();
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
                "listen", "proxy-listen", "zone", "speed", "cpu-quota", "instance-quota", "with-pool",
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
