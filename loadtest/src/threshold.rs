//! Conditions under which a run has failed: `p99>500ms`, `errors>0.1%`, `delivered<99.9%`.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    record::Summary,
    text::{ColumnError, parse_duration, show_nanos},
};

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    /// A quantile of the response time, 0 to 1.
    Response(f64),
    /// A quantile of the service time, 0 to 1.
    Service(f64),
    /// A quantile of the send lag, 0 to 1.
    SendLag(f64),
    ResponseMean,
    ResponseMax,
    /// The part of the requests that failed.
    Errors,
    /// The part of the plan that was sent.
    Delivered,
    /// Requests per second that were started.
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Nanos,
    Fraction,
    PerSecond,
}

impl Metric {
    fn unit(self) -> Unit {
        match self {
            Self::Errors | Self::Delivered => Unit::Fraction,
            Self::Rate => Unit::PerSecond,
            _ => Unit::Nanos,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let (prefix, rest) = name.split_once('.').map_or(("response", name), |(a, b)| {
            if matches!(a, "response" | "service" | "lag") {
                (a, b)
            } else {
                ("response", name)
            }
        });
        let quantile = rest.strip_prefix('p').and_then(|digits| {
            let percent: f64 = digits.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
        });
        match (prefix, rest, quantile) {
            ("response", _, Some(q)) => Some(Self::Response(q)),
            ("service", _, Some(q)) => Some(Self::Service(q)),
            ("lag", _, Some(q)) => Some(Self::SendLag(q)),
            ("response", "mean", _) => Some(Self::ResponseMean),
            ("response", "max", _) => Some(Self::ResponseMax),
            ("response", "errors", _) => Some(Self::Errors),
            ("response", "delivered", _) => Some(Self::Delivered),
            ("response", "rate", _) => Some(Self::Rate),
            _ => None,
        }
    }

    fn value(self, summary: &Summary) -> f64 {
        let histograms = &summary.histograms;
        let nanos = match self {
            Self::Response(q) => histograms.response.value_at_quantile(q),
            Self::Service(q) => histograms.service.value_at_quantile(q),
            Self::SendLag(q) => histograms.waits.send_lag.value_at_quantile(q),
            Self::ResponseMean => return histograms.response.mean(),
            Self::ResponseMax => histograms.response.max(),
            Self::Errors => return summary.error_rate(),
            Self::Delivered => return summary.accounts.delivered(),
            Self::Rate => return summary.rate(),
        };
        nanos as f64
    }
}

/// A condition that fails a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    above: bool,
    limit: f64,
}

/// What a run made of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The condition, as it was given.
    pub fail_if: String,
    /// Whether it holds, and the run has failed.
    pub failed: bool,
    /// The value that was measured, with its unit.
    pub measured: String,
}

impl Threshold {
    /// What can be written, for a help text.
    pub const SYNTAX: &str = "\
METRIC>LIMIT or METRIC<LIMIT, where METRIC is
  p50, p99, p99.9, mean, max         response time, from the intended start (limit: 500ms, 1.5s)
  service.p99, lag.p99               service time, and how late requests were sent
  errors, delivered                  a part of the requests (limit: 0.1%)
  rate                               requests per second that were sent (limit: 950)";

    /// Judges a run. Without a single response a latency is not measured, and the condition counts
    /// as failed.
    pub fn judge(&self, summary: &Summary) -> Verdict {
        let value = self.metric.value(summary);
        let unit = self.metric.unit();
        let nothing = unit == Unit::Nanos && summary.histograms.response.is_empty();
        let failed = nothing
            || if self.above {
                value > self.limit
            } else {
                value < self.limit
            };
        let measured = match unit {
            _ if nothing => "no response".to_owned(),
            Unit::Nanos => show_nanos(value as u64),
            Unit::Fraction => format!("{:.3}%", value * 100.0),
            Unit::PerSecond => format!("{value:.1}/s"),
        };
        Verdict {
            fail_if: self.text.clone(),
            failed,
            measured,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(at) = text.find(['<', '>']) else {
            return Err(ColumnError::new(
                text,
                text.len(),
                "expected '<' or '>' and a limit, such as p99>500ms",
            ));
        };
        let name = text[..at].trim();
        let Some(metric) = Metric::parse(name) else {
            let reason = "not a metric: use p99 (any percentile), mean, max, service.p99, lag.p99, errors, delivered or rate";
            return Err(ColumnError::new(text, 0, reason));
        };
        let limit_at = at + 1 + (text[at + 1..].len() - text[at + 1..].trim_start().len());
        let limit_text = text[limit_at..].trim();
        let limit = match metric.unit() {
            Unit::Nanos => parse_duration(limit_text)
                .map_err(|error| error.inside(text, limit_at))?
                .as_nanos() as f64,
            Unit::Fraction => {
                let (number, factor) = limit_text
                    .strip_suffix('%')
                    .map_or((limit_text, 1.0), |n| (n, 0.01));
                match number.trim().parse::<f64>() {
                    Ok(value) if (0.0..=1.0).contains(&(value * factor)) => value * factor,
                    _ => {
                        return Err(ColumnError::new(
                            text,
                            limit_at,
                            "expected a part, such as 0.1% or 0.001",
                        ));
                    }
                }
            }
            Unit::PerSecond => match limit_text.trim_end_matches("/s").parse::<f64>() {
                Ok(rate) if rate >= 0.0 && rate.is_finite() => rate,
                _ => {
                    return Err(ColumnError::new(
                        text,
                        limit_at,
                        "expected requests per second, such as 950",
                    ));
                }
            },
        };
        Ok(Self {
            text: text.trim().to_owned(),
            metric,
            above: text.as_bytes()[at] == b'>',
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Threshold;
    use crate::record::{Accounts, Failure, Summary, record};

    fn summary() -> Summary {
        let mut summary = Summary::default();
        for millis in 1..=100 {
            record(&mut summary.histograms.response, millis * 1_000_000);
        }
        summary.counters.ok = 99;
        summary.counters.failures.insert(Failure::Refused, 1);
        summary.accounts = Accounts {
            scheduled: 100,
            sent: 98,
            late: 1,
            skipped: 1,
            unsent: 0,
        };
        (summary.planned, summary.elapsed) = (10.0, 10.0);
        summary
    }

    #[test]
    fn conditions_are_judged() {
        for (text, failed) in [
            ("p99>98ms", true),
            ("p99>100ms", false),
            ("p50 > 51ms", false),
            ("max>99ms", true),
            ("mean<60ms", true),
            ("errors>0.1%", true),
            ("errors>0.02", false),
            ("delivered<99.9%", true),
            ("delivered<99%", false),
            ("rate<10", true),
            ("rate<9.8/s", false),
        ] {
            let verdict = text.parse::<Threshold>().expect(text).judge(&summary());
            assert_eq!(verdict.failed, failed, "{verdict:?}");
        }
        let silent = "p99>1h"
            .parse::<Threshold>()
            .expect("valid")
            .judge(&Summary::default());
        assert!(silent.failed, "no response at all is not a good percentile");
    }

    #[test]
    fn refusals_name_the_column() {
        for (text, column) in [
            ("p99", 4),
            ("q99>5ms", 1),
            ("p101>5ms", 1),
            ("p99>5", 6),
            ("errors>x", 8),
            ("errors> 200%", 9),
            ("rate<-1", 6),
        ] {
            assert_eq!(
                text.parse::<Threshold>().expect_err(text).column(),
                column,
                "{text}"
            );
        }
    }
}
