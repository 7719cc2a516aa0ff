//! Lengths of time as people write them, each with a least and a longest value.
//!
//! The longest is never a taste: it is what keeps sums of times far from overflow.

use std::{ops::RangeInclusive, time::Duration};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// Why a text is not such a length of time; to follow "the value is".
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    #[error("not a duration (for example 60s)")]
    Form(#[source] humantime::DurationError),
    #[error("shorter than {}", humantime::format_duration(*least))]
    TooShort { least: Duration },
    #[error("longer than {}", humantime::format_duration(*most))]
    TooLong { most: Duration },
}

/// Reads a length of time within `range`.
pub fn time(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, TimeError> {
    let time = humantime::parse_duration(text).map_err(TimeError::Form)?;
    if time < *range.start() {
        let least = *range.start();
        return Err(TimeError::TooShort { least });
    }
    if time > *range.end() {
        let most = *range.end();
        return Err(TimeError::TooLong { most });
    }
    Ok(time)
}

/// A parser for a command line's argument.
pub fn time_within(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        time(text, &range)
            .map_err(|error| format!("it is {}", crate::error_chain::with_causes(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_within_its_range() {
        let range = SECOND..=HOUR;
        assert_eq!(time("1s", &range).unwrap(), SECOND);
        assert_eq!(time("60m", &range).unwrap(), HOUR);
        let text = |text| time(text, &range).unwrap_err().to_string();
        assert_eq!(text("999ms"), "shorter than 1s");
        assert_eq!(text("3601s"), "longer than 1h");
        assert_eq!(text("18446744073709551615s"), "longer than 1h");
        for wrong in [
            "",
            "-1s",
            "1",
            "soon",
            "1.5.5s",
            "18446744073709551616s",
            "9e9s",
        ] {
            assert_eq!(text(wrong), "not a duration (for example 60s)", "{wrong:?}");
        }
    }

    #[test]
    fn an_argument_is_told_why() {
        let parse = time_within(SECOND..=HOUR);
        assert_eq!(parse("5m"), Ok(5 * MINUTE));
        assert_eq!(parse("2d"), Err("it is longer than 1h".to_owned()));
    }
}
