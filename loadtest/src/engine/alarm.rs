//! Wakes a worker when a request is due, not after it: it is set early by what waking takes here.

use std::{cell::Cell, io, time::Duration};

use super::{clock::Clock, timer::Timer};

/// The most by which it is set early, in nanoseconds.
const MOST_EARLY: u64 = 100_000;

/// How far one wake-up moves what waking is taken to take, in nanoseconds.
const STEP: u64 = 250;

/// Responses are left unread for no longer than this, in nanoseconds.
const HOLD_MOST: u64 = 1_000_000;

/// Times are nanoseconds since the run's start.
pub(crate) struct Alarm {
    timer: Timer,
    clock: Clock,
    /// When it is to be reached; none while it is not set.
    at: Cell<Option<u64>>,
    /// When the timer expires for it.
    expires: Cell<u64>,
    /// What waking takes: the lower quartile, so that three of four wake-ups need not wait for the
    /// rest of the time.
    waking: Cell<u64>,
}

impl Alarm {
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        Ok(Self {
            timer: Timer::new()?,
            clock,
            at: Cell::new(None),
            expires: Cell::new(0),
            waking: Cell::new(0),
        })
    }

    pub(crate) fn is_set(&self) -> bool {
        self.at.get().is_some()
    }

    /// Sets it, instead of what was set before.
    pub(crate) fn set(&self, at: u64) {
        let now = self.clock.now();
        let expires = at.saturating_sub(self.waking.get()).max(now);
        self.expires.set(expires);
        // A timer that was created can be set: the kernel refuses only invalid times.
        let armed = self.timer.arm(Duration::from_nanos(expires - now)).is_ok();
        self.at.set(armed.then_some(at));
    }

    /// Waits until it is about to be reached.
    pub(crate) async fn rings(&self) -> io::Result<()> {
        self.timer.expired().await
    }

    /// Blocks the thread until then, unless that is long.
    pub(crate) fn hold(&self) {
        let most = self.clock.now() + HOLD_MOST;
        if self.at.get().is_some_and(|at| at < most) {
            self.timer.block();
        }
    }

    /// Unsets it, waits out what is left if it rang early, and says what time it is.
    pub(crate) fn reach(&self) -> u64 {
        let mut now = self.clock.now();
        let Some(at) = self.at.take() else {
            return now;
        };
        self.learn(now.saturating_sub(self.expires.get()));
        if at <= now + MOST_EARLY {
            while now < at {
                std::hint::spin_loop();
                now = self.clock.now();
            }
        }
        now
    }

    fn learn(&self, took: u64) {
        let waking = self.waking.get();
        let moved = if took > waking {
            waking + STEP
        } else {
            waking.saturating_sub(3 * STEP)
        };
        self.waking.set(moved.min(MOST_EARLY));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Alarm, Clock, MOST_EARLY};

    fn alarm() -> Alarm {
        Alarm::new(Clock::new(Instant::now())).expect("a timer")
    }

    #[tokio::test]
    async fn it_is_reached_on_time_and_never_before() {
        let alarm = alarm();
        let clock = alarm.clock;
        for _ in 0..50 {
            let at = clock.now() + 300_000;
            alarm.set(at);
            alarm.rings().await.expect("rung");
            assert!(alarm.reach() >= at && !alarm.is_set());
        }
    }

    #[tokio::test]
    async fn what_waking_takes_is_learnt_and_has_a_bound() {
        let alarm = alarm();
        for _ in 0..400 {
            for took in [30_000, 40_000, 50_000, 60_000] {
                alarm.learn(took);
            }
        }
        let waking = alarm.waking.get();
        assert!((29_000..=41_000).contains(&waking), "{waking}");
        for _ in 0..1000 {
            alarm.learn(u64::MAX);
        }
        assert_eq!(alarm.waking.get(), MOST_EARLY);
    }

    #[tokio::test]
    async fn one_that_was_moved_away_is_not_waited_for() {
        let alarm = alarm();
        alarm.set(u64::MAX / 2);
        assert!(alarm.reach() < u64::MAX / 2);
    }
}
