//! `autoscaler local-cloud`.

use local_cloud::Options;
use program::telemetry::{self, LogFormat};

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    Ok(actix_rt::System::new().block_on(local_cloud::serve(options))?)
}
