//! `autoscaler slow-app`, which is the same as the `slow-app` program.

use program::telemetry;
use slow_app::Options;

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start_slow_app();
    Ok(slow_app::run(options)?)
}
