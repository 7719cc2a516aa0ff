//! Serves one load balancer service over the targets given, on one thread: to try it out, and to
//! measure it (`scripts/bench-nlb.sh`).

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use clap::Parser;
use local_cloud::nlb::{HealthCheckConfig, HealthCheckMode, Service, ServiceConfig, Strategy};
use tokio::sync::watch;

/// Balances TCP connections over targets, as one service of Exoscale's Network Load Balancer does.
///
/// Try it: `cargo run --example nlb -- --listen 127.0.0.1:8000 127.0.0.1:8080 127.0.0.2:8080`
#[derive(Debug, Parser)]
struct Arguments {
    /// Where clients connect.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// `round-robin`, `source-hash` or `maglev-hash`.
    #[arg(long, default_value = "round-robin", value_parser = parse_strategy)]
    strategy: Strategy,
    /// Check targets with GET on this path instead of by connecting.
    #[arg(long)]
    check_uri: Option<String>,
    /// Seconds between checks.
    #[arg(long, default_value_t = 5)]
    check_interval: u64,
    /// The servers to balance over; the first one's port is the port checked on all.
    #[arg(required = true)]
    targets: Vec<SocketAddr>,
}

fn parse_strategy(name: &str) -> Result<Strategy, String> {
    match name {
        "round-robin" => Ok(Strategy::RoundRobin),
        "source-hash" => Ok(Strategy::SourceHash),
        "maglev-hash" => Ok(Strategy::MaglevHash),
        _ => Err("choose round-robin, source-hash or maglev-hash".to_owned()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let interval = Duration::from_secs(arguments.check_interval);
    let health = HealthCheckConfig {
        mode: arguments
            .check_uri
            .map_or(HealthCheckMode::Tcp, |uri| HealthCheckMode::Http { uri }),
        port: arguments
            .targets
            .first()
            .context("at least one target is required")?
            .port(),
        interval,
        timeout: interval.min(Duration::from_secs(2)),
        retries: 2,
    };
    let (_targets, members) = watch::channel(arguments.targets);
    let service = Service::start(
        ServiceConfig::new(arguments.listen, arguments.strategy, health),
        members,
    )
    .await?;
    println!("listening on {}; Ctrl-C stops", service.local_addr());
    let mut statuses = service.watch_statuses();
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => break interrupted?,
            changed = statuses.changed() => changed?,
        }
        for (target, health) in statuses.borrow_and_update().iter() {
            println!("{target} {health:?}");
        }
    }
    println!("{:?}", service.stats());
    service.stop().await;
    Ok(())
}
