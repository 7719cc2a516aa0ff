//! The agent: actors that take alerts in, decide, act, and keep the service discovery file true.
//!
//! One file an actor. Actors know each other only as `Recipient<Message>`. Alerts come in at
//! [`webhook_receiver`], decisions are made by [`policy`] inside `scaler`, changes go out at
//! `cloud`, which has the `target`. What the outside may see of it all is the `read_model`.

mod alert_log;
mod clock;
mod cloud;
mod config;
mod control;
pub mod dashboard;
mod decision_file;
mod decision_log;
mod discovery;
mod drain;
mod file_sd;
#[cfg(test)]
mod guarantees;
mod health;
mod history;
mod journal;
mod lease_fence;
mod lease_keeper;
mod lease_store;
mod member_address;
mod messages;
mod metrics;
mod pool_actors;
mod pool_query;
mod read_model;
mod rivalry;
mod scaler;
pub mod settings;
mod signal_inbox;
mod site;
mod start;
mod target;
mod throttled_log;
mod timetable;
mod tls;
mod view;
mod watchdog;
pub mod webhook_receiver;

pub use config::{
    AddressKind, Config, Discovery, Drain, DrainMode, PageUrl, PoolConfig, PoolName, TlsFiles,
    Token,
};
pub use control::ControlSettings;
pub use decision_file::{DecisionLine, Kept, decision_lines};
pub use journal::{FolderError, JournalError};
pub use lease_store::LeaseSettings;
pub use member_address::{Reach, Unfit};
pub use start::{Agent, StartError};
pub use tls::{TlsError, check_certificate};
