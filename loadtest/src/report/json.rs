//! The report for programs: one JSON document with a version. Its fields are documented in the
//! crate's README.

use serde::{Deserialize, Serialize};

use crate::{record::Summary, threshold::Verdict};

/// The schema's name and version. Fields may be added under the same version; a change of name or
/// meaning raises it.
const SCHEMA: &str = "loadtest.report/2";
/// The version before, which is read too: two fields had other names.
const SCHEMA_1: &str = "loadtest.report/1";

/// A report as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    /// Whether no threshold failed.
    pub passed: bool,
    #[serde(default, skip_deserializing)]
    pub thresholds: Vec<Verdict>,
    /// The run. Times are in nanoseconds, moments in seconds.
    pub run: Summary,
}

pub fn to_json(summary: &Summary, thresholds: &[Verdict]) -> String {
    let report = Report {
        schema: SCHEMA.to_owned(),
        passed: thresholds.iter().all(|verdict| !verdict.failed),
        thresholds: thresholds.to_vec(),
        run: summary.clone(),
    };
    // Nothing in a report can fail to be written: its keys are texts and numbers, and its numbers
    // are finite.
    serde_json::to_string_pretty(&report)
        .unwrap_or_else(|error| unreachable!("a report is valid JSON: {error}"))
}

/// A text that is not a report of this version.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is not JSON, or lacks what a report has.
    #[error("this is not a report written with --json")]
    Json(#[from] serde_json::Error),
    /// It is a report of another version.
    #[error("its schema is {0:?}; this program reads {SCHEMA:?}")]
    Schema(String),
}

/// Reads a report of this version or the one before.
pub fn read_json(text: &str) -> Result<Report, ReportError> {
    let report: Report = serde_json::from_str(text)?;
    if [SCHEMA, SCHEMA_1].contains(&report.schema.as_str()) {
        Ok(report)
    } else {
        Err(ReportError::Schema(report.schema))
    }
}

#[cfg(test)]
mod tests {
    use super::{SCHEMA, SCHEMA_1, read_json, to_json};
    use crate::record::{BackendSummary, Failure, Latency, Summary};

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let mut summary = Summary {
            elapsed: 1.5,
            ..Summary::default()
        };
        summary.counters.ok = 5;
        summary.counters.failures.insert(Failure::Status4xx, 2);
        summary.counters.statuses.insert(404, 2);
        summary.backends.push(BackendSummary {
            name: "i-1".into(),
            answers: 7,
            ok: 5,
            response: Latency {
                count: 5,
                p99: 1_000,
                ..Latency::default()
            },
            service: Latency::default(),
            first_seen: 1.0,
            last_seen: 1.5,
        });
        let text = to_json(&summary, &[]);
        let report = read_json(&text).expect("valid");
        assert!(report.passed);
        assert_eq!(
            (&report.run.failures, &report.run.statuses),
            (&summary.failures, &summary.statuses)
        );
        assert_eq!(report.run.backends, summary.backends);
        assert!(
            read_json(&text.replace(SCHEMA, "loadtest.report/9"))
                .expect_err("newer")
                .to_string()
                .contains("/9")
        );
    }

    #[test]
    fn a_report_of_the_version_before_is_read() {
        let mut summary = Summary::default();
        (summary.accounts.unsent, summary.generator_lag.p99) = (3, 7);
        let text = to_json(&summary, &[])
            .replace(SCHEMA, SCHEMA_1)
            .replace("\"unsent\"", "\"abandoned\"")
            .replace("\"generator_lag\"", "\"own_lag\"");
        let run = read_json(&text).expect("valid").run;
        assert_eq!((run.accounts.unsent, run.generator_lag.p99), (3, 7));
    }
}
