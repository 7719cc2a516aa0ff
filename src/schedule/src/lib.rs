//! A pool's limits by the hour of the week.
//!
//! Nothing here reads a clock: the moment is an argument.

#![warn(missing_docs)]

mod days;
mod entry;

pub use days::DaysError;
pub use entry::{Entry, EntryError, EntrySettings};
use jiff::{SignedDuration, Timestamp};

/// Rows of which at most one is in force at a time.
#[derive(Clone, Debug, Default)]
pub struct Schedule(Vec<Entry>);

/// Two rows that are in force at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rows {first} and {second} are both in force at {at}; give them other days or times")]
pub struct Overlap {
    /// The number of one row, from 1.
    pub first: usize,
    /// The number of the other.
    pub second: usize,
    /// The first moment at which both are.
    pub at: Timestamp,
}

/// How far overlaps are looked for: two changes to summer time, of the zones that have them.
const YEAR: SignedDuration = SignedDuration::from_hours(24 * 400);

impl Schedule {
    /// A schedule of these rows, which must not overlap in the year after `now`.
    pub fn new(entries: Vec<Entry>, now: Timestamp) -> Result<Self, Overlap> {
        let until = now.saturating_add(YEAR).unwrap_or(Timestamp::MAX);
        let mut intervals = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let ahead = entry.intervals(now).take_while(|(from, _)| *from < until);
            intervals.extend(ahead.map(|(from, to)| (from, to, number + 1)));
        }
        intervals.sort_unstable();
        for pair in intervals.windows(2) {
            let ((_, ends, first), (begins, _, second)) = (pair[0], pair[1]);
            if begins < ends && first != second {
                return Err(Overlap {
                    first: first.min(second),
                    second: first.max(second),
                    at: begins,
                });
            }
        }
        Ok(Self(entries))
    }

    /// Its rows.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The row in force.
    pub fn at(&self, now: Timestamp) -> Option<&Entry> {
        self.0.iter().find(|entry| {
            let begun = entry.intervals(now).take_while(|(from, _)| *from <= now);
            begun.into_iter().any(|(_, to)| now < to)
        })
    }

    /// When the next row begins or the present one ends; `None` without rows.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let changes = self.0.iter().filter_map(|entry| {
            let ends = entry.intervals(now).flat_map(|(from, to)| [from, to]);
            ends.into_iter().find(|at| *at > now)
        });
        changes.min()
    }
}

#[cfg(test)]
mod tests;
