//! Small languages of the command line: durations, and errors that point at a column.

use std::time::Duration;

/// A text that was refused: where, and why. Displays the text with a caret under the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    text: String,
    column: usize,
    reason: String,
}

impl ColumnError {
    /// `at` is a byte offset into `text`.
    pub(crate) fn new(text: &str, at: usize, reason: &str) -> Self {
        let before = text.get(..at).unwrap_or(text);
        Self {
            text: text.to_owned(),
            column: before.chars().count() + 1,
            reason: reason.to_owned(),
        }
    }

    /// The column, counted in characters from 1.
    #[cfg(test)]
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Why the text was refused.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same error, shown with another text of as many characters.
    pub(crate) fn with_text(self, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..self
        }
    }

    /// The same error, for a text in which this one's was found at byte `at`.
    pub(crate) fn inside(self, text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text).chars().count();
        Self {
            text: text.to_owned(),
            column: before + self.column,
            reason: self.reason,
        }
    }
}

impl std::fmt::Display for ColumnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            text,
            column,
            reason,
        } = self;
        write!(f, "column {column}: {reason}\n  {text}\n  {:>column$}", "^")
    }
}

impl std::error::Error for ColumnError {}

/// An error and what caused it, in one line. What repeats its cause says it once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The longest duration that is taken: a year. Sums of several cannot overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Parses `250us`, `10ms`, `1.5s`, `2m`, `1h` and sums such as `1m30s`.
pub fn parse_duration(text: &str) -> Result<Duration, ColumnError> {
    let mut total = Duration::ZERO;
    let mut at = 0;
    if text.is_empty() {
        return Err(ColumnError::new(
            text,
            0,
            "a duration is missing, such as 10s, 500ms or 1m30s",
        ));
    }
    while at < text.len() {
        let rest = &text[at..];
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| {
            ColumnError::new(
                text,
                at,
                "expected a number with a unit, such as 10s, 500ms or 1m30s",
            )
        })?;
        let unit_text = &rest[digits..];
        let unit_len = unit_text
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(unit_text.len());
        let seconds = match &unit_text[..unit_len] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => {
                return Err(ColumnError::new(
                    text,
                    at + digits,
                    "the unit is missing: us, ms, s, m or h",
                ));
            }
            unit => {
                let reason = format!("{unit:?} is not a unit: use us, ms, s, m or h");
                return Err(ColumnError::new(text, at + digits, &reason));
            }
        };
        let part = Duration::try_from_secs_f64(number * seconds).ok();
        let sum = part.and_then(|part| total.checked_add(part));
        total = sum
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| ColumnError::new(text, at, "a duration is at most a year (8784h)"))?;
        at += digits + unit_len;
    }
    Ok(total)
}

/// Writes nanoseconds with three digits and the unit that fits: `87µs`, `1.25ms`, `3.40s`.
pub fn show_nanos(nanos: u64) -> String {
    let value = nanos as f64;
    let (value, unit) = match nanos {
        0..1_000 => (value, "ns"),
        1_000..1_000_000 => (value / 1e3, "µs"),
        1_000_000..1_000_000_000 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    };
    let digits = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.digits$}{unit}")
}

/// Writes a duration the way [`parse_duration`] reads it: `1h`, `1m30s`, `250ms`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos() as u64;
    let seconds = duration.as_secs();
    if nanos < 1_000_000_000 || !nanos.is_multiple_of(1_000_000_000) {
        let whole = format!("{:.3}", duration.as_secs_f64());
        let short = whole.trim_end_matches('0').trim_end_matches('.');
        return if nanos < 1_000_000_000 {
            show_nanos(nanos)
        } else {
            format!("{short}s")
        };
    }
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    shown.concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ColumnError, parse_duration, show_duration, show_nanos};

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("10s", 10_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for (text, column) in [
            ("", 1),
            ("10", 3),
            ("10x", 3),
            ("s", 1),
            ("1m30", 5),
            ("1..2s", 1),
            ("9000h", 1),
            ("1s8784h", 3),
            ("99999999999999999999999h", 1),
            ("18000000000000000000s18000000000000000000s", 1),
        ] {
            assert_eq!(
                parse_duration(text).expect_err(text).column(),
                column,
                "{text}"
            );
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["10s", "1m30s", "1h", "2h1s", "1.5s"] {
            assert_eq!(show_duration(parse_duration(text).expect(text)), text);
        }
        assert_eq!(show_nanos(87_000), "87.0µs");
        assert_eq!(show_nanos(1_251_000), "1.25ms");
    }

    #[test]
    fn an_error_points_at_its_column() {
        let shown = ColumnError::new("10s@x", 4, "not a rate").to_string();
        assert_eq!(shown, "column 5: not a rate\n  10s@x\n      ^");
    }
}
