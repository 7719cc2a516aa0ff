//! One service of a Network Load Selection: a TCP (layer 4) balancer with Exoscale's strategies and
//! health checks.
//!
//! It forwards connections between real sockets and knows nothing of the API, of pools or of
//! instances: the members come in through a [`tokio::sync::watch`] channel. It never looks into
//! what it forwards.
//!
//! The behaviour follows <https://community.exoscale.com/product/networking/nlb/overview>, the
//! health checks <https://community.exoscale.com/product/networking/nlb/how-to/config-healthcheck>.
//! What differs: Exoscale's balancer passes packets on, so that members see the client's address;
//! this one ends the connection and opens another, so that members see the balancer's.

mod config;
mod connection;
mod error;
mod health;
mod listener;
mod maglev;
mod member;
mod probe;
mod relay;
mod selection;
mod service;
mod stats;

pub use config::{HealthCheckConfig, HealthCheckMode, Limits, ServiceConfig, Strategy};
pub use error::NlbError;
pub use member::Health;
pub use service::{Service, ServiceHandle};
pub use stats::Stats;
