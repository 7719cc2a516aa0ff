//! `autoscaler local-cloud`.

use crate::{
    local_cloud::{self, Options},
    settings::LogFormat,
    telemetry,
};

pub(super) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(LogFormat::Text);
    Ok(actix_rt::System::new().block_on(local_cloud::serve(options))?)
}
