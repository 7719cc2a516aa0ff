//! How long the API wants to be left alone: one answer holds for all calls of a client. Pure, with
//! the clock passed in.

use std::time::Duration;

use super::retry::Backoff;

/// Until when nothing is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    until: Duration,
    /// Refusals in a row.
    refusals: u32,
    /// When the last one came.
    refused: Duration,
}

impl Pause {
    /// What is left of the pause.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        let left = self.until.saturating_sub(now);
        (!left.is_zero()).then_some(left)
    }

    /// A request sent at `sent` was answered "later", perhaps with a time to come back. Without
    /// one, or with a short one again and again, the pause grows with each refusal.
    pub(super) fn refused(
        &mut self,
        sent: Duration,
        now: Duration,
        asked: Option<Duration>,
        backoff: Backoff,
        random: f64,
    ) {
        // Requests that were under way together are refused together: that is one refusal.
        if sent >= self.refused {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.refused = now;
        let grown = backoff.poll_pause(self.refusals.saturating_sub(1), random);
        let pause = asked.unwrap_or_default().max(grown);
        self.until = self.until.max(now + pause);
    }

    /// A request sent at `sent` was answered in another way.
    pub(super) fn answered(&mut self, sent: Duration) {
        if sent >= self.refused {
            self.refusals = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(250),
        cap: Duration::from_secs(8),
    };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_is_asked_for_holds_to_its_end_whatever_comes_between() {
        let mut pause = Pause::default();
        assert_eq!(pause.left(seconds(0)), None);
        pause.refused(seconds(0), seconds(1), Some(seconds(120)), BACKOFF, 0.5);
        // Answers to requests that were under way.
        pause.answered(seconds(0));
        pause.refused(seconds(0), seconds(2), Some(seconds(3)), BACKOFF, 0.5);
        assert_eq!(pause.left(seconds(2)), Some(seconds(119)));
        assert_eq!(pause.left(seconds(121)), None);
    }

    #[test]
    fn without_a_time_the_pause_grows_with_each_refusal_in_a_row() {
        let mut pause = Pause::default();
        let mut now = seconds(10);
        let mut refuse = |pause: &mut Pause| {
            pause.refused(now, now, None, BACKOFF, 1.0);
            let left = pause.left(now).unwrap();
            now += left;
            left.as_millis()
        };
        let pauses: Vec<u128> = (0..7).map(|_| refuse(&mut pause)).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000]);
        pause.answered(seconds(60));
        assert_eq!(refuse(&mut pause), 250);
    }

    #[test]
    fn refusals_of_requests_under_way_together_count_once() {
        let mut pause = Pause::default();
        for _ in 0..10 {
            pause.refused(seconds(1), seconds(2), None, BACKOFF, 1.0);
        }
        assert_eq!(pause.left(seconds(2)), Some(BACKOFF.base));
    }

    proptest! {
        #[test]
        fn no_pause_is_shorter_than_asked_or_without_jitter_the_same(
            asked in 0u64..3600, random in 0.0f64..1.0,
        ) {
            let mut pause = Pause::default();
            pause.refused(seconds(0), seconds(0), Some(seconds(asked)), BACKOFF, random);
            let left = pause.left(seconds(0)).unwrap_or_default();
            prop_assert!(left >= seconds(asked) && left >= BACKOFF.base / 2);
            prop_assert!(left <= seconds(asked).max(BACKOFF.cap));
        }
    }
}
