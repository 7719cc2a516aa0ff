//! Which statuses are expected.

use std::{fmt, str::FromStr};

use crate::text::ColumnError;

/// Statuses, such as `200,201,3xx,410-419`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedStatuses {
    text: String,
    ranges: Vec<(u16, u16)>,
}

impl ExpectedStatuses {
    pub(super) fn contains(&self, status: u16) -> bool {
        let has = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
        self.ranges.iter().any(has)
    }
}

impl fmt::Display for ExpectedStatuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ExpectedStatuses {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut ranges = Vec::new();
        let mut at = 0;
        for part in text.split(',') {
            let range = status_range(part.trim()).ok_or_else(|| {
                let start = at + (part.len() - part.trim_start().len());
                let reason = "expected a status from 100 to 599, a class or a range, such as 200,3xx,410-419";
                ColumnError::new(text, start, reason)
            })?;
            ranges.push(range);
            at += part.len() + 1;
        }
        Ok(Self {
            text: text.split_whitespace().collect(),
            ranges,
        })
    }
}

fn status_range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let is_status = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_status.then(|| text.parse().ok()).flatten();
        number.filter(|status| (100..600).contains(status))
    };
    let lower = text.to_ascii_lowercase();
    if let Some(class) = lower.strip_suffix("xx") {
        let first = number(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::ExpectedStatuses;

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        let list: ExpectedStatuses = "200, 3xx,410-419".parse().expect("valid");
        for (status, expected) in [
            (200, true),
            (201, false),
            (300, true),
            (399, true),
            (410, true),
            (419, true),
            (420, false),
        ] {
            assert_eq!(list.contains(status), expected, "{status}");
        }
        assert_eq!(list.to_string(), "200,3xx,410-419");
        for (text, column) in [
            ("", 1),
            ("200,", 5),
            ("200,x", 5),
            ("0xx", 1),
            ("6xx", 1),
            ("200, 20", 6),
            ("300-200", 1),
            ("+20", 1),
            ("200-", 1),
        ] {
            let error = text.parse::<ExpectedStatuses>().expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
        }
    }
}
