//! The deliberately slow web application that an instance pool runs: each request costs a set CPU
//! time.
//!
//! It knows nothing of pools, clouds or scaling; it only does its work, says how much it did, and
//! drains on request.

mod activity;
mod clock;
mod config;
mod drain;
mod error;
mod lifecycle;
mod metrics;
mod node_metrics;
mod options;
mod pool;
mod routes;
mod server;
mod virtual_cpu;

use options::{DrainToken, InstanceId};

pub use config::check;
pub use error::Error;
pub use lifecycle::run;
pub use options::{CpuQuota, Options};
