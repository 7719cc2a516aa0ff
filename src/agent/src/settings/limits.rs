//! The least and the most that each time and each number may be.
//!
//! The most is far beyond what is useful. It keeps sums and products of settings from overflow, so that no
//! value can make the agent panic, and it turns a slip of the unit into a mistake that is told.

use std::{ops::RangeInclusive, time::Duration};

use program::time_text::{DAY, HOUR, MINUTE, SECOND};

const NONE: Duration = Duration::ZERO;
const MOMENT: Duration = Duration::from_millis(10);
const TENTH: Duration = Duration::from_millis(100);

/// Exoscale's pools have a lower limit, by the account's quota.
const MOST_MEMBERS: u32 = 10_000;
/// A member serves on when a drain was not renewed for a minute (`slow-app --drain-lease`).
const LONGEST_DRAIN_POLL: Duration = Duration::from_secs(20);
/// Connections are kept no longer than this for a body.
const LONGEST_BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Some 17,000 a second; any API refuses that.
const MOST_CALLS_PER_MINUTE: u32 = 1_000_000;

const TIMES: [(&str, Duration, Duration); 16] = [
    ("exoscale.request_timeout", TENTH, Duration::from_secs(600)),
    ("exoscale.operation_timeout", SECOND, DAY),
    ("scaling.window", SECOND, DAY),
    ("scaling.max_read_age", TENTH, HOUR),
    ("scaling.retry", TENTH, HOUR),
    ("scale_out.alert_lifetime", SECOND, DAY),
    ("scale_out.capacity_pause", SECOND, DAY),
    ("scale_out.capacity_pause_max", SECOND, DAY),
    ("scale_in.alert_lifetime", SECOND, DAY),
    ("scale_in.stabilisation", NONE, DAY),
    ("scale_in.warm_up", NONE, DAY),
    ("drain.timeout", NONE, HOUR),
    ("drain.poll", MOMENT, LONGEST_DRAIN_POLL),
    ("discovery.interval", TENTH, HOUR),
    ("discovery.confirm_after", NONE, MINUTE),
    ("alerts.body_timeout", TENTH, LONGEST_BODY_TIMEOUT),
];

const COUNTS: [(&str, u32, u32); 5] = [
    ("exoscale.calls_per_minute", 1, MOST_CALLS_PER_MINUTE),
    ("scaling.min_size", 1, MOST_MEMBERS),
    ("scaling.max_size", 1, MOST_MEMBERS),
    ("scale_out.step", 1, MOST_MEMBERS),
    ("scale_in.step", 1, MOST_MEMBERS),
];

fn range<T: Copy>(table: &[(&str, T, T)], key: &str) -> Option<RangeInclusive<T>> {
    let entry = table.iter().find(|(known, _, _)| *known == key);
    entry.map(|(_, least, most)| *least..=*most)
}

/// What a time may be; `None` for a key that is none.
pub fn time_range(key: &str) -> Option<RangeInclusive<Duration>> {
    range(&TIMES, key)
}

/// What a number may be; `None` for a key that is none.
pub fn count_range(key: &str) -> Option<RangeInclusive<u32>> {
    range(&COUNTS, key)
}
