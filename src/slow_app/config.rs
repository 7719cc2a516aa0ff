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
            (Some(count), _) => count.get(),
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

    #[test]
    fn a_wrong_token_is_not_quoted() {
        let message = config(&["--drain-token", "my secret"])
            .expect_err("a space")
            .to_string();
        assert!(message.contains("--drain-token"), "{message}");
        assert!(!message.contains("my secret"), "{message}");
    }
}
