//! Whether this machine gave the demo's instances the CPU time that they were promised. A pool
//! cannot show what it does without, and must not be blamed for that.
//!
//! Two witnesses must agree. An instance counts the time in which it had work and its quota left,
//! and yet did not get on (`steal`): that alone might be its own fault. The kernel counts the time
//! in which a thread of it waited for a core, and in which the hypervisor ran another machine: that
//! alone might have been harmless.

use std::{collections::HashMap, fs, net::Ipv4Addr, time::Duration};

use futures_util::{StreamExt as _, stream};
use local_cloud::Status;
use rule_evaluator::scraper::scrape;
use serde::{Deserialize, Serialize};

/// The part of their CPU time that instances may lack before nothing can be said of the pool. On a
/// machine that does nothing else they lack a fiftieth of it.
const TOO_MUCH: f64 = 0.1;
/// The part of the time in which processes want a core that they may wait for it, while they start.
const TOO_LONG: f64 = 0.5;
/// How long an instance may take to answer; on a busy machine the next look is soon enough.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 16;

/// CPU time of one instance, in seconds of the CPU that it imitates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct InstanceTime {
    /// It worked.
    pub worked: f64,
    /// It had work and did not get on.
    pub stuck: f64,
    /// Its threads waited for a core, by the kernel's account.
    pub waited: f64,
}

/// The CPU time of all instances of a run, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MachineTime {
    /// What they had.
    pub had: f64,
    /// What they should have had, and this machine did not give.
    pub lacked: f64,
}

impl MachineTime {
    /// Adds up what instances lacked for want of a core. `stolen` is the time in which the
    /// hypervisor ran other machines.
    pub(crate) fn of(instances: impl IntoIterator<Item = InstanceTime>, stolen: f64) -> Self {
        let (mut had, mut stuck, mut explained) = (0.0, 0.0, 0.0);
        for instance in instances {
            had += instance.worked;
            stuck += instance.stuck;
            explained += instance.stuck.min(instance.waited);
        }
        Self {
            had,
            lacked: stuck.min(explained + stolen),
        }
    }

    /// The part of their CPU time that the instances had, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let wanted = self.had + self.lacked;
        if wanted > 0.0 { self.had / wanted } else { 1.0 }
    }

    /// Whether nothing can be said of a pool that failed.
    pub(crate) fn is_too_short(&self) -> bool {
        1.0 - self.share() > TOO_MUCH
    }
}

/// Follows the instances of a run.
#[derive(Debug)]
pub(super) struct MachineMeter {
    client: reqwest::Client,
    /// By address and process: addresses are used again.
    instances: HashMap<(Ipv4Addr, u32), InstanceTime>,
    stolen_before: f64,
}

impl MachineMeter {
    pub(super) fn start(client: reqwest::Client) -> Self {
        Self {
            client,
            instances: HashMap::new(),
            stolen_before: stolen(),
        }
    }

    /// Takes note of all instances that answer. The others are asked again at the next look.
    pub(super) async fn look(&mut self, cloud: &Status) {
        let client = &self.client;
        let seen: Vec<_> = stream::iter(processes(cloud))
            .map(|(ip, pid)| async move {
                let metrics = scrape(client, &format!("{ip}:9100"), ANSWER_WITHIN).await;
                metrics.ok().map(|metrics| {
                    let time = |mode: &str| {
                        let counters = metrics.cpu.iter();
                        let of_mode = counters.filter(|counter| counter.key.1 == mode);
                        of_mode.map(|counter| counter.seconds).sum()
                    };
                    let times = InstanceTime {
                        worked: time("user"),
                        stuck: time("steal"),
                        waited: on_cores(pid).waited,
                    };
                    ((ip, pid), times)
                })
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        self.instances.extend(seen);
    }

    /// What was seen so far.
    pub(super) fn time(&self) -> MachineTime {
        let stolen = (stolen() - self.stolen_before).max(0.0);
        MachineTime::of(self.instances.values().copied(), stolen)
    }
}

/// Whether this process and the instances wait for a core most of the time in which they want one.
pub(super) fn is_too_busy_to_start(cloud: &Status) -> bool {
    let instances = processes(cloud).into_iter().map(|(_, pid)| pid);
    let all = instances.chain([std::process::id()]).map(on_cores);
    let total = all.fold(OnCores::default(), |total, one| OnCores {
        ran: total.ran + one.ran,
        waited: total.waited + one.waited,
    });
    total.waited > TOO_LONG * (total.ran + total.waited)
}

fn processes(cloud: &Status) -> Vec<(Ipv4Addr, u32)> {
    let members = cloud.pools.iter().flat_map(|pool| &pool.members);
    members
        .filter_map(|member| Some((member.ip, member.pid?)))
        .collect()
}

/// What a process did with the cores so far, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct OnCores {
    ran: f64,
    waited: f64,
}

/// Zero where the kernel does not say.
fn on_cores(pid: u32) -> OnCores {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return OnCores::default();
    };
    let texts =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    texts.fold(OnCores::default(), |total, text| {
        let one = parse_schedstat(&text).unwrap_or_default();
        OnCores {
            ran: total.ran + one.ran,
            waited: total.waited + one.waited,
        }
    })
}

