//! `autoscaler local-instance`.

use local_instance::Options;
use program::telemetry::{self, LogFormat};

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    Ok(local_instance::run(options)?)
}
