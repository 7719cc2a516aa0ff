//! One row of a schedule.

use std::fmt;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::Deserialize;

use super::days::{Days, DaysError};

/// A row as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntrySettings {
    /// Days on which it begins, such as `mon-fri`; every day where it is not set.
    pub days: Option<String>,
    /// When it begins, such as `07:30`.
    pub from: String,
    /// When it ends: on the same day if later than `from`, else on the next; `24:00` is the day's
    /// end.
    pub to: String,
    /// The time zone, such as `Europe/Vienna`.
    pub time_zone: String,
    /// The smallest size meanwhile.
    pub min_size: u32,
    /// The largest size meanwhile.
    pub max_size: Option<u32>,
}

/// A row that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No days.
    #[error("days: {0}")]
    Days(#[from] DaysError),
    /// No time of day.
    #[error("{key}: `{text}` is no time of day; expected one such as 07:30")]
    Time {
        /// The key of the row.
        key: &'static str,
        /// What is written.
        text: String,
    },
    /// It lasts no time.
    #[error("to: is the same as `from`; for a whole day write 00:00 and 24:00")]
    Empty,
    /// No such zone.
    #[error("time_zone: `{0}` is unknown; expected a name such as Europe/Vienna or UTC")]
    Zone(String),
    /// A pool has a member at least.
    #[error("min_size: is 0, but an instance pool has at least 1 member")]
    NoMember,
    /// The limits cross.
    #[error("max_size: {max} is smaller than min_size, {min}")]
    Crossed {
        /// The smallest size.
        min: u32,
        /// The largest size.
        max: u32,
    },
}

/// A row that makes sense.
#[derive(Clone, Debug)]
pub struct Entry {
    settings: EntrySettings,
    days: Days,
    from: Time,
    to: Time,
    /// Whether it ends on the day after the one on which it begins.
    ends_next_day: bool,
    zone: TimeZone,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EntrySettings {
            days,
            from,
            to,
            time_zone,
            min_size,
            max_size,
        } = &self.settings;
        let days = days.as_deref().unwrap_or("daily");
        write!(f, "{days} {from} to {to} {time_zone}: at least {min_size}")?;
        match max_size {
            Some(max) => write!(f, ", at most {max}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<EntrySettings> for Entry {
    type Error = EntryError;

    fn try_from(settings: EntrySettings) -> Result<Self, Self::Error> {
        let days = settings.days.as_deref().map_or(Ok(Days::ALL), str::parse)?;
        let from = time("from", &settings.from)?;
        let (to, is_midnight) = match settings.to.trim() {
            "24:00" => (Time::midnight(), true),
            text => (time("to", text)?, false),
        };
        if from == to && !is_midnight {
            return Err(EntryError::Empty);
        }
        let zone = TimeZone::get(settings.time_zone.trim())
            .map_err(|_| EntryError::Zone(settings.time_zone.clone()))?;
        match (settings.min_size, settings.max_size) {
            (0, _) => return Err(EntryError::NoMember),
            (min, Some(max)) if max < min => return Err(EntryError::Crossed { min, max }),
            _ => {}
        }
        Ok(Self {
            days,
            from,
            to,
            ends_next_day: to <= from,
            zone,
            settings,
        })
    }
}

fn time(key: &'static str, text: &str) -> Result<Time, EntryError> {
    let wrong = || EntryError::Time {
        key,
        text: text.to_owned(),
    };
    let text = text.trim();
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let parsed = text.parse().ok().filter(|_| is_plain && text.contains(':'));
    parsed.ok_or_else(wrong)
}

impl Entry {
    /// As it is written.
    pub fn settings(&self) -> &EntrySettings {
        &self.settings
    }

    /// The intervals that begin on days from two before `now` on, in order, without end.
    pub(crate) fn intervals(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = now.to_zoned_datetime(self.zone.clone()).date();
        let first = today.saturating_sub(SignedDuration::from_hours(48));
        first
            .series(jiff::Span::new().days(1))
            .filter(|day| self.days.contains(day.weekday()))
            .filter_map(|day| self.on(day))
    }

    /// The interval that begins on this day. A clock that is put forward can leave nothing of it.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.ends_next_day {
            day.tomorrow().ok()?
        } else {
            day
        };
        // A time that a day skips is as long after the gap as it would be after its start; of one
        // that a day has twice, the first counts.
        let at = |day: Date, time: Time| {
            let zoned = self.zone.to_ambiguous_zoned_datetime(day.to_datetime(time));
            Some(zoned.compatible().ok()?.timestamp())
        };
        let (from, to) = (at(day, self.from)?, at(last, self.to)?);
        (from < to).then_some((from, to))
    }
}
