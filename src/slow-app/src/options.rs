//! The command line and environment of the slow application.

use std::{fmt, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use clap::{Args, builder::BoolishValueParser};
use program::time_text::{DAY, HOUR, time_within};

// The most of each is far beyond what is useful, and keeps sums of times and counts from overflow.

/// An hour of CPU time.
const WORK_MS: RangeInclusive<u64> = 0..=3_600_000;
const WORKERS: RangeInclusive<usize> = 1..=1_024;
const QUEUE: RangeInclusive<usize> = 0..=1_000_000;
/// A drain that ends sooner cannot be renewed in time.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Flags of the slow application; each has an environment variable of the same name with the prefix
/// `SLOW_APP_`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Try it:\n  \
    slow-app --listen 127.0.0.1:8080 --cpu-quota 0.25 --node-metrics 127.0.0.1:9100\n  \
    curl '127.0.0.1:8080/?ms=20'             work of 20 ms, which takes 80 ms at that quota\n  \
    curl 127.0.0.1:8080/load                 full load for 10 seconds\n  \
    curl 127.0.0.1:8080/health               OK, or 503 while draining\n  \
    curl -X POST 127.0.0.1:8080/drain        drain; -X DELETE takes it back\n  \
    curl 127.0.0.1:8080/metrics              durations, queue waits, CPU seconds asked and burnt")]
pub struct Options {
    /// Address and port to serve on
    #[arg(
        long,
        env = "SLOW_APP_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:8080"
    )]
    pub(super) listen: SocketAddr,

    /// Address and port for metrics in node-exporter's form (`node_cpu_seconds_total`, ...)
    ///
    /// They describe the one virtual machine that this process imitates: with --cpu-quota, the
    /// share of the quota in use; without, the worker threads. Not for real machines: run
    /// node-exporter there.
    #[arg(long, env = "SLOW_APP_NODE_METRICS", value_name = "ADDR")]
    pub(super) node_metrics: Option<SocketAddr>,

    /// Name of this instance, sent with every response as `x-instance` [default: the host's name]
    #[arg(long, env = "SLOW_APP_INSTANCE_ID", value_name = "ID")]
    pub(super) instance_id: Option<InstanceId>,

    /// CPU time of a request in milliseconds, where it does not say otherwise (`/?ms=20`)
    #[arg(
        long,
        env = "SLOW_APP_WORK_MS",
        value_name = "MS",
        default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(WORK_MS)
    )]
    pub(super) work_ms: u64,

    /// The most CPU time that a request may ask for in milliseconds
    #[arg(
        long,
        env = "SLOW_APP_MAX_MS",
        value_name = "MS",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(WORK_MS)
    )]
    pub(super) max_ms: u64,

    /// How long `GET /load` keeps every CPU busy, in seconds of wall time
    #[arg(
        long,
        env = "SLOW_APP_LOAD_SECONDS",
        value_name = "SECONDS",
        default_value_t = 10.0
    )]
    pub(super) load_seconds: f64,

    /// Worker threads for CPU work [default: one per CPU; one with --cpu-quota]
    #[arg(long, env = "SLOW_APP_WORKERS", value_name = "COUNT", value_parser = |text: &str| count(text, &WORKERS))]
    pub(super) workers: Option<usize>,

    /// Requests that may wait for a worker; further ones are answered 503 with `Retry-After: 1`
    #[arg(
        long,
        env = "SLOW_APP_QUEUE_LIMIT",
        value_name = "COUNT",
        default_value_t = 256,
        value_parser = |text: &str| count(text, &QUEUE)
    )]
    pub(super) queue_limit: usize,

    /// Limit all CPU work to this fraction of one core, from 0.001 to 1
    ///
    /// The process then behaves like a machine with one slow CPU: at 0.25, work of 20 ms takes 80
    /// ms, and there is capacity for 0.25 CPU-seconds a second. So many instances fit on one
    /// laptop.
    #[arg(long, env = "SLOW_APP_CPU_QUOTA", value_name = "FRACTION")]
    pub(super) cpu_quota: Option<CpuQuota>,

    /// Secret for `POST` and `DELETE /drain`, sent as `Authorization: Bearer TOKEN`
    ///
    /// Without one, /drain accepts loopback clients only. Set one when a proxy on this machine
    /// forwards requests from outside. Prefer the environment variable: a command line shows in
    /// `ps`.
    #[arg(
        long,
        env = "SLOW_APP_DRAIN_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(super) drain_token: Option<DrainToken>,

    /// A drain ends by itself when nobody has asked for it again for this long
    ///
    /// So that an instance does not stay out of service for long when the one who drained it is
    /// gone. The agent asks again every two seconds (drain.poll).
    #[arg(long, env = "SLOW_APP_DRAIN_LEASE", value_name = "DURATION", default_value = "1m", value_parser = time_within(SHORTEST_LEASE..=DAY))]
    pub(super) drain_lease: Duration,

    /// After SIGTERM or Ctrl-C, how long to go on serving at most, such as `20s`
    ///
    /// /health answers 503 meanwhile, so that a load balancer sends new requests elsewhere. A
    /// second signal ends at once.
    #[arg(long, env = "SLOW_APP_GRACE", value_name = "DURATION", default_value = "20s", value_parser = time_within(Duration::ZERO..=HOUR))]
    pub(super) grace: Duration,

    /// The grace time ends early once nothing is in flight and no request has come in for this long
    #[arg(long, env = "SLOW_APP_QUIET", value_name = "DURATION", default_value = "1s", value_parser = time_within(Duration::ZERO..=HOUR))]
    pub(super) quiet: Duration,

    /// End at once when standard input reaches its end, as it does when the parent process dies,
    /// however it dies
    ///
    /// The parent must give this process a pipe as standard input and keep its end open.
    #[arg(long, env = "SLOW_APP_EXIT_WITH_PARENT", value_parser = BoolishValueParser::new())]
    pub(super) exit_with_parent: bool,
}

