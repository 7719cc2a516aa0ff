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

/// Without a filter of the user's, HTTP errors of strangers stay out: each broken request would be a line.
fn filter() -> EnvFilter {
    let chosen = std::env::var("AUTOSCALER_LOG").unwrap_or_default();
    let filter = if chosen.trim().is_empty() {
        "info,actix_http=off"
    } else {
        &chosen
    };
    EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .parse_lossy(filter)
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
