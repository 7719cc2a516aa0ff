//! `autoscaler demo`.

use std::process::ExitCode;

use crate::demo::{self, Options};

pub(super) fn run(options: Options) -> ExitCode {
    if let Err(error) = options.start_log() {
        return super::failure(&error);
    }
    let ended = actix_rt::System::new().block_on(demo::run(options));
    ended.unwrap_or_else(|error| super::failure(&error))
}
