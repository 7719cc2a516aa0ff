//! The Exoscale API v2: request signature, models and client.
//!
//! The models serve both sides: the client reads with them, the local cloud answers with them.
//! So does the signature: the client signs, the local cloud verifies.
//! Authority for every path, field and bound: <https://openapi-v2.exoscale.com>.

#![warn(missing_docs)]

mod budget;
pub mod calls;
pub mod catalog;
mod client;
pub mod config;
mod error;
pub mod ids;
mod lenient;
mod line;
pub mod models;
mod pause;
pub mod plain_http;
pub mod private_networks;
pub mod probe;
mod retry;
mod rights;
pub mod secret;
pub mod signature;
pub mod templates;
mod transport;
mod wait;
mod wording;

pub use client::Client;
pub use config::ClientConfig;
pub use error::{ClientError, ErrorKind};
pub use retry::Backoff;
