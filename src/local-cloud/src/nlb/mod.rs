//! One service of a Network Load Balancer: it balances TCP or UDP (layer 4) with Exoscale's
//! strategies and health checks.
//!
//! It forwards between real sockets and knows nothing of the API, of pools or of instances: the
//! members come in through a [`tokio::sync::watch`] channel. It never looks into what it forwards.
//!
//! The behaviour follows <https://community.exoscale.com/product/networking/nlb/overview>, the
//! health checks <https://community.exoscale.com/product/networking/nlb/how-to/config-healthcheck>.
//! What differs: Exoscale's balancer passes packets on, so that members see the client's address;
//! this one ends the connection and opens another, so that members see the balancer's.

mod config;
mod connection;
mod datagrams;
mod error;
mod flows;
mod health;
mod listener;
mod maglev;
mod member;
mod probe;
mod relay;
mod selection;
mod service;
mod stats;
mod tls;

pub use config::{HealthCheckConfig, HealthCheckMode, Limits, Protocol, ServiceConfig, Strategy};
pub use error::NlbError;
pub use member::Health;
pub use service::{Service, ServiceHandle};
pub use stats::Stats;

pub(crate) use tls::is_domain;
