//! A one-shot timer that is late by tens of microseconds; tokio's own are late by up to a
//! millisecond.

#[cfg(target_os = "linux")]
pub(crate) use linux::Timer;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Timer;

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, os::fd::OwnedFd, time::Duration};

    use rustix::{
        event::{PollFd, PollFlags, poll},
        time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
            timerfd_settime,
        },
    };
    use tokio::io::{Interest, unix::AsyncFd};

    /// A timerfd in tokio's reactor.
    pub(crate) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(crate) fn new() -> io::Result<Self> {
            let fd = timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
            )?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe for types with unstable descriptors; an OwnedFd keeps its own"
            )]
            let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
            Ok(Self(fd))
        }

        /// Sets when it expires, instead of what was set before.
        pub(crate) fn arm(&self, after: Duration) -> io::Result<()> {
            // Zero would disarm it.
            let after = after.max(Duration::from_nanos(1));
            let value = Timespec {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            };
            let interval = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let spec = Itimerspec {
                it_interval: interval,
                it_value: value,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &spec)?;
            Ok(())
        }

        /// Blocks the thread until it has expired, which [`Self::expired`] then says too.
        pub(crate) fn block(&self) {
            let mut fds = [PollFd::new(self.0.get_ref(), PollFlags::IN)];
            // Whatever else ends the wait, the reactor goes on with it.
            let _ = poll(&mut fds, None);
        }

        /// Waits for it to expire.
        pub(crate) async fn expired(&self) -> io::Result<()> {
            // Setting the timer again resets its count, and each expiry is a new edge: it need not
            // be read.
            self.0.readable().await?.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{cell::Cell, io, time::Duration};

    use tokio::{sync::Notify, time::Instant};

    /// tokio's timer, with its millisecond.
    pub(crate) struct Timer {
        at: Cell<Option<Instant>>,
        armed: Notify,
    }

    impl Timer {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self {
                at: Cell::new(None),
                armed: Notify::new(),
            })
        }

        pub(crate) fn arm(&self, after: Duration) -> io::Result<()> {
            self.at.set(Some(Instant::now() + after));
            self.armed.notify_one();
            Ok(())
        }

        /// It never blocks: there are no times of arrival that it would need.
        pub(crate) fn block(&self) {}

        pub(crate) async fn expired(&self) -> io::Result<()> {
            loop {
                match self.at.get() {
                    None => self.armed.notified().await,
                    Some(at) => tokio::select! {
                        () = tokio::time::sleep_until(at) => {
                            self.at.set(None);
                            return Ok(());
                        }
                        () = self.armed.notified() => {}
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Timer;

    #[tokio::test]
    async fn expires_after_and_again() {
        let timer = Timer::new().expect("a timer");
        for _ in 0..3 {
            let start = Instant::now();
            timer.arm(Duration::from_secs(60)).expect("armed");
            timer.arm(Duration::from_millis(3)).expect("armed again");
            tokio::time::timeout(Duration::from_secs(10), timer.expired())
                .await
                .expect("in time")
                .expect("expired");
            assert!(start.elapsed() >= Duration::from_millis(3));
        }
    }
}