fn count(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "give a whole number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// A fraction of one core, from 0.001 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct CpuQuota(f64);

impl CpuQuota {
    /// With less, one millisecond of work takes more than a second.
    const LEAST: f64 = 0.001;

    /// All of one core.
    pub(super) const FULL: Self = Self(1.0);

    /// The fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for CpuQuota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(fraction) if (Self::LEAST..=1.0).contains(&fraction) => Ok(Self(fraction)),
            _ => Err("give a fraction of one core from 0.001 to 1, such as 0.25".to_owned()),
        }
    }
}

/// The name of an instance: visible ASCII, so that it can be an HTTP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InstanceId(String);

impl InstanceId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("give letters, digits and signs of ASCII without spaces, as it is sent as an HTTP header".to_owned())
        }
    }
}

/// The secret that authorises draining. Never shown, so it is checked after parsing: a parser's
/// error would quote it.
#[derive(Clone)]
pub(super) struct DrainToken(String);

impl DrainToken {
    /// The secret's bytes, for comparison only.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it can be sent in a header; an empty one would match an empty header.
    pub(super) fn is_usable(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl From<String> for DrainToken {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for DrainToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DrainToken(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_flag_is_also_an_environment_variable() {
        for argument in Line::command()
            .get_arguments()
            .filter(|argument| argument.get_id() != "help")
        {
            let flag = argument.get_long().expect("every argument is a flag");
            let variable = argument.get_env().and_then(|name| name.to_str());
            let expected = format!("SLOW_APP_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(variable, Some(expected.as_str()), "--{flag}");
        }
    }

    #[test]
    fn a_quota_is_a_fraction_of_one_core() {
        assert_eq!("0.25".parse(), Ok(CpuQuota(0.25)));
        assert!("1".parse::<CpuQuota>().is_ok());
        for wrong in ["0", "-0.5", "1.01", "NaN", "inf", "1e-300", "25%", ""] {
            assert!(wrong.parse::<CpuQuota>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_token_is_never_shown() {
        let line = Line::try_parse_from(["slow-app", "--drain-token", "hush"])
            .expect("the flags are right");
        assert!(!format!("{:?}", line.options).contains("hush"));
    }

    #[test]
    fn a_token_must_fit_in_a_header_and_not_be_empty() {
        assert!(DrainToken::from("hush".to_owned()).is_usable());
        for wrong in ["", "a b", "é"] {
            assert!(!DrainToken::from(wrong.to_owned()).is_usable(), "{wrong}");
        }
    }
}
