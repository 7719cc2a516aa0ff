//! Two runs side by side.

use std::fmt::Write as _;

use crate::{record::Summary, text::show_nanos};

/// Writes what changed from one run to another, with ratios.
pub fn compare((name_a, a): (&str, &Summary), (name_b, b): (&str, &Summary)) -> String {
    let mut out = format!("{:<24}{:>16}{:>16}{:>10}\n", "", "A", "B", "B/A");
    let mut row = |name: &str, a: f64, b: f64, show: &dyn Fn(f64) -> String| {
        let ratio = if a > 0.0 {
            format!("{:.3}", b / a)
        } else {
            "-".to_owned()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<24}{:>16}{:>16}{ratio:>10}", show(a), show(b));
    };
    let count = |value: f64| format!("{value:.0}");
    let percent = |value: f64| format!("{:.3} %", value * 100.0);
    let time = |nanos: f64| show_nanos(nanos as u64);
    row(
        "requests sent",
        a.accounts.started() as f64,
        b.accounts.started() as f64,
        &count,
    );
    row("rate (1/s)", a.rate(), b.rate(), &|rate| {
        format!("{rate:.1}")
    });
    row(
        "delivered",
        a.accounts.delivered(),
        b.accounts.delivered(),
        &percent,
    );
    row("failed", a.error_rate(), b.error_rate(), &percent);
    for (kind, a, b) in [
        ("response", &a.response, &b.response),
        ("service", &a.service, &b.service),
    ] {
        for (name, a, b) in [
            ("mean", a.mean, b.mean),
            ("p50", a.p50, b.p50),
            ("p90", a.p90, b.p90),
            ("p99", a.p99, b.p99),
            ("p99.9", a.p999, b.p999),
            ("max", a.max, b.max),
        ] {
            row(&format!("{kind} {name}"), a as f64, b as f64, &time);
        }
    }
    row(
        "send lag p99",
        a.send_lag.p99 as f64,
        b.send_lag.p99 as f64,
        &time,
    );
    row(
        "backends",
        a.backends.len() as f64,
        b.backends.len() as f64,
        &count,
    );
    let _ = writeln!(out, "\nA: {name_a}\nB: {name_b}");
    for (name, summary) in [("A", a), ("B", b)] {
        for warning in &summary.warnings {
            let _ = writeln!(out, "warning for {name}: {}", warning.text);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::record::{Latency, Summary};

    #[test]
    fn ratios_are_b_over_a() {
        let run = |p99| Summary {
            response: Latency {
                count: 1,
                p99,
                ..Latency::default()
            },
            ..Summary::default()
        };
        let text = compare(("one", &run(2_000_000)), ("two", &run(3_000_000)));
        let row = text
            .lines()
            .find(|line| line.starts_with("response p99 "))
            .expect("a row");
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["response", "p99", "2.00ms", "3.00ms", "1.500"]
        );
    }
}
