//! Settings of a local cloud.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use exoscale::{
    config::DEFAULT_ZONE,
    secret::{ApiKey, ApiSecret},
};

use super::{
    addresses::AddressRange,
    catalog::{self, ZONES},
    error::Error,
    forwarding::Forwarding,
    runner::{InstanceCommand, InstanceRunner, NoProcess, ProcessRunner},
    traffic::{NoTraffic, TrafficForwarder},
};

/// The longest time that can be set. Divided by the lowest speed it still is a time.
const LONGEST: Duration = Duration::from_secs(3600);

/// How much faster than Exoscale it may be.
const SPEEDS: RangeInclusive<f64> = 0.01..=10_000.0;

/// Reads a speed from a command line.
pub fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| "give a number between 0.01 and 10000".to_owned())
}

/// How a local cloud is set up. All times are for speed 1.
#[derive(Clone, Debug)]
pub struct LocalCloudConfig {
    /// Where the API is served: a loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where SOS is served: a loopback address; port 0 takes a free one.
    pub sos_listen: SocketAddr,
    /// Where it stands in for `https://api-<zone>.exoscale.com` as a proxy; a loopback address.
    pub intercept: Option<SocketAddr>,
    /// The zone that its instances, pools, load balancers and templates are in, one of [`ZONES`].
    pub zone: String,
    /// Divides operation, boot and health check times: 10 makes a boot of 30 s take 3 s.
    pub speed: f64,
    /// How long an operation stays pending, and a pool in `scaling-up` and the like.
    pub operation_time: Duration,
    /// From an instance's creation until it runs and has its public address.
    pub boot_time: Duration,
    /// From SIGTERM to SIGKILL when an instance is stopped, longer than the 20 s that the slow
    /// application takes at most. Not divided by `speed`: what the instance has to finish does not
    /// go faster either. When the whole cloud stops, it is 3 s at most.
    pub stop_grace: Duration,
    /// False when more is made before others may use it: until then it gives out no environment.
    pub is_ready: bool,
    /// Instances allowed, over all pools.
    pub instance_quota: u32,
    /// What instances are made of.
    pub runner: Arc<dyn InstanceRunner>,
    /// What forwards a load balancer's traffic.
    pub forwarder: Arc<dyn TrafficForwarder>,
    /// The API key of the account's owner; random when absent.
    pub key: Option<ApiKey>,
    /// Its secret; random when absent.
    pub secret: Option<ApiSecret>,
}

impl LocalCloudConfig {
    /// A cloud whose instances are only answers: no processes and no traffic, health checks taken
    /// as passed by each member that runs.
    pub fn without_processes() -> Self {
        Self::with(Arc::new(NoProcess), Arc::new(NoTraffic))
    }

    /// A cloud whose instances run `command`, behind load balancers that forward.
    pub fn with_processes(command: InstanceCommand) -> Self {
        Self::with(Arc::new(ProcessRunner::new(command)), Arc::new(Forwarding))
    }

    /// The defaults, with instances from `runner` and traffic through `forwarder`.
    pub fn with(runner: Arc<dyn InstanceRunner>, forwarder: Arc<dyn TrafficForwarder>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            sos_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            intercept: None,
            zone: DEFAULT_ZONE.to_owned(),
            speed: 1.0,
            operation_time: Duration::from_secs(3),
            boot_time: Duration::from_secs(30),
            stop_grace: Duration::from_secs(25),
            is_ready: true,
            instance_quota: 20,
            runner,
            forwarder,
            key: None,
            secret: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let proxy = self.intercept.map(|address| ("proxy-listen", address));
        let own = [("listen", self.listen), ("sos-listen", self.sos_listen)];
        for (setting, address) in own.into_iter().chain(proxy) {
            if !address.ip().is_loopback() {
                let ip = address.ip();
                let problem = format!("{ip} is not a loopback address such as 127.0.0.1");
                return Err(Error::Config { setting, problem });
            }
        }
        if catalog::zone(&self.zone).is_none() {
            return Err(Error::Config {
                setting: "zone",
                problem: format!("{} is not one of {}", self.zone, ZONES.join(", ")),
            });
        }
        if !SPEEDS.contains(&self.speed) {
            return Err(Error::Config {
                setting: "speed",
                problem: format!("{} is not between 0.01 and 10000", self.speed),
            });
        }
        for (setting, time) in [
            ("operation time", self.operation_time),
            ("boot time", self.boot_time),
            ("stop grace", self.stop_grace),
        ] {
            if time > LONGEST {
                return Err(Error::Config {
                    setting,
                    problem: format!("{} s is more than an hour", time.as_secs()),
                });
            }
        }
        if self.instance_quota > AddressRange::CAPACITY {
            return Err(Error::Config {
                setting: "instance quota",
                problem: format!(
                    "{} is more than the {} addresses of a local cloud",
                    self.instance_quota,
                    AddressRange::CAPACITY
                ),
            });
        }
        Ok(())
    }
}
