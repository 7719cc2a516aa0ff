//! The arguments.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
    time::{Duration, SystemTime},
};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use loadtest::{Profile, Slice, Threshold};

use super::{
    connection_args::ConnectionArgs,
    fleet::FleetArgs,
    help::{BACKEND_HEADER_HELP, EXAMPLES, PROFILE_HELP, THRESHOLD_HELP},
    merge::MergeArgs,
    outputs::Outputs,
    push::PushArgs,
    remote_write::RemoteWriteArgs,
    request_args::{CheckArgs, RequestArgs},
};

/// Sends HTTP requests at the times that you ask for, and says honestly how long users would have
/// waited.
///
/// Open loop: requests start when they are due, whatever the responses do, and latency counts from
/// that moment. A server that stalls is seen as its users see it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add up the logs of several runs (written with --hlog) into one report
    Merge(MergeArgs),
    /// Prepare one load of many machines: a start, and for each slice of it presigned URLs
    Fleet(FleetArgs),
    /// Compare runs with the first: two in detail, more in a table with what may be noise
    Compare {
        /// Reports (.json), logs (.hlog), histories of --save-summary, or folders of them
        #[arg(required = true)]
        runs: Vec<PathBuf>,
    },
    /// Print a completion script, for a shell to source
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages (loadtest.1 and those of the subcommands) to a folder
    Man {
        /// The folder, which is made if it does not exist
        dir: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ArrivalsArg {
    /// Evenly along the profile
    Even,
    /// At random, as independent users arrive
    Poisson,
}

#[derive(Debug, ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct RunArgs {
    /// Requests per second
    #[arg(short, long, help_heading = "Load", conflicts_with_all = ["profile", "profile_file"])]
    pub(crate) rate: Option<String>,
    /// How long to start requests, such as 30s or 2m
    #[arg(short, long, value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub(crate) duration: Option<Duration>,
    /// Stop after this many requests in all, over all threads and slices
    ///
    /// With --rate or --closed it takes the place of --duration, or ends the run before. Requests
    /// of the warm-up count, and those that are skipped.
    #[arg(short = 'n', long, value_name = "COUNT", help_heading = "Load")]
    pub(crate) requests: Option<u64>,
    /// The rate over time, such as '10s@50, 60s:50..400, 30s@400' (see --help)
    #[arg(short, long, value_parser = column::<Profile>, help_heading = "Load", long_help = PROFILE_HELP)]
    pub(crate) profile: Option<Profile>,
    /// Read the profile from a .toml file (stages = ["10s@50", …]) or a .csv trace of seconds,rate
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Load",
        conflicts_with = "profile"
    )]
    pub(crate) profile_file: Option<PathBuf>,
    /// Closed loop: every connection sends as soon as it has its response, for --duration or until
    /// --requests
    ///
    /// This finds the highest throughput. It cannot see what users wait for: while the server
    /// stalls, a closed loop stops asking, so that the stall counts once per connection instead of
    /// once per user.
    #[arg(long, help_heading = "Load", conflicts_with_all = ["rate", "profile", "profile_file", "arrivals", "seed", "skip_after"])]
    pub(crate) closed: bool,
    /// Spacing of requests
    #[arg(long, value_enum, default_value = "even", help_heading = "Load")]
    pub(crate) arrivals: ArrivalsArg,
    /// Seed of poisson arrivals
    #[arg(long, default_value_t = 1, help_heading = "Load")]
    pub(crate) seed: u64,
    /// Skip requests that are overdue by more than this, instead of sending them in a burst after a
    /// stall
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub(crate) skip_after: Option<Duration>,
    /// Send requests for this long before counting any
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s", help_heading = "Load")]
    pub(crate) warm_up: Duration,

    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Request timeout, from when the request is taken up
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s", help_heading = "Request")]
    pub(crate) timeout: Duration,
    /// Response header that names the backend; by default the first response decides that has
    /// x-instance, x-served-by or another common one (see --help)
    #[arg(long, value_name = "NAME", help_heading = "Request", long_help = BACKEND_HEADER_HELP)]
    pub(crate) backend_header: Option<String>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) checks: CheckArgs,

    /// Threads; by default one per core, at most 4
    #[arg(short, long, help_heading = "Running")]
    pub(crate) threads: Option<usize>,
    /// Carry only this part of the load and of --connections, such as 2/5 for the second of five
    /// machines; together they are exactly the whole
    #[arg(long, value_name = "N/COUNT", value_parser = column::<Slice>, default_value_t, help_heading = "Running")]
    pub(crate) slice: Slice,
    /// Wait for this moment to start, such as 2030-01-31T12:00:00Z or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Running")]
    pub(crate) start_at: Option<SystemTime>,
    /// Start even if the target cannot be reached
    #[arg(long, help_heading = "Running")]
    pub(crate) no_probe: bool,
    /// How long overdue requests are still sent after the end; the rest counts as not sent
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s", help_heading = "Running")]
    pub(crate) drain: Duration,
    /// Send requests due within this of one another together, when the last is due: more takes
    /// less CPU, 0s is the most exact; at most 1ms
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "100us", help_heading = "Running")]
    pub(crate) slack: Duration,
    /// A request sent more than this after its intended start counts as late
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10ms", help_heading = "Running")]
    pub(crate) late_after: Duration,
    /// How often numbers are shown and logged
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Running")]
    pub(crate) tick: Duration,

    /// Exit code 1 when this holds, such as 'p99>500ms' or 'errors>0.1%'; may be repeated
    #[arg(long, value_name = "CONDITION", value_parser = column::<Threshold>, help_heading = "Reports", long_help = THRESHOLD_HELP)]
    pub(crate) fail_if: Vec<Threshold>,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
    #[command(flatten)]
    pub(crate) remote_write: RemoteWriteArgs,
    /// Log every tick's histograms to this file (HdrHistogram's interval log), for merging
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) hlog: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) push: PushArgs,
    /// Serve live metrics for Prometheus at this address, such as 127.0.0.1:9191 (a port alone
    /// means loopback)
    #[arg(long, value_name = "ADDRESS", value_parser = address, help_heading = "Reports")]
    pub(crate) prometheus: Option<SocketAddr>,
    /// Print lines instead of the live screen, also on a terminal (TERM=dumb does the same)
    #[arg(long, help_heading = "Reports")]
    pub(crate) plain: bool,
    /// Show nothing while it runs
    #[arg(short, long, help_heading = "Reports", conflicts_with = "plain")]
    pub(crate) quiet: bool,
}

