//! `autoscaler local-instance`.

use std::process::ExitCode;

use crate::{
    local_instance::{self, Options},
    settings::LogFormat,
    telemetry,
};

pub(super) fn run(options: Options) -> ExitCode {
    telemetry::start(LogFormat::Text);
    match local_instance::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::failure(&error.into()),
    }
}
