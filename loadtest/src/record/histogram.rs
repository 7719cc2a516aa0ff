//! Histograms of nanoseconds that add exactly.

use hdrhistogram::Histogram;

/// An hour in nanoseconds: anything longer is recorded as this.
pub(crate) const LONGEST: u64 = 3_600_000_000_000;

/// A histogram of nanoseconds with three digits, which starts small and grows to [`LONGEST`].
pub(crate) fn new_histogram() -> Histogram<u64> {
    // The bounds are constants that the constructor accepts (checked by a test).
    let mut histogram = Histogram::new_with_bounds(256, 16_000_000, 3)
        .unwrap_or_else(|_| unreachable!("constant bounds are valid"));
    histogram.auto(true);
    histogram
}

/// Records a time; what is longer than an hour counts as an hour.
pub(crate) fn record(histogram: &mut Histogram<u64>, nanos: u64) {
    // A growing histogram accepts every value. (Its `saturating_record` would not grow.)
    histogram
        .record(nanos.min(LONGEST))
        .unwrap_or_else(|_| unreachable!("a histogram that grows accepts all values"));
}

pub(crate) fn add(total: &mut Histogram<u64>, part: &Histogram<u64>) {
    if !part.is_empty() {
        // A growing histogram accepts every value of another.
        total
            .add(part)
            .unwrap_or_else(|_| unreachable!("a histogram that grows accepts all values"));
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, add, new_histogram, record};

    #[test]
    fn histograms_grow_to_an_hour_and_add_exactly() {
        let (mut a, mut b) = (new_histogram(), new_histogram());
        record(&mut a, 1_000);
        record(&mut b, u64::MAX);
        record(&mut b, 50_000);
        add(&mut a, &b);
        assert_eq!(a.len(), 3);
        assert!(a.max() >= LONGEST && a.max() < LONGEST / 100 * 101);
    }
}
