//! When to try again: exponential back-off with full jitter, and the `Retry-After` header. Pure.
//!
//! Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015; RFC 9110, 10.2.3.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// A longer `Retry-After` is taken for this: a mistaken header must not silence the agent.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How the pauses between tries grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The most before the first retry; doubles with each.
    pub base: Duration,
    /// No pause is longer.
    pub cap: Duration,
}

impl Backoff {
    /// The pause before retry number `retry` (from 0), for a random number in 0..1: anything from
    /// nothing to the exponential bound, so that clients which failed together do not return
    /// together.
    pub fn pause(&self, retry: u32, random: f64) -> Duration {
        let factor = 1_u32.checked_shl(retry).unwrap_or(u32::MAX);
        let bound = self.base.saturating_mul(factor).min(self.cap);
        bound.mul_f64(random.clamp(0.0, 1.0))
    }

    /// Between a half and the whole of the bound: for polling, where no pause at all is wasteful.
    pub fn poll_pause(&self, poll: u32, random: f64) -> Duration {
        self.pause(poll, 0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

/// Reads a `Retry-After` value: seconds, or an HTTP date. Nothing if it is neither.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = DateTimeParser::new().parse_timestamp(value).ok()?;
        // A date in the past means "now".
        Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_seconds_and_dates() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let seconds = |text| retry_after(text, now).map(|d| d.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999"), Some(3600));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("-5"), None);
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let backoff = Backoff {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(1),
        };
        let longest: Vec<u128> = (0..6).map(|n| backoff.pause(n, 1.0).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000]);
    }

    proptest! {
        #[test]
        fn no_pause_exceeds_the_cap(base in 0u64..1_000_000, cap in 0u64..1_000_000, n: u32, random: f64) {
            let backoff = Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
            prop_assert!(backoff.pause(n, random) <= backoff.cap);
            prop_assert!(backoff.poll_pause(n, random) <= backoff.cap);
        }

        #[test]
        fn no_header_panics(text in "\\PC{0,40}") {
            let _ = retry_after(&text, Timestamp::UNIX_EPOCH);
        }
    }
}
