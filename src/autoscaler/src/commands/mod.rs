//! What each subcommand does: a file for each.

pub(crate) mod agent;
pub(crate) mod check_config;
pub(crate) mod config_args;
pub(crate) mod ctl;
pub(crate) mod demo;
pub(crate) mod instance_data;
pub(crate) mod local_cloud;
pub(crate) mod local_instance;
pub(crate) mod simulate;
pub(crate) mod slow_app;
pub(crate) mod template;
