//! The run over time for spreadsheets: comma-separated values by RFC 4180.

use std::fmt::Write as _;

use crate::record::{Latency, Summary};

/// The names of the columns. Those of a latency end with its unit and are empty where nothing was
/// measured.
const HEADER: &str = "start_s,seconds,asked,sent,ok,failures,p50_ms,p90_ms,p99_ms,max_ms,in_flight,backlog,connections";

/// Writes a line for each point of the run's series.
pub fn csv(summary: &Summary) -> String {
    let mut out = format!("{HEADER}\r\n");
    for point in &summary.series {
        let Latency {
            p50, p90, p99, max, ..
        } = point.response;
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(|nanos| {
            if point.response.count > 0 {
                format!("{:.6}", nanos as f64 / 1e6)
            } else {
                String::new()
            }
        });
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{:.3},{:.3},{:.3},{},{},{},{p50},{p90},{p99},{max},{},{},{}\r\n",
            point.start,
            point.seconds,
            point.asked,
            point.started,
            point.ok,
            point.failures.values().sum::<u64>(),
            point.gauges.in_flight,
            point.gauges.backlog,
            point.gauges.connections
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::csv;
    use crate::record::{Failure, Gauges, Latency, Point, Summary};

    #[test]
    fn a_line_has_the_numbers_of_its_columns_and_nothing_for_no_latency() {
        let point = Point {
            start: 1.0,
            seconds: 0.5,
            asked: 49.75,
            started: 49,
            ok: 40,
            failures: [(Failure::Refused, 2), (Failure::Status5xx, 3)].into(),
            response: Latency {
                count: 40,
                p50: 1_500_000,
                max: 2_000_000_000,
                ..Latency::default()
            },
            gauges: Gauges {
                in_flight: 4,
                backlog: 1,
                connections: 8,
            },
            ..Point::default()
        };
        let silent = Point {
            start: 1.5,
            seconds: 0.5,
            ..Point::default()
        };
        let summary = Summary {
            series: vec![point, silent],
            ..Summary::default()
        };
        let text = csv(&summary);
        let mut lines = text.split("\r\n");
        let columns = lines.next().expect("a header").split(',').count();
        assert_eq!(
            lines.next(),
            Some("1.000,0.500,49.750,49,40,5,1.500000,0.000000,0.000000,2000.000000,4,1,8")
        );
        assert_eq!(lines.next(), Some("1.500,0.500,0.000,0,0,0,,,,,0,0,0"));
        assert_eq!((lines.next(), lines.next()), (Some(""), None));
        for line in text.lines() {
            assert_eq!(line.split(',').count(), columns, "{line}");
        }
    }
}
