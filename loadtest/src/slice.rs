//! A part of a run, for one of several machines.

use std::{fmt, str::FromStr};

use crate::text::ColumnError;

/// A part of a run: all the parts, each on a machine of its own, are exactly the whole. Parsed from
/// `2/5`, the second of five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slice {
    /// From 0.
    index: usize,
    of: usize,
}

impl Slice {
    /// The only slice of one.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// More machines than this would each have nearly nothing to do.
    pub(crate) const MOST: usize = 1000;

    /// All slices of so many, in order.
    pub(crate) fn all(of: usize) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    pub(crate) fn of(self) -> usize {
        self.of
    }

    /// This slice's share of a total that is split as evenly as it can be.
    pub(crate) fn share(self, total: usize) -> usize {
        total / self.of + usize::from(self.index < total % self.of)
    }

    /// The place of a worker, and how many there are, had all slices as many workers as this one.
    pub(crate) fn place(self, worker: usize, workers: usize) -> (usize, usize) {
        (self.index + self.of * worker, self.of * workers)
    }

    /// How many of the whole's arrivals before the `n`-th are this slice's.
    pub(crate) fn arrivals(self, n: u64) -> u64 {
        (n + (self.of - 1 - self.index) as u64) / self.of as u64
    }
}

impl Default for Slice {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl FromStr for Slice {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, of) = text.split_once('/').unwrap_or((text, ""));
        let of_at = text.len() - of.len();
        match (number.trim().parse(), of.trim().parse()) {
            (Ok(number @ 1..), Ok(of @ 1..=Self::MOST)) if number <= of => Ok(Self {
                index: number - 1,
                of,
            }),
            (Ok(1usize..), Ok(1..=Self::MOST)) => Err(ColumnError::new(
                text,
                0,
                "there are not that many slices: the last of five is 5/5",
            )),
            (Ok(1..), _) => Err(ColumnError::new(
                text,
                of_at,
                "expected the number of slices, from 1 to 1000, such as 2/5",
            )),
            _ => Err(ColumnError::new(
                text,
                0,
                "expected a slice, such as 2/5 for the second of five",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Slice;

    #[test]
    fn slices_share_out_the_whole() {
        for of in [1, 2, 3, 5, 7] {
            let slices = (1..=of).map(|n| format!("{n}/{of}").parse::<Slice>().expect("valid"));
            let slices: Vec<Slice> = slices.collect();
            for total in [0, 1, 4, 256, 1001] {
                assert_eq!(
                    slices.iter().map(|slice| slice.share(total)).sum::<usize>(),
                    total
                );
                let arrivals = slices.iter().map(|slice| slice.arrivals(total as u64));
                assert_eq!(arrivals.sum::<u64>(), total as u64);
            }
        }
    }

    #[test]
    fn refusals_name_the_column() {
        for (text, column) in [
            ("0/5", 1),
            ("6/5", 1),
            ("2", 2),
            ("2/0", 3),
            ("2/x", 3),
            ("", 1),
        ] {
            assert_eq!(
                text.parse::<Slice>().expect_err(text).column(),
                column,
                "{text}"
            );
        }
    }
}
