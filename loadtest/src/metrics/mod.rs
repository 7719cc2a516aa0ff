//! Live numbers for Prometheus: what they are, and the two ways to it.

mod families;
mod remote_write;
mod serve;

pub use remote_write::{RemoteWrite, RemoteWriteError, Written};
pub use serve::serve_metrics;
