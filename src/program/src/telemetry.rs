//! Logging, and what a panic does.

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    path::Path,
    str::FromStr,
    sync::Mutex,
};

use tracing_subscriber::EnvFilter;

/// The variable that filters the log, in the form of
/// <https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html>.
const FILTER: &str = "AUTOSCALER_LOG";
/// The variable for the slow application, which is a program of its own, too.
const SLOW_APP_FILTER: &str = "RUST_LOG";

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}

/// Sends the log to standard error. `AUTOSCALER_LOG` filters it.
pub fn start(format: LogFormat) {
    start_with(filter(FILTER), format);
}

/// Sends the slow application's log to standard error. `RUST_LOG` filters it, or else
/// `AUTOSCALER_LOG`.
pub fn start_slow_app() {
    let variables = [SLOW_APP_FILTER, FILTER];
    let set = variables
        .into_iter()
        .find(|name| env::var_os(name).is_some());
    let filter = set.map_or_else(
        || EnvFilter::new("info,actix_server=warn,actix_http=off"),
        filter,
    );
    start_with(filter, LogFormat::Text);
}

fn start_with(filter: EnvFilter, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // It would be said on standard error, too: a reader that is gone must not end the program.
        .log_internal_errors(false)
        .with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Sends the log to a new file, for programs that need the terminal themselves.
pub fn start_in_file(path: &Path) -> io::Result<()> {
    let file = fs::File::create(path)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(FILTER))
        .with_target(false);
    log.with_ansi(false).with_writer(Mutex::new(file)).init();
    Ok(())
}

/// Without a filter of the user's, HTTP errors of strangers stay out: each broken request would be
/// a line.
fn filter(variable: &str) -> EnvFilter {
    let chosen = env::var(variable).unwrap_or_default();
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
