//! Load balancers, their services, and the health of the servers behind them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::super::{
    ids::{LoadBalancerId, ServiceId},
    lenient,
};
use super::PoolRef;

state!(
    /// The verdict of a load balancer's health check on one server.
    HealthStatus {
        /// Answers as it should; receives traffic.
        Success,
        /// Does not; receives none.
        Failure,
    }
);

/// Answer of `GET /load-balancer/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LoadBalancer {
    pub id: LoadBalancerId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub ip: Option<Ipv4Addr>,
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub services: Vec<LoadBalancerService>,
}

/// One forwarded port of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LoadBalancerService {
    pub id: ServiceId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub port: u16,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub target_port: u16,
    /// The pool whose members it forwards to.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub instance_pool: Option<PoolRef>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub healthcheck: Option<HealthCheck>,
    /// The health check's verdict per server.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub healthcheck_status: Vec<ServerStatus>,
}

/// The health check's verdict on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ServerStatus {
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub public_ip: Option<Ipv4Addr>,
    /// Absent before the first check has ended. Only [`HealthStatus::Success`] is healthy.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "HealthStatus::is_unsaid"
    )]
    pub status: HealthStatus,
}

/// How a load balancer asks its servers whether they are well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HealthCheck {
    /// `tcp`, `http` or `https`.
    pub mode: String,
    /// The servers' port to ask.
    pub port: u16,
    /// The path to ask for; `http` and `https` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Seconds between two checks, 5 to 300.
    pub interval: u32,
    /// Seconds to wait for an answer, 2 to 60.
    pub timeout: u32,
    /// Failures in a row that make a server unhealthy, 1 to 20.
    pub retries: u32,
    /// The domain to ask for in the handshake; `https` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_sni: Option<String>,
}
