//! `autoscaler local-instance`.

use crate::{
    local_instance::{self, Options},
    settings::LogFormat,
    telemetry,
};

pub(super) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    Ok(local_instance::run(options)?)
}
