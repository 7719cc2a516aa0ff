//! The agent's monotonic clock. It follows tokio's, so tests can pause and advance it.

use std::time::Duration;

use policy::Moment;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Tells the time since the agent started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose [`Moment::START`] is now.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Moment {
        Moment::at(self.start.elapsed())
    }
}

/// The agent's clock and the machine's, read together.
///
/// The agent's stands still while the machine is suspended, the machine's does not. So what they
/// show is compared each time it is needed, never remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// By the agent's clock.
    pub(crate) now: Moment,
    /// Time since the machine booted, suspension included: the one clock that both goes on across a
    /// restart of the agent and does not jump.
    pub(crate) since_boot: Duration,
}

impl Reading {
    /// Reads both.
    pub(crate) fn take(clock: Clock) -> Self {
        // In this order: a suspension in between makes a cooldown longer, not shorter.
        let now = clock.now();
        Self {
            now,
            since_boot: since_boot(),
        }
    }

    /// A moment of the agent's clock in milliseconds since the boot.
    pub(crate) fn to_boot(self, moment: Moment) -> u64 {
        let ahead = moment.since(self.now);
        let behind = self.now.since(moment);
        let since_boot = self.since_boot.saturating_add(ahead).saturating_sub(behind);
        u64::try_from(since_boot.as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment of the agent's clock that is so many milliseconds after the boot; one before the
    /// agent's start becomes the start.
    pub(crate) fn to_moment(self, millis: u64) -> Moment {
        let since_boot = Duration::from_millis(millis);
        let ahead = since_boot.saturating_sub(self.since_boot);
        let behind = self.since_boot.saturating_sub(since_boot);
        self.now + ahead - behind
    }
}

/// Time since the machine booted, suspension included.
pub(crate) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Which boot that is; `None` where the system does not say.
pub(crate) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(now_s: u64, since_boot_s: u64) -> Reading {
        Reading {
            now: Moment::at(Duration::from_secs(now_s)),
            since_boot: Duration::from_secs(since_boot_s),
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    #[test]
    fn moments_are_counted_from_the_boot_and_back() {
        let reading = reading(100, 1_100);
        for (moment, since_boot) in [(0, 1_000), (90, 1_090), (100, 1_100), (160, 1_160)] {
            assert_eq!(reading.to_boot(at(moment)), since_boot * 1_000);
            assert_eq!(reading.to_moment(since_boot * 1_000), at(moment));
        }
        assert_eq!(reading.to_moment(999_000), Moment::START);
    }

    /// An hour's suspension: the agent's clock stood still. A cooldown that ends in 50 s still
    /// does.
    #[test]
    fn what_is_left_of_a_cooldown_stays_after_a_suspension() {
        let before = reading(100, 1_100);
        let after = reading(110, 1_110 + 3_600);
        assert_eq!(before.to_boot(at(160)), 1_160_000);
        assert_eq!(after.to_boot(at(160)), (1_110 + 3_600 + 50) * 1_000);
        // A new process reads its own clocks ten seconds later.
        let restarted = reading(0, 1_120 + 3_600);
        assert_eq!(restarted.to_moment(after.to_boot(at(160))), at(40));
    }

    #[test]
    fn the_real_clocks_agree_with_each_other() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let clock = Clock::start();
        let (first, second) = (Reading::take(clock), Reading::take(clock));
        assert!(second.now >= first.now && second.since_boot >= first.since_boot);
        assert!(first.since_boot > Duration::ZERO && boot_id().is_some());
    }

    proptest! {
        #[test]
        fn no_reading_overflows(now: u64, boot: u64, moment: u64, millis: u64) {
            let reading = reading(now, boot);
            let _ = reading.to_boot(at(moment));
            let _ = reading.to_moment(millis);
            let _ = reading.to_boot(Moment::at(Duration::MAX));
        }
    }
}
