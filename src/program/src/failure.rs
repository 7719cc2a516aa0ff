//! How a program ends that failed: one error on standard error, and an exit code.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::error_chain::with_causes;

/// The code of a wrong command line or setting; clap uses it, too.
const MISTAKE: u8 = 2;

/// Prints the error with its causes, and gives the exit code: 2 for a wrong command line or
/// setting, otherwise 1.
pub fn report(error: &(dyn Error + 'static), is_mistake: bool) -> ExitCode {
    // With nobody to hear it there is still the exit code.
    let _ = writeln!(io::stderr(), "error: {}", with_causes(error));
    if is_mistake {
        ExitCode::from(MISTAKE)
    } else {
        ExitCode::FAILURE
    }
}
