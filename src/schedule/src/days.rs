//! Days of the week, as a person writes them.

use std::str::FromStr;

use jiff::civil::Weekday;

/// Some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days([bool; 7]);

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    pub(crate) const ALL: Self = Self([true; 7]);

    pub(crate) fn contains(self, day: Weekday) -> bool {
        self.0[place(day)]
    }
}

fn place(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

/// A text that names no days.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no day; expected days such as mon-fri or sat, sun")]
pub struct DaysError(String);

impl FromStr for Days {
    type Err = DaysError;

    /// `mon-fri`, `sat, sun`, `fri-mon`, or `daily`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        if text == "daily" {
            return Ok(Self::ALL);
        }
        let mut days = [false; 7];
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (named(first)?, named(last)?);
            days[day] = true;
            while day != last {
                day = (day + 1) % 7;
                days[day] = true;
            }
        }
        Ok(Self(days))
    }
}

fn named(text: &str) -> Result<usize, DaysError> {
    let text = text.trim();
    let day = NAMES.iter().position(|name| *name == text);
    day.ok_or_else(|| DaysError(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        let days = |text: &str| text.parse::<Days>().map(|days| days.0);
        let [o, x] = [false, true];
        for (text, expected) in [
            ("mon-fri", [x, x, x, x, x, o, o]),
            ("Sat, Sun", [o, o, o, o, o, x, x]),
            ("fri-mon", [x, o, o, o, x, x, x]),
            ("wed", [o, o, x, o, o, o, o]),
            ("daily", [x; 7]),
        ] {
            assert_eq!(days(text), Ok(expected), "{text}");
        }
        for wrong in ["", "monday", "mon-", "mon fri", "8", "mon,,tue"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
