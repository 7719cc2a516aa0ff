//! One CPU of the machine that this process imitates: what it may burn (the quota), and what it did
//! with its time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::CpuQuota;

/// Wall time by which a thread may be late (a timer's slack, another process on the core) and still
/// catch up. It never collects while there is nothing to do, so work that arrives after a pause
/// gets no burst.
const CREDIT: Duration = Duration::from_millis(10);

/// A CPU that runs at a fraction of a real one. Threads share it by turns.
#[derive(Debug)]
pub(super) struct VirtualCpu {
    quota: CpuQuota,
    burnt_nanos: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    threads_at_work: usize,
    busy_since: Instant,
    busy_before: Duration,
    /// Until when the CPU's wall time is paid out: burning `c` advances it by `c / quota`.
    paid_until: Instant,
    steal: Duration,
}

/// How a virtual CPU has spent its time, in the modes of `proc_stat(5)`. Each grows only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// Work done: CPU time burnt over the quota.
    pub(super) user: Duration,
    /// There was work, but the real machine had no core for it.
    pub(super) steal: Duration,
    /// There was no work.
    pub(super) idle: Duration,
}

impl VirtualCpu {
    pub(super) fn new(quota: CpuQuota, now: Instant) -> Self {
        Self {
            quota,
            burnt_nanos: AtomicU64::new(0),
            state: Mutex::new(State {
                since: now,
                threads_at_work: 0,
                busy_since: now,
                busy_before: Duration::ZERO,
                paid_until: now,
                steal: Duration::ZERO,
            }),
        }
    }

    /// A thread takes up work.
    pub(super) fn begin(&self, now: Instant) {
        let mut state = self.state.lock();
        if state.threads_at_work == 0 {
            state.busy_since = now;
            state.paid_until = state.paid_until.max(now);
        }
        state.threads_at_work += 1;
    }

    /// A thread has run out of work.
    pub(super) fn end(&self, now: Instant) {
        let mut state = self.state.lock();
        state.threads_at_work -= 1;
        if state.threads_at_work == 0 {
            let busy = now.saturating_duration_since(state.busy_since);
            state.busy_before += busy;
        }
    }

    /// Counts CPU time that has just been burnt.
    pub(super) fn record(&self, burnt: Duration) {
        self.burnt_nanos
            .fetch_add(burnt.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Charges a slice of CPU time to the quota and says when it is paid: the thread must not go on
    /// before.
    pub(super) fn charge(&self, slice: Duration, now: Instant) -> Instant {
        let mut state = self.state.lock();
        let oldest = now.checked_sub(CREDIT + slice).unwrap_or(state.since);
        state.paid_until = state.paid_until.max(oldest) + slice.div_f64(self.quota.fraction());
        state.paid_until
    }

    pub(super) fn burnt(&self) -> Duration {
        Duration::from_nanos(self.burnt_nanos.load(Ordering::Relaxed))
    }

    /// How the time up to `now` was spent, work in progress included.
    pub(super) fn usage(&self, now: Instant) -> Usage {
        let mut state = self.state.lock();
        let user = self.burnt().div_f64(self.quota.fraction());
        let mut busy = state.busy_before;
        if state.threads_at_work > 0 {
            busy += now.saturating_duration_since(state.busy_since);
        }
        // A slice is burnt first and paid afterwards: `user` is ahead of `busy` for moments, so
        // hold the largest.
        state.steal = state.steal.max(busy.saturating_sub(user));
        Usage {
            user,
            steal: state.steal,
            idle: now
                .saturating_duration_since(state.since)
                .saturating_sub(busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn quarter() -> CpuQuota {
        "0.25".parse().expect("a fraction")
    }

    #[test]
    fn a_slice_is_paid_for_after_slice_over_quota() {
        let start = Instant::now();
        let cpu = VirtualCpu::new(quarter(), start);
        cpu.begin(start);
        assert_eq!(cpu.charge(5 * MS, start + 5 * MS), start + 20 * MS);
        assert_eq!(cpu.charge(5 * MS, start + 25 * MS), start + 40 * MS);
    }

    #[test]
    fn a_pause_earns_no_burst() {
        let start = Instant::now();
        let cpu = VirtualCpu::new(quarter(), start);
        let later = start + 1000 * MS;
        cpu.begin(later);
        assert_eq!(cpu.charge(5 * MS, later + 5 * MS), later + 20 * MS);
    }

    #[test]
    fn a_short_delay_is_caught_up_and_a_long_one_is_not() {
        let start = Instant::now();
        let cpu = VirtualCpu::new(quarter(), start);
        cpu.begin(start);
        cpu.charge(5 * MS, start + 5 * MS);
        assert_eq!(
            cpu.charge(5 * MS, start + 28 * MS),
            start + 40 * MS,
            "woke 3 ms late"
        );
        let paid = cpu.charge(5 * MS, start + 1000 * MS);
        assert_eq!(
            paid,
            start + (1000 - 10 - 5 + 20) * MS,
            "was kept off the core for long"
        );
    }

    #[test]
    fn work_without_a_core_is_steal_and_no_work_is_idle() {
        let start = Instant::now();
        let cpu = VirtualCpu::new(quarter(), start);
        cpu.begin(start + 100 * MS);
        cpu.record(5 * MS);
        cpu.end(start + 160 * MS);
        assert_eq!(
            cpu.usage(start + 200 * MS),
            Usage {
                user: 20 * MS,
                steal: 40 * MS,
                idle: 140 * MS
            }
        );
    }

    proptest! {
        #[test]
        fn usage_only_grows_and_the_quota_holds(steps in prop::collection::vec((0_u32..40, 0_u32..6, 0_u32..4), 1..80)) {
            let start = Instant::now();
            let cpu = VirtualCpu::new(quarter(), start);
            let (mut now, mut burnt, mut last) = (start, Duration::ZERO, cpu.usage(start));
            for (pause, work, late) in steps {
                now += pause * MS;
                cpu.begin(now);
                let work = work * MS;
                now += work;
                cpu.record(work);
                burnt += work;
                let usage = cpu.usage(now);
                prop_assert!(usage.user >= last.user && usage.steal >= last.steal && usage.idle >= last.idle);
                now = now.max(cpu.charge(work, now)) + late * MS;
                prop_assert!(burnt <= (now - start + CREDIT).mul_f64(0.25) + MS);
                cpu.end(now);
                last = cpu.usage(now);
                prop_assert!(last.user + last.steal + last.idle + MS >= now - start);
            }
        }
    }
}
