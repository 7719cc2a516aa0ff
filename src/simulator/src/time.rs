//! Virtual time: whole microseconds since the trace began, so that no machine rounds otherwise.

use std::time::Duration;

use policy::Moment;

/// Microseconds; what was there before the trace began has a negative time.
pub type Micros = i64;

/// One second.
pub(crate) const SECOND: Micros = 1_000_000;
/// One minute.
pub(crate) const MINUTE: Micros = 60 * SECOND;
/// One hour.
pub(crate) const HOUR: Micros = 60 * MINUTE;

/// A length of time in microseconds; the longest is some 292,000 years.
pub(crate) fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX / 4)
}

/// So many times a length of time.
pub(crate) fn times(count: usize, time: Micros) -> Micros {
    Micros::try_from(count)
        .unwrap_or(Micros::MAX)
        .saturating_mul(time)
}

/// The same in seconds.
pub(crate) fn seconds(time: Micros) -> f64 {
    time as f64 / SECOND as f64
}

/// The same as a length of time; nothing is shorter than zero.
pub(crate) fn duration(time: Micros) -> Duration {
    Duration::from_micros(u64::try_from(time).unwrap_or(0))
}

/// As the policy counts.
pub(crate) fn moment(at: Micros) -> Moment {
    Moment::at(duration(at))
}

/// The inverse of [`moment`].
pub(crate) fn at(moment: Moment) -> Micros {
    micros(moment.since_start())
}