/// Nanoseconds on a core, nanoseconds waiting for one, and a count (the kernel's
/// `sched-stats.rst`).
fn parse_schedstat(text: &str) -> Option<OnCores> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut seconds = || Some(numbers.next()?.ok()? / 1e9);
    Some(OnCores {
        ran: seconds()?,
        waited: seconds()?,
    })
}

/// Seconds in which the hypervisor ran other machines on our cores; zero where there is none.
fn stolen() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    parse_stolen(&text).unwrap_or_default() / ticks
}

/// The eighth number of the first line of `proc_stat(5)`, in clock ticks.
fn parse_stolen(text: &str) -> Option<f64> {
    let cpu = text.lines().next()?.strip_prefix("cpu ")?;
    cpu.split_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(worked: f64, stuck: f64, waited: f64) -> InstanceTime {
        InstanceTime {
            worked,
            stuck,
            waited,
        }
    }

    #[test]
    fn a_machine_is_too_busy_only_when_both_witnesses_say_so() {
        for (instances, stolen, too_short) in [
            (vec![], 0.0, false),
            (vec![], 50.0, false),
            (vec![time(0.0, 0.0, 0.0)], 0.0, false),
            (vec![time(100.0, 2.0, 5.0)], 0.0, false),
            // It waited, and its quota was served all the same.
            (vec![time(100.0, 0.0, 80.0)], 0.0, false),
            (vec![time(100.0, 0.0, 80.0)], 80.0, false),
            // It did not get on, and no core was missing: its own fault.
            (vec![time(10.0, 90.0, 0.0)], 0.0, false),
            (vec![time(10.0, 90.0, 1.0)], 0.0, false),
            // The waiting of one does not excuse another.
            (
                vec![time(50.0, 0.0, 90.0), time(10.0, 90.0, 0.0)],
                0.0,
                false,
            ),
            (vec![time(60.0, 40.0, 50.0)], 0.0, true),
            (vec![time(60.0, 40.0, 0.0)], 60.0, true),
            (
                vec![time(100.0, 0.0, 0.0), time(20.0, 80.0, 99.0)],
                0.0,
                true,
            ),
        ] {
            let machine = MachineTime::of(instances.clone(), stolen);
            assert_eq!(
                machine.is_too_short(),
                too_short,
                "{instances:?}: {machine:?}"
            );
        }
    }

    #[test]
    fn the_share_is_of_what_was_wanted() {
        let machine = MachineTime::of([time(60.0, 40.0, 50.0)], 0.0);
        assert!((machine.share() - 0.6).abs() < 1e-9, "{machine:?}");
        assert!((MachineTime::default().share() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_kernels_accounts_are_read() {
        let times = parse_schedstat("1500000000 250000000 42\n");
        let expected = OnCores {
            ran: 1.5,
            waited: 0.25,
        };
        assert_eq!(times, Some(expected));
        assert_eq!(parse_schedstat(""), None);
        let stat = "cpu  10 20 30 40 50 60 70 800 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(parse_stolen(stat), Some(800.0));
        assert_eq!(parse_stolen("cpu  1 2 3\n"), None);
    }

    #[test]
    fn this_process_has_run() {
        let before = on_cores(std::process::id());
        if before == OnCores::default() {
            println!("skipped: this kernel keeps no such accounts");
            return;
        }
        while on_cores(std::process::id()).ran <= before.ran {
            std::hint::spin_loop();
        }
    }
}
