//! The percentile spectrum as `HdrHistogram`'s tools print it (`.hgrm`), in milliseconds.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Writes a histogram of nanoseconds.
pub fn hgrm(histogram: &Histogram<u64>) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let total = histogram.len();
    let mut count = 0;
    for value in histogram.iter_quantiles(5) {
        count += value.count_since_last_iteration();
        let millis = value.value_iterated_to().min(histogram.max()) as f64 / 1e6;
        let quantile = value.quantile_iterated_to();
        // Writing to a String cannot fail.
        let _ = if count < total {
            writeln!(
                text,
                "{millis:>12.3} {quantile:>2.12} {count:>10} {:>14.2}",
                1.0 / (1.0 - quantile)
            )
        } else {
            writeln!(text, "{millis:>12.3} {:>2.12} {count:>10}", 1.0)
        };
        if count == total {
            break;
        }
    }
    let millis = |nanos: f64| nanos / 1e6;
    let _ = writeln!(
        text,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]\n#[Max     = {:>12.3}, Total count    = {total:>12}]\n#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        millis(histogram.mean()),
        millis(histogram.stdev()),
        millis(histogram.max() as f64),
        histogram.buckets(),
        2048,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::hgrm;
    use crate::record::{new_histogram, record};

    #[test]
    fn columns_are_those_of_the_standard_tools() {
        let mut histogram = new_histogram();
        (1..=1000).for_each(|millis| record(&mut histogram, millis * 1_000_000));
        let text = hgrm(&histogram);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(2)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0].len(), 4, "{text}");
        let median = rows
            .iter()
            .find(|row| row[1].starts_with("0.5"))
            .expect("a median");
        assert_eq!(median[2], "500");
        assert!(
            text.contains("1000") && text.contains("#[Max     ="),
            "{text}"
        );
        let last = rows
            .iter()
            .rfind(|row| !row[0].starts_with("#["))
            .expect("a last row");
        assert_eq!(
            (last[1], last[2], last.len()),
            ("1.000000000000", "1000", 3)
        );
        assert!(hgrm(&new_histogram()).contains("Total count    =            0"));
    }
}