/// Parses what points at its column when it fails.
pub(super) fn column<T: FromStr<Err = loadtest::ColumnError>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: loadtest::ColumnError| error.to_string())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    loadtest::parse_duration(text).map_err(|error| error.to_string())
}

pub(super) fn moment(text: &str) -> Result<SystemTime, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()));
    }
    let time = text.parse::<jiff::Timestamp>().ok();
    let millis = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    let after = Duration::from_millis(millis.ok_or(
        "expected a time with its zone, such as 2030-01-31T12:00:00Z, or seconds since 1970",
    )?);
    Ok(SystemTime::UNIX_EPOCH + after)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("127.0.0.1:{text}")
    } else {
        text.to_owned()
    };
    full.parse()
        .map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:9191, or a port".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use loadtest::{Plan, Profile, Threshold};

    use super::{Args, address, moment};
    use crate::cli::help::{BACKEND_HEADER_HELP, PROFILE_HELP, THRESHOLD_HELP};

    #[test]
    fn the_arguments_are_consistent_and_documented() {
        Args::command().debug_assert();
        assert!(
            PROFILE_HELP.ends_with(&Profile::SYNTAX[Profile::SYNTAX.find('\n').expect("lines")..])
        );
        for header in Plan::BACKEND_HEADERS {
            assert!(BACKEND_HEADER_HELP.contains(header), "{header}");
        }
        for metric in ["p99.9", "service.p99", "errors", "delivered", "rate"] {
            assert!(
                Threshold::SYNTAX.contains(metric) && THRESHOLD_HELP.contains(metric),
                "{metric}"
            );
        }
    }

    #[test]
    fn a_moment_is_a_time_with_its_zone_or_seconds() {
        let start = moment("2030-01-31T12:00:00Z").expect("valid");
        assert_eq!(moment("2030-01-31T14:00:00+02:00"), Ok(start));
        assert_eq!(moment("1896091200"), Ok(start));
        assert!(moment("2030-01-31T12:00:00").is_err() && moment("-1").is_err());
    }

    #[test]
    fn a_port_alone_listens_on_loopback() {
        assert_eq!(
            address("9191").expect("valid").to_string(),
            "127.0.0.1:9191"
        );
        assert!(address("localhost").is_err());
    }
}
