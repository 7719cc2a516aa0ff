//! The cloud's own time: it passes as real time does, and can be made to jump.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// How far it is ahead of real time.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: watch::Sender<Duration>,
}

impl Clock {
    /// Ends when this time has passed; each jump from now on makes it sooner.
    pub(crate) fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        let mut ahead = self.ahead.subscribe();
        let (begin, before) = (Instant::now(), *ahead.borrow_and_update());
        async move {
            loop {
                let jumped = ahead.borrow_and_update().saturating_sub(before);
                let left = time.saturating_sub(jumped);
                tokio::select! {
                    () = sleep_until(begin + left) => return,
                    Ok(()) = ahead.changed() => {}
                }
            }
        }
    }

    /// Jumps: whatever waits now waits so much less.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead
            .send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_jump_shortens_what_waits_and_nothing_else() {
        let clock = Clock::default();
        clock.advance(Duration::from_secs(1000));
        let start = Instant::now();
        let wait = tokio::spawn(clock.pass(Duration::from_secs(100)));
        clock.advance(Duration::from_secs(60));
        wait.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(40));

        let wait = tokio::spawn(clock.pass(Duration::from_secs(100)));
        clock.advance(Duration::MAX);
        wait.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(40));
        clock.pass(Duration::from_secs(5)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(45));
    }
}
