//! How many API calls a minute are allowed: a token bucket, pure, with the clock passed in.
//!
//! It never waits; a refusal says when to come back. Part of the bucket is kept for urgent calls,
//! so that routine reads cannot keep a scale-out from being made.
//! Source: token bucket, RFC 2697 (single rate), in integers so that nothing is lost to rounding.

use std::{num::NonZeroU32, time::Duration};

/// One call, in the bucket's unit: with a refill of `r` calls a minute, each nanosecond adds `r`.
const CALL: u128 = 60_000_000_000;

/// How much a call matters when calls are short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Leaves the reserve alone.
    #[default]
    Normal,
    /// May use the reserve: a scale-out, and the reads it rests on.
    Urgent,
}

/// The bucket.
///
/// A third of the limit may be used at once (the burst); a third of that burst is the reserve. The
/// refill is chosen so that burst and refill together stay within the limit in every 60 s, not
/// only on average.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    capacity: u128,
    reserve: u128,
    refill_per_minute: u128,
    level: u128,
    updated: Duration,
}

/// No call is left: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no call is left for {retry_in:?}")]
pub(crate) struct Exhausted {
    /// Until the next call of this priority, if nobody else takes it.
    pub(crate) retry_in: Duration,
}

impl Budget {
    /// A full bucket that lets at most `limit` calls through in any half-open 60 s.
    pub(crate) fn per_minute(limit: NonZeroU32) -> Self {
        let limit = u128::from(limit.get());
        let burst = limit.div_ceil(3);
        Self {
            capacity: burst * CALL,
            reserve: burst / 3 * CALL,
            // Less than `refill` whole calls arrive in a half-open minute, hence the one more.
            refill_per_minute: limit - burst + 1,
            level: burst * CALL,
            updated: Duration::ZERO,
        }
    }

    /// Takes one call at `now` (since any fixed start; a step backwards counts as no time).
    pub(crate) fn take(&mut self, now: Duration, priority: Priority) -> Result<(), Exhausted> {
        self.refill(now);
        let needed = CALL
            + match priority {
                Priority::Normal => self.reserve,
                Priority::Urgent => 0,
            };
        if self.level >= needed {
            self.level -= CALL;
            return Ok(());
        }
        let nanos = (needed - self.level).div_ceil(self.refill_per_minute);
        Err(Exhausted {
            retry_in: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)),
        })
    }

    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.updated);
        let added = elapsed.as_nanos().saturating_mul(self.refill_per_minute);
        self.level = self.level.saturating_add(added).min(self.capacity);
        self.updated = self.updated.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn budget(limit: u32) -> Budget {
        Budget::per_minute(NonZeroU32::new(limit).unwrap())
    }

    #[test]
    fn a_refusal_says_exactly_when_the_next_call_comes() {
        let mut budget = budget(30);
        let start = Duration::from_secs(5);
        let mut taken = 0;
        let refusal = loop {
            match budget.take(start, Priority::Normal) {
                Ok(()) => taken += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(taken, 7);
        let early = (start + refusal.retry_in).saturating_sub(Duration::from_nanos(1));
        assert!(budget.take(early, Priority::Normal).is_err());
        assert!(
            budget
                .take(start + refusal.retry_in, Priority::Normal)
                .is_ok()
        );
    }

    #[test]
    fn routine_calls_leave_the_reserve_to_urgent_ones() {
        let mut budget = budget(30);
        while budget.take(Duration::ZERO, Priority::Normal).is_ok() {}
        for _ in 0..3 {
            assert!(budget.take(Duration::ZERO, Priority::Urgent).is_ok());
        }
        assert!(budget.take(Duration::ZERO, Priority::Urgent).is_err());
    }

    #[test]
    fn the_smallest_budget_is_one_call_a_minute() {
        let mut budget = budget(1);
        assert!(budget.take(Duration::ZERO, Priority::Normal).is_ok());
        assert!(
            budget
                .take(
                    MINUTE.saturating_sub(Duration::from_nanos(1)),
                    Priority::Urgent
                )
                .is_err()
        );
        assert!(budget.take(MINUTE, Priority::Normal).is_ok());
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut budget = budget(1);
        assert!(budget.take(MINUTE, Priority::Normal).is_ok());
        assert!(budget.take(Duration::ZERO, Priority::Normal).is_err());
        assert!(budget.take(MINUTE, Priority::Normal).is_err());
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_calls_than_the_limit(
            limit in 1u32..200,
            pauses in proptest::collection::vec((0u64..4_000, any::<bool>()), 1..800),
        ) {
            let mut budget = budget(limit);
            let mut now = Duration::ZERO;
            let mut taken: Vec<Duration> = Vec::new();
            for (pause, urgent) in pauses {
                now += Duration::from_millis(pause);
                let priority = if urgent { Priority::Urgent } else { Priority::Normal };
                if budget.take(now, priority).is_ok() {
                    taken.push(now);
                }
            }
            for (i, start) in taken.iter().enumerate() {
                let inside = taken[i..].iter().take_while(|t| **t < *start + MINUTE).count();
                prop_assert!(inside <= limit as usize, "{inside} calls from {start:?}");
            }
        }

        #[test]
        fn waiting_as_told_always_succeeds(
            limit in 1u32..100_000,
            takes in 0usize..300,
            urgent in any::<bool>(),
        ) {
            let mut budget = budget(limit);
            for _ in 0..takes {
                let _ = budget.take(Duration::ZERO, Priority::Urgent);
            }
            let priority = if urgent { Priority::Urgent } else { Priority::Normal };
            if let Err(Exhausted { retry_in }) = budget.take(Duration::ZERO, priority) {
                prop_assert!(retry_in <= MINUTE, "{retry_in:?}");
                prop_assert!(budget.take(retry_in, priority).is_ok());
            }
        }
    }
}
