//! The percentiles that reports show.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::text::show_nanos;

/// Percentiles of one histogram. All zero when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// How many requests it is about.
    pub count: u64,
    /// The mean, in nanoseconds.
    pub mean: u64,
    /// The median, in nanoseconds.
    pub p50: u64,
    /// 90 % took no longer, in nanoseconds.
    pub p90: u64,
    /// 99 % took no longer, in nanoseconds.
    pub p99: u64,
    /// 99.9 % took no longer, in nanoseconds.
    pub p999: u64,
    /// The longest, in nanoseconds.
    pub max: u64,
}

impl Latency {
    /// Reads the percentiles of a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        Self {
            count: histogram.len(),
            mean: histogram.mean() as u64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        }
    }

    /// One of its times for a reader; a dash when nothing was recorded.
    pub fn show(&self, nanos: u64) -> String {
        if self.count > 0 {
            show_nanos(nanos)
        } else {
            "–".to_owned()
        }
    }

    /// Both together, where their histograms are gone: the worse of each percentile.
    pub(crate) fn worse(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        let sum = |latency: &Self| u128::from(latency.mean) * u128::from(latency.count);
        let mean = (sum(self) + sum(other)) / u128::from(count.max(1));
        Self {
            count,
            mean: u64::try_from(mean).unwrap_or(u64::MAX),
            p50: self.p50.max(other.p50),
            p90: self.p90.max(other.p90),
            p99: self.p99.max(other.p99),
            p999: self.p999.max(other.p999),
            max: self.max.max(other.max),
        }
    }
}
