//! `autoscaler demo`.

use std::process::ExitCode;

use demo::{DemoError, Ended, NOT_JUDGED, Options, STOPPED, complain};

/// The exit codes beside those of [`demo::Outcome`].
const WRONG_OPTIONS: u8 = 2;
const NOT_WRITTEN: u8 = 4;

pub(crate) fn run(options: Options) -> ExitCode {
    let started = options.start_log().map_err(DemoError::Options);
    let ended = started.and_then(|()| actix_rt::System::new().block_on(demo::run(options)));
    match ended {
        Ok(Some(Ended {
            is_written: false, ..
        })) => NOT_WRITTEN.into(),
        Ok(Some(ended)) => ended.outcome.exit_code(),
        Ok(None) => {
            complain("Stopped before the end; nothing is left running.");
            STOPPED.into()
        }
        Err(error) => {
            let code = match error {
                DemoError::Options(_) => WRONG_OPTIONS.into(),
                DemoError::TooBusy(_) => NOT_JUDGED.into(),
                DemoError::Other(_) => ExitCode::FAILURE,
            };
            complain(&format!("error: {:#}", anyhow::Error::from(error)));
            code
        }
    }
}
