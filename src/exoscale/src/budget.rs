//! How many API calls a minute are allowed: a token bucket, pure, with the clock passed in.
//!
//! It never waits; a refusal says when to come back. Part of the bucket is kept for urgent calls,
//! so that routine reads cannot keep a scale-out from being made.
//! Source: token bucket, RFC 2697 (single rate), in integers so that nothing is lost to rounding.

use std::{num::NonZeroU32, time::Duration};

/// One call, in a bucket's unit: with a refill of `r` calls a minute, each nanosecond adds `r` to
/// all buckets together.
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

/// Who takes calls from a budget: the first of them is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sharer(pub(crate) usize);

/// The calls that several sharers have between them.
///
/// A third of the limit may be used at once (the burst); a third of that burst is the reserve. The
/// refill is chosen so that burst and refill together stay within the limit in every 60 s, not
/// only on average.
///
/// One sharer has all of this in the common bucket. Of several, each has a bucket of its own, which
/// nobody else may use; together these hold half of the burst, and fill at equal rates. What a full
/// one cannot hold goes to the common bucket, which anyone may use. So a sharer that needs many
/// calls takes those that others leave, and never theirs.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    own: Vec<Bucket>,
    common: Bucket,
    /// In calls a minute, for all buckets together.
    refill_per_minute: u128,
    /// One call. The unit is so small that an equal part of the refill is a whole number.
    call: u128,
    updated: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    capacity: u128,
    reserve: u128,
    level: u128,
}

/// No call is left: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no call is left for {retry_in:?}")]
pub(crate) struct Exhausted {
    /// Until the next call of this priority, if nobody else takes it.
    pub(crate) retry_in: Duration,
}

impl Bucket {
    fn full(capacity: u128, reserve: u128) -> Self {
        Self {
            capacity,
            reserve,
            level: capacity,
        }
    }

    /// What a call of this priority leaves alone.
    fn kept(&self, priority: Priority) -> u128 {
        match priority {
            Priority::Normal => self.reserve,
            Priority::Urgent => 0,
        }
    }

    fn usable(&self, priority: Priority) -> u128 {
        self.level.saturating_sub(self.kept(priority))
    }

    /// Takes what is usable of `amount`; gives the rest.
    fn take(&mut self, amount: u128, priority: Priority) -> u128 {
        let taken = amount.min(self.usable(priority));
        self.level -= taken;
        amount - taken
    }

    /// Adds to it; gives what it cannot hold.
    fn add(&mut self, amount: u128) -> u128 {
        let fits = amount.min(self.capacity - self.level);
        self.level += fits;
        amount - fits
    }
}

impl Budget {
    /// Full buckets that let at most `limit` calls through in any half-open 60 s, for so many
    /// sharers (at least one). With fewer than thirty calls a minute for each, all is common.
    pub(crate) fn per_minute(limit: NonZeroU32, sharers: usize) -> Self {
        let sharers = sharers.max(1);
        let parts = sharers as u128;
        let call = CALL * parts;
        let limit = u128::from(limit.get());
        let burst = limit.div_ceil(3);
        let own = if sharers > 1 && burst >= 10 * parts {
            burst * CALL / 2
        } else {
            0
        };
        let common = burst * call - own * parts;
        Self {
            own: vec![Bucket::full(own, own / 3); sharers],
            common: Bucket::full(common, common / call / 3 * call),
            // Less than `refill` whole calls arrive in a half-open minute, hence the one more.
            refill_per_minute: limit - burst + 1,
            call,
            updated: Duration::ZERO,
        }
    }

    /// Takes one call at `now` (since any fixed start; a step backwards counts as no time).
    pub(crate) fn take(
        &mut self,
        now: Duration,
        sharer: Sharer,
        priority: Priority,
    ) -> Result<(), Exhausted> {
        self.take_together(now, sharer, priority, 1).map(|_| ())
    }

