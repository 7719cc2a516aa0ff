//! `autoscaler instance-data`.

use crate::{
    instance_data::{self, Options},
    settings::LogFormat,
    telemetry,
};

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    let document = actix_rt::System::new().block_on(instance_data::install(options))?;
    tracing::info!(role = %document.role(), folder = %options.output.display(), "Instance data is in place.");
    Ok(())
}
