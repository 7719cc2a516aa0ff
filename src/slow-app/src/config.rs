//! Options that have been checked against each other and completed with what the machine says.

use std::{fs, net::SocketAddr, thread, time::Duration};

use super::{CpuQuota, DrainToken, Error, InstanceId, Options};

/// What the servers, the request handlers and the pool need to know.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) listen: SocketAddr,
    pub(super) node_metrics: Option<SocketAddr>,
    pub(super) instance: InstanceId,
    pub(super) default_work: Duration,
    pub(super) max_work_ms: u64,
    pub(super) load: Duration,
    pub(super) workers: usize,
    pub(super) queue_limit: usize,
    pub(super) quota: Option<CpuQuota>,
    pub(super) drain_token: Option<DrainToken>,
    pub(super) drain_lease: Duration,
    pub(super) grace: Duration,
    pub(super) quiet: Duration,
    pub(super) exit_with_parent: bool,
}

impl Config {
    pub(super) fn new(options: Options) -> Result<Self, Error> {
        if options.work_ms > options.max_ms {
            return Err(Error::Settings {
                flag: "--work-ms",
                problem: format!(
                    "{} is above the limit of {} (--max-ms)",
                    options.work_ms, options.max_ms
                ),
                fix: "Lower --work-ms or raise --max-ms",
            });
        }
        if options
            .drain_token
            .as_ref()
            .is_some_and(|token| !token.is_usable())
        {
            return Err(Error::Settings {
                flag: "--drain-token",
                problem: "the token is empty or has signs that a header cannot carry".to_owned(),
                fix: "Give ASCII without spaces, or leave it out to let loopback addresses only drain",
            });
        }
        let load = Duration::try_from_secs_f64(options.load_seconds)
            .ok()
            .filter(|load| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(load))
            .ok_or_else(|| Error::Settings {
                flag: "--load-seconds",
                problem: format!("{} is out of range", options.load_seconds),
                fix: "Give seconds from 0.001 to 3600",
            })?;
        let workers = match (options.workers, options.cpu_quota) {
            (Some(count), _) => count,
            (None, Some(_)) => 1,
            (None, None) => thread::available_parallelism()
                .map_err(|source| Error::System {
                    action: "count the CPUs (set --workers)",
                    source,
                })?
                .get(),
        };
        Ok(Self {
            listen: options.listen,
            node_metrics: options.node_metrics,
            instance: options.instance_id.map_or_else(host_name, Ok)?,
            default_work: Duration::from_millis(options.work_ms),
            max_work_ms: options.max_ms,
            load,
            workers,
            queue_limit: options.queue_limit,
            quota: options.cpu_quota,
            drain_token: options.drain_token,
            drain_lease: options.drain_lease,
            grace: options.grace,
            quiet: options.quiet,
            exit_with_parent: options.exit_with_parent,
        })
    }
}

/// Checks options against each other, as a start would.
pub fn check(options: Options) -> Result<(), Error> {
    Config::new(options).map(drop)
}

/// The kernel's name for this host, see proc(5).
fn host_name() -> Result<InstanceId, Error> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").map_err(|source| Error::System {
        action: "read the host's name (set --instance-id)",
        source,
    })?;
    name.trim().parse().map_err(|problem| Error::Settings {
        flag: "--instance-id",
        problem: format!("the host's name {name:?} cannot be used: {problem}"),
        fix: "Name the instance with --instance-id",
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn config(flags: &[&str]) -> Result<Config, Error> {
        let line =
            Line::try_parse_from([&["slow-app"], flags].concat()).expect("the flags can be read");
        Config::new(line.options)
    }

    #[test]
    fn a_machine_with_a_quota_has_one_cpu() {
        assert_eq!(config(&["--cpu-quota", "0.25"]).expect("valid").workers, 1);
        assert_eq!(
            config(&["--cpu-quota", "0.25", "--workers", "3"])
                .expect("valid")
                .workers,
            3
        );
    }

    #[test]
    fn contradictions_are_refused_with_the_flag_and_the_fix() {
        let message = config(&["--work-ms", "20", "--max-ms", "10"])
            .expect_err("contradiction")
            .to_string();
        assert!(
            message.contains("--work-ms") && message.contains("--max-ms"),
            "{message}"
        );
        for seconds in ["0", "NaN", "1e9"] {
            let message = config(&["--load-seconds", seconds])
                .expect_err("out of range")
                .to_string();
            assert!(message.contains("--load-seconds"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_value_of_any_flag_panics(
            flag in prop::sample::select(vec![
                "listen", "node-metrics", "instance-id", "work-ms", "max-ms", "load-seconds",
                "workers", "queue-limit", "cpu-quota", "drain-token", "drain-lease", "grace", "quiet",
            ]),
            value in prop_oneof![
                any::<String>(),
                any::<u64>().prop_map(|number| number.to_string()),
                any::<f64>().prop_map(|number| number.to_string()),
                any::<u64>().prop_map(|number| format!("{number}s")),
                Just("18446744073709551615s".to_owned()),
                Just("1e-320".to_owned()),
            ],
        ) {
            let line = ["slow-app".to_owned(), format!("--{flag}={value}"), "--instance-id=x".to_owned()];
            let Ok(Line { options }) = Line::try_parse_from(line) else {
                return Ok(());
            };
            let Ok(config) = Config::new(options) else {
                return Ok(());
            };
            // What is done with them later.
            let longest = config.default_work.max(Duration::from_millis(config.max_work_ms));
            let jobs = u32::try_from(config.queue_limit + config.workers).expect("they are limited");
            let _ = longest * jobs + config.load.mul_f64(config.workers as f64) * jobs;
            let least = config.quota.unwrap_or(CpuQuota::FULL).fraction();
            let _ = longest.div_f64(least) * jobs;
            let _ = std::time::Instant::now() + config.drain_lease + config.grace + config.quiet;
        }
    }

    #[test]
    fn a_wrong_token_is_not_quoted() {
        let message = config(&["--drain-token", "my secret"])
            .expect_err("a space")
            .to_string();
        assert!(message.contains("--drain-token"), "{message}");
        assert!(!message.contains("my secret"), "{message}");
    }
}
