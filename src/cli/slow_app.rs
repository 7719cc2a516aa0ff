//! `autoscaler slow-app`: the same as the `slow-app` program.

use crate::{
    settings::LogFormat,
    slow_app::{self, Options},
    telemetry,
};

pub(super) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    Ok(slow_app::run(options)?)
}
