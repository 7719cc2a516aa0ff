//! Logging, and what a panic does.

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::Path,
    sync::Mutex,
};

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Sends the log to standard error. `AUTOSCALER_LOG` filters it, in the form of
/// <https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>.
pub fn start(format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Sends the log to a new file, for programs that need the terminal themselves.
pub fn start_in_file(path: &Path) -> io::Result<()> {
    let file = fs::File::create(path)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_target(false);
    log.with_ansi(false).with_writer(Mutex::new(file)).init();
    Ok(())
}

fn filter() -> EnvFilter {
    EnvFilter::builder()
        .with_env_var("AUTOSCALER_LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy()
}

/// Makes a panic on any thread end the process with code 101 (guarantee G15): an actor that panics
/// would otherwise be gone while everything around it goes on. Service managers start it again.
pub fn exit_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(101);
    }));
}
