//! The agent: actors that take alerts in, decide, act, and keep the service discovery file true.
//!
//! One file an actor. Actors know each other only as `Recipient<Message>`. Signals come in at
//! [`alert_intake`], decisions are made by [`policy`] inside [`scaler`], effects go out at
//! [`cloud`]. What the outside may see of it all is the [`read_model`].

pub mod alert_intake;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod dashboard;
pub mod discovery;
pub mod drain;
pub mod file_sd;
pub mod health;
pub mod journal;
pub mod messages;
pub mod metrics;
pub mod read_model;
pub mod scaler;
pub mod settings;
pub mod signal_inbox;
pub mod start;
pub mod throttled_log;
pub mod view;
pub mod watchdog;
mod write;

pub use config::Config;
pub use start::{Agent, StartError};
