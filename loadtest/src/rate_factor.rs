//! A rate that is changed while a run is under way.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// By how much a run's rate differs from its profile's; its clones change together, also while the
/// run is under way. A closed loop heeds none.
#[derive(Clone, Debug)]
pub struct RateFactor(Arc<AtomicU64>);

impl RateFactor {
    /// What may be set: never zero, which would leave a schedule without a next request.
    pub const RANGE: std::ops::RangeInclusive<f64> = 0.01..=100.0;

    /// Counts from each worker's next request but one, since the next is drawn already. What is
    /// outside [`Self::RANGE`] becomes its nearer end, and what is no number 1.
    pub fn set(&self, factor: f64) {
        let factor = if factor.is_nan() { 1.0 } else { factor };
        let factor = factor.clamp(*Self::RANGE.start(), *Self::RANGE.end());
        self.0.store(factor.to_bits(), Ordering::Relaxed);
    }

    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Default for RateFactor {
    /// The profile's own rate.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1.0_f64.to_bits())))
    }
}

#[cfg(test)]
mod tests {
    use super::RateFactor;

    #[test]
    fn a_factor_is_a_number_above_zero() {
        let factor = RateFactor::default();
        for (set, got) in [
            (0.0, 0.01),
            (-1.0, 0.01),
            (1e9, 100.0),
            (f64::NAN, 1.0),
            (1.25, 1.25),
        ] {
            factor.set(set);
            assert_eq!(factor.get().to_bits(), f64::to_bits(got), "{set}");
        }
    }
}
