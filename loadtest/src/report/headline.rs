//! The headline figures of a run: what a history of runs keeps of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::Summary;

/// The schema's name and version, as that of a report.
const SCHEMA: &str = "loadtest.run/1";

/// A run in one line. Times are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    schema: String,
    /// When the run started.
    pub time: Timestamp,
    pub target: String,
    /// What `--label` called it: runs that should be alike share a label.
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub profile: String,
    /// Whether no threshold failed.
    pub passed: bool,
    /// Seconds to the last response.
    pub elapsed: f64,
    /// Requests per second that were sent.
    pub rate: f64,
    /// The part of the plan that was sent, 0 to 1.
    pub delivered: f64,
    pub ok: u64,
    pub failed: u64,
    /// Response times.
    pub mean: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
    /// The kinds of the warnings.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A line that is not one of a history.
#[derive(Debug, thiserror::Error)]
pub enum HeadlineError {
    /// It is not JSON, or lacks what a line has.
    #[error("this is not a line that --save-summary writes")]
    Json(#[from] serde_json::Error),
    /// It has another version.
    #[error("its schema is {0:?}; this program reads {SCHEMA:?}")]
    Schema(String),
}

impl Headline {
    pub fn of(summary: &Summary, passed: bool) -> Self {
        let setting = |key: &str| summary.plan.get(key).cloned();
        let response = &summary.response;
        let millis = (summary.started_at * 1e3) as i64;
        Self {
            schema: SCHEMA.to_owned(),
            time: Timestamp::from_millisecond(millis).unwrap_or_default(),
            target: setting("target").unwrap_or_default(),
            label: setting("label"),
            profile: setting("profile").unwrap_or_default(),
            passed,
            elapsed: summary.elapsed,
            rate: summary.rate(),
            delivered: summary.accounts.delivered(),
            ok: summary.ok,
            failed: summary.failed(),
            mean: response.mean,
            p50: response.p50,
            p90: response.p90,
            p99: response.p99,
            p999: response.p999,
            max: response.max,
            warnings: summary.warnings.iter().map(|w| w.kind.clone()).collect(),
        }
    }

    /// The part of the requests that succeeded, 0 to 1.
    pub(super) fn success(&self) -> f64 {
        let ended = self.ok + self.failed;
        if ended == 0 {
            1.0
        } else {
            self.ok as f64 / ended as f64
        }
    }

    /// A line of a history, with its end.
    pub fn to_line(&self) -> String {
        // Nothing in it can fail to be written: texts, and numbers that are finite.
        let json = serde_json::to_string(self);
        json.unwrap_or_else(|error| unreachable!("a headline is valid JSON: {error}")) + "\n"
    }

    /// Reads a line of a history.
    pub fn from_line(line: &str) -> Result<Self, HeadlineError> {
        let headline: Self = serde_json::from_str(line)?;
        if headline.schema == SCHEMA {
            Ok(headline)
        } else {
            Err(HeadlineError::Schema(headline.schema))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Headline, SCHEMA};
    use crate::record::{Latency, Summary};

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let mut summary = Summary {
            started_at: 1_790_000_000.25,
            response: Latency {
                count: 3,
                p999: 7,
                ..Latency::default()
            },
            ..Summary::default()
        };
        summary.counters.ok = 3;
        let label = "two\nlines".to_owned();
        summary.plan.insert("label".to_owned(), label.clone());
        let headline = Headline::of(&summary, false);
        let line = headline.to_line();
        assert_eq!(line.lines().count(), 1);
        let read = Headline::from_line(&line).expect("valid");
        assert_eq!((read.label.as_ref(), read.p999), (Some(&label), 7));
        assert_eq!(read, headline);
        let newer = line.replace(SCHEMA, "loadtest.run/9");
        let error = Headline::from_line(&newer).expect_err("newer");
        assert!(error.to_string().contains("/9"));
    }
}