    /// Takes `calls` at once or none. Where that is more than ever fits, takes what does. Returns
    /// how many.
    pub(crate) fn take_together(
        &mut self,
        now: Duration,
        sharer: Sharer,
        priority: Priority,
        calls: u32,
    ) -> Result<u32, Exhausted> {
        self.refill(now);
        let buckets = [self.own[sharer.0], self.common];
        let fit = buckets.map(|bucket| bucket.capacity - bucket.kept(priority));
        let fit = (fit.iter().sum::<u128>() / self.call).max(1);
        let taken = u128::from(calls).min(fit);
        let needed = taken * self.call;
        let usable: u128 = buckets.iter().map(|bucket| bucket.usable(priority)).sum();
        if usable < needed {
            return Err(Exhausted {
                retry_in: self.time_to(needed, buckets, priority),
            });
        }
        let rest = self.own[sharer.0].take(needed, priority);
        self.common.take(rest, priority);
        Ok(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Takes back calls that were not made.
    pub(crate) fn give_back(&mut self, sharer: Sharer, calls: u32) {
        let left = self.own[sharer.0].add(u128::from(calls) * self.call);
        self.common.add(left);
    }

    /// How long it takes until so much is usable, counting on nothing that others may leave: what
    /// comes fills the sharer's own bucket first.
    fn time_to(&self, needed: u128, [own, common]: [Bucket; 2], priority: Priority) -> Duration {
        let room = own.capacity - own.level;
        let of_own = (needed + own.kept(priority))
            .saturating_sub(common.usable(priority))
            .saturating_sub(own.level);
        let missing = if of_own <= room {
            of_own
        } else {
            let of_common = needed - (own.capacity - own.kept(priority));
            room + (of_common + common.kept(priority)).saturating_sub(common.level)
        };
        let parts = match own.capacity {
            0 => self.own.len() as u128,
            _ => 1,
        };
        let nanos = missing.div_ceil(self.refill_per_minute * parts);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.updated);
        // Of the finer unit each sharer gets as much as one alone got of the coarser.
        let each = elapsed.as_nanos().saturating_mul(self.refill_per_minute);
        for bucket in &mut self.own {
            let left = bucket.add(each);
            self.common.add(left);
        }
        self.updated = self.updated.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn budget(limit: u32) -> Budget {
        shared(limit, 1)
    }

    fn shared(limit: u32, sharers: usize) -> Budget {
        Budget::per_minute(NonZeroU32::new(limit).unwrap(), sharers)
    }

    const ALONE: Sharer = Sharer(0);

    #[test]
    fn a_refusal_says_exactly_when_the_next_call_comes() {
        let mut budget = budget(30);
        let start = Duration::from_secs(5);
        let mut taken = 0;
        let refusal = loop {
            match budget.take(start, ALONE, Priority::Normal) {
                Ok(()) => taken += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(taken, 7);
        let early = (start + refusal.retry_in).saturating_sub(Duration::from_nanos(1));
        assert!(budget.take(early, ALONE, Priority::Normal).is_err());
        assert!(
            budget
                .take(start + refusal.retry_in, ALONE, Priority::Normal)
                .is_ok()
        );
    }

    #[test]
    fn routine_calls_leave_the_reserve_to_urgent_ones() {
        let mut budget = budget(30);
        while budget.take(Duration::ZERO, ALONE, Priority::Normal).is_ok() {}
        for _ in 0..3 {
            assert!(budget.take(Duration::ZERO, ALONE, Priority::Urgent).is_ok());
        }
        assert!(
            budget
                .take(Duration::ZERO, ALONE, Priority::Urgent)
                .is_err()
        );
    }

    #[test]
    fn the_smallest_budget_is_one_call_a_minute() {
        let mut budget = budget(1);
        assert!(budget.take(Duration::ZERO, ALONE, Priority::Normal).is_ok());
        assert!(
            budget
                .take(
                    MINUTE.saturating_sub(Duration::from_nanos(1)),
                    ALONE,
                    Priority::Urgent
                )
                .is_err()
        );
        assert!(budget.take(MINUTE, ALONE, Priority::Normal).is_ok());
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut budget = budget(1);
        assert!(budget.take(MINUTE, ALONE, Priority::Normal).is_ok());
        assert!(
            budget
                .take(Duration::ZERO, ALONE, Priority::Normal)
                .is_err()
        );
        assert!(budget.take(MINUTE, ALONE, Priority::Normal).is_err());
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_calls_than_the_limit(
            limit in 1u32..200,
            sharers in 1usize..25,
            pauses in proptest::collection::vec((0u64..4_000, any::<bool>(), any::<usize>()), 1..800),
        ) {
            let mut budget = shared(limit, sharers);
            let mut now = Duration::ZERO;
            let mut taken: Vec<Duration> = Vec::new();
            for (pause, urgent, sharer) in pauses {
                now += Duration::from_millis(pause);
                let priority = if urgent { Priority::Urgent } else { Priority::Normal };
                if budget.take(now, Sharer(sharer % sharers), priority).is_ok() {
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
            sharers in 1usize..25,
            takes in 0usize..300,
            greedy: usize,
            urgent in any::<bool>(),
        ) {
            let mut budget = shared(limit, sharers);
            for _ in 0..takes {
                let _ = budget.take(Duration::ZERO, Sharer(greedy % sharers), Priority::Urgent);
            }
            let priority = if urgent { Priority::Urgent } else { Priority::Normal };
            if let Err(Exhausted { retry_in }) = budget.take(Duration::ZERO, ALONE, priority) {
                prop_assert!(retry_in <= MINUTE, "{retry_in:?}");
                prop_assert!(budget.take(retry_in, ALONE, priority).is_ok());
            }
        }

        #[test]
        fn calls_are_taken_together_or_not_at_all(
            limit in 1u32..1_000,
            sharers in 1usize..25,
            before in 0usize..300,
            calls in 1u32..6,
        ) {
            let mut budget = shared(limit, sharers);
            for _ in 0..before {
                let _ = budget.take(Duration::ZERO, ALONE, Priority::Urgent);
            }
            let untouched = budget.clone();
            let take = |budget: &mut Budget, now| {
                budget.take_together(now, ALONE, Priority::Normal, calls)
            };
            let taken = match take(&mut budget, Duration::ZERO) {
                Ok(taken) => taken,
                Err(Exhausted { retry_in }) => {
                    let level = |budget: &Budget| (budget.own[0].level, budget.common.level);
                    prop_assert_eq!(level(&budget), level(&untouched));
                    let taken = take(&mut budget, retry_in);
                    prop_assert!(taken.is_ok(), "{taken:?} after {retry_in:?}");
                    taken.unwrap()
                }
            };
            prop_assert!((1..=calls).contains(&taken));
            let levels = |budget: &Budget| {
                budget.own.iter().map(|own| own.level).sum::<u128>() + budget.common.level
            };
            let after = levels(&budget);
            budget.give_back(ALONE, taken);
            prop_assert_eq!(levels(&budget), after + u128::from(taken) * budget.call);
            // The smallest budgets hold fewer than were asked for.
            prop_assert!(taken == calls || limit < 30, "{taken} of {calls}");
        }

        /// Others may want as much as they like: who asks for no more than an equal part of half of
        /// the limit always gets it.
        #[test]
        fn a_sharer_gets_its_part_whatever_the_others_take(
            each in 30u32..90,
            sharers in 2usize..25,
            seconds in 1u64..300,
        ) {
            let limit = each * u32::try_from(sharers).unwrap();
            let mut budget = shared(limit, sharers);
            let every = MINUTE * 2 / each;
            let mut next = Duration::ZERO;
            let mut now = Duration::ZERO;
            while now < Duration::from_secs(seconds) {
                for other in 1..sharers {
                    while budget.take(now, Sharer(other), Priority::Urgent).is_ok() {}
                }
                if now >= next {
                    next = now + every;
                    prop_assert!(budget.take(now, ALONE, Priority::Normal).is_ok(), "at {now:?}");
                }
                now += Duration::from_millis(100);
            }
        }
    }
}
