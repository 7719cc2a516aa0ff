//! What each subcommand does: a file for each.

pub(crate) mod agent;
pub(crate) mod check_config;
pub(crate) mod config_args;
pub(crate) mod ctl;
#[cfg(feature = "laboratory")]
mod demo;
pub(crate) mod doctor;
pub(crate) mod http;
pub(crate) mod init;
pub(crate) mod instance_data;
#[cfg(feature = "laboratory")]
pub(crate) mod laboratory;
#[cfg(feature = "laboratory")]
mod local_cloud;
#[cfg(feature = "laboratory")]
mod local_instance;
pub(crate) mod pool_choice;
pub(crate) mod prometheus_api;
pub(crate) mod report;
#[cfg(feature = "laboratory")]
mod simulate;
#[cfg(feature = "laboratory")]
mod slow_app;
pub(crate) mod template;
