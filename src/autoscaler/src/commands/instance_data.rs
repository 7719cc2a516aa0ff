//! `autoscaler instance-data`.

use instance_data::{Document, Options};
use program::telemetry::{self, LogFormat};

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    let installed = actix_rt::System::new().block_on(instance_data::install(options))?;
    if installed.changed.is_empty() {
        tracing::debug!("The instance data are as they were.");
        return Ok(());
    }
    let document = installed.document;
    tracing::info!(role = %document.role(), folder = %options.output.display(), "Instance data is in place.");
    if let Document::Monitoring(data) = &document {
        match data.operator_is_told_by().as_slice() {
            [] => tracing::warn!(
                "Nobody is told of the operator's alerts; they show in Grafana only. Set `operator` in the instance data."
            ),
            ways => tracing::info!(by = ways.join(", "), "The operator is told of alerts."),
        }
    }
    Ok(())
}
