//! Chooses the size of an Exoscale instance pool, and everything needed to show that it does.
//!
//! The modules are rooms; imports go down this list only (see `ARCHITECTURE.md`):
//! [`policy`], [`exoscale`], [`agent`], [`dashboard`], [`slow_app`], [`local_cloud`], [`demo`],
//! [`local_instance`]. [`settings`] and [`instance_data`] lie beside them, as do small helpers.

pub mod agent;
pub mod cli;
pub mod dashboard;
pub mod demo;
mod error_chain;
pub mod exoscale;
mod file_limit;
#[doc(hidden)]
pub mod fuzz_entry;
pub mod instance_data;
mod listen;
pub mod local_cloud;
pub mod local_instance;
mod plain_http;
mod scratch_folder;
pub mod settings;
mod signals;
pub mod slow_app;
pub mod telemetry;
mod time_text;
mod whole_file;

pub use ::policy;
