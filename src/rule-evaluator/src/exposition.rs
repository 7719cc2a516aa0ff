//! Reads the metrics the rule evaluator needs out of a node exporter's answer.
//!
//! Form: Prometheus' text exposition format, version 0.0.4. Lines that are not understood are
//! skipped, as are values that are not finite: a broken line must not pass for a reading of zero.

use std::time::Duration;

/// One `node_cpu_seconds_total` series of one scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuCounter {
    /// The labels that tell the series apart: `cpu` and `mode`.
    pub key: (String, String),
    /// Seconds spent so far.
    pub seconds: f64,
}

impl CpuCounter {
    /// Whether these are seconds in which the CPU did nothing.
    pub fn is_idle(&self) -> bool {
        self.key.1 == "idle"
    }
}

/// What one scrape of an instance said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeMetrics {
    /// `node_cpu_seconds_total`, by CPU and mode.
    pub cpu: Vec<CpuCounter>,
    /// `node_boot_time_seconds`: the Unix time at which the instance started.
    pub boot_time: Option<f64>,
    /// `node_time_seconds`: the Unix time at which it answered.
    pub time: Option<f64>,
}

impl NodeMetrics {
    /// Since the boot, by the instance's own clock, as the alert rules reckon.
    pub fn age(&self) -> Option<Duration> {
        // A clock that was put back since the boot makes it negative.
        Some(Duration::try_from_secs_f64(self.time? - self.boot_time?).unwrap_or_default())
    }
}

/// Reads an exporter's answer.
pub fn parse(text: &str) -> NodeMetrics {
    let mut metrics = NodeMetrics::default();
    for line in text.lines() {
        let Some((name, labels, value)) = sample(line.trim()) else {
            continue;
        };
        match name {
            "node_cpu_seconds_total" => {
                let label = |name: &str| {
                    labels
                        .iter()
                        .find(|(key, _)| *key == name)
                        .map(|(_, value)| value.clone())
                };
                if let (Some(cpu), Some(mode)) = (label("cpu"), label("mode")) {
                    metrics.cpu.push(CpuCounter {
                        key: (cpu, mode),
                        seconds: value,
                    });
                }
            }
            "node_boot_time_seconds" => metrics.boot_time = Some(value),
            "node_time_seconds" => metrics.time = Some(value),
            _ => {}
        }
    }
    metrics
}

type Labels<'a> = Vec<(&'a str, String)>;

/// `name{label="value",…} value [timestamp]`; `None` for comments and for what is not a finite
/// sample.
fn sample(line: &str) -> Option<(&str, Labels<'_>, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(|character: char| character == '{' || character.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some((name, labels, value))
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, value) = rest.split_once('=')?;
        let (value, after) = quoted(value.trim_start())?;
        labels.push((name.trim(), value));
        rest = after;
    }
}

/// A quoted label value with its escapes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_metrics_are_found_among_others() {
        let metrics = parse(
            "# HELP node_cpu_seconds_total Seconds\n\
             # TYPE node_cpu_seconds_total counter\n\
             node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 12.5\n\
             node_cpu_seconds_total{mode=\"user\", cpu=\"0\",} 1e1 1700000000000\n\
             node_cpu_seconds_total{cpu=\"1\",mode=\"odd \\\"}\\\" name\"} 3\n\
             node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 99\n\
             node_boot_time_seconds 1.7e9\n\
             node_time_seconds 1.70000009e9\n",
        );
        let expected = [
            ("0", "idle", 12.5),
            ("0", "user", 10.0),
            ("1", "odd \"}\" name", 3.0),
        ]
        .map(|(cpu, mode, seconds)| CpuCounter {
            key: (cpu.to_owned(), mode.to_owned()),
            seconds,
        });
        assert_eq!(metrics.cpu, expected);
        assert_eq!(metrics.age(), Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_clock_that_was_put_back_makes_an_instance_young() {
        let metrics = parse("node_boot_time_seconds 200\nnode_time_seconds 100\n");
        assert_eq!(metrics.age(), Some(Duration::ZERO));
    }

    #[test]
    fn broken_lines_and_values_are_no_readings() {
        let metrics = parse(
            "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} NaN\n\
             node_cpu_seconds_total{cpu=\"0\",mode=\"idle\n\
             node_cpu_seconds_total{cpu=\"0\"} 1\n\
             node_boot_time_seconds +Inf\n\
             node_boot_time_seconds\n",
        );
        assert_eq!(metrics, NodeMetrics::default());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}", tail in "[\\\\\"{}=, a-z0-9]{0,60}") {
            parse(&text);
            parse(&format!("node_cpu_seconds_total{{{tail}"));
        }
    }
}
