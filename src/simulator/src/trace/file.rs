//! Files of requests per minute: one number a line; blank lines and lines that begin with `#` say
//! nothing.

use std::path::{Path, PathBuf};

use whole_file::FileError;

use super::Trace;
use crate::time::SECOND;

/// Sixty-nine days.
const MOST_MINUTES: usize = 100_000;
/// More requests than any site has in a minute; sums of them stay exact.
const MOST_REQUESTS: f64 = 1e12;
/// As much of a wrong line as is shown.
const SHOWN: usize = 40;

/// Why a file is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It cannot be read.
    #[error("cannot use {} as a trace", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// There is none.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// Its bytes are no text.
    #[error("{} is not text in UTF-8", .0.display())]
    NotText(PathBuf),
    /// A line is no number of requests.
    #[error("{}, line {line}: `{text}` {problem}; write one number of requests a line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing is offered in it.
    #[error("{} {problem}; write one number of requests for each minute, one a line", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        problem: &'static str,
    },
    /// It is longer than any that can be simulated in a minute.
    #[error("{} has more than {MOST_MINUTES} lines; cut it into shorter ones", .0.display())]
    TooLong(PathBuf),
}

pub(super) fn read(path: &Path, peak: f64) -> Result<Trace, TraceError> {
    let bytes = whole_file::read(path).map_err(|source| TraceError::File {
        path: path.to_owned(),
        source,
    })?;
    let (bytes, _) = bytes.ok_or_else(|| TraceError::Missing(path.to_owned()))?;
    let text = String::from_utf8(bytes).map_err(|_| TraceError::NotText(path.to_owned()))?;
    let name = path.file_stem().map_or_else(
        || "trace".to_owned(),
        |name| name.to_string_lossy().replace(char::is_control, "\u{fffd}"),
    );
    let trace = Trace {
        name,
        segment: 60 * SECOND,
        load: parse(path, &text)?,
        step_at: None,
    };
    Ok(trace.scaled_to(peak))
}

fn parse(path: &Path, text: &str) -> Result<Vec<f64>, TraceError> {
    let mut minutes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if minutes.len() == MOST_MINUTES {
            return Err(TraceError::TooLong(path.to_owned()));
        }
        minutes.push(requests(line).map_err(|problem| TraceError::Line {
            path: path.to_owned(),
            line: number + 1,
            text: shown(line),
            problem,
        })?);
    }
    let empty = |problem| TraceError::Empty {
        path: path.to_owned(),
        problem,
    };
    if minutes.is_empty() {
        return Err(empty("is empty"));
    }
    if minutes.iter().all(|requests| *requests == 0.0) {
        return Err(empty("has no request in any minute"));
    }
    Ok(minutes)
}

fn requests(line: &str) -> Result<f64, &'static str> {
    let requests: f64 = line.parse().map_err(|_| "is not a number")?;
    if requests.is_nan() {
        Err("is not a number")
    } else if requests < 0.0 {
        Err("is negative")
    } else if requests > MOST_REQUESTS {
        Err("is more than 1e12")
    } else {
        // Without the sign of a negative zero.
        Ok(requests + 0.0)
    }
}

/// The line, without what a terminal would obey.
fn shown(line: &str) -> String {
    let printable = line
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut text: String = printable.take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<Trace, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("load.csv");
        fs::write(&path, text).expect("it is writable");
        read(&path, 6.5).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_scaled_to_the_peak() {
        let trace = of("# requests\n10\n\n 20 \r\n0\n5.0\n").expect("it is one");
        assert_eq!((trace.name.as_str(), trace.segment), ("load", 60 * SECOND));
        assert_eq!(trace.load, [3.25, 6.5, 0.0, 1.625]);
    }

    #[test]
    fn every_mistake_names_the_line_and_the_fix() {
        for (text, line, problem) in [
            ("1\n-2\n", "line 2: `-2`", "negative"),
            ("1\n\n# x\nNaN\n", "line 4: `NaN`", "not a number"),
            ("1\nmany\n", "line 2: `many`", "not a number"),
            ("inf\n", "line 1: `inf`", "more than 1e12"),
            ("1e300\n", "line 1: `1e300`", "more than 1e12"),
            ("1,2\n", "line 1: `1,2`", "not a number"),
            ("\u{1b}[2J\n", "line 1: `\u{fffd}[2J`", "not a number"),
        ] {
            let error = of(text).expect_err(text);
            for part in ["load.csv", line, problem, "one number of requests a line"] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
        for (text, problem) in [
            ("", "is empty"),
            ("\n# only words\n", "is empty"),
            ("0\n-0\n0.0\n", "has no request in any minute"),
        ] {
            let error = of(text).expect_err(text);
            assert!(
                error.contains(problem) && error.contains("each minute"),
                "{error}"
            );
        }
        let long = of(&"1\n".repeat(MOST_MINUTES + 1)).expect_err("it is too long");
        assert!(long.contains("more than 100000 lines"), "{long}");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = read(folder.path(), 6.5).expect_err("a folder");
        assert!(matches!(error, TraceError::File { .. }), "{error}");
        let error = read(&folder.path().join("none"), 6.5).expect_err("nothing");
        assert!(matches!(error, TraceError::Missing(_)), "{error}");
        let path = folder.path().join("bytes");
        fs::write(&path, [0xff, 0xfe]).expect("it is writable");
        let error = read(&path, 6.5).expect_err("bytes");
        assert!(matches!(error, TraceError::NotText(_)), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_trace_of_finite_loads_or_an_error(text in "[-+0-9.eEinfNa# \n]{0,60}") {
            if let Ok(minutes) = parse(Path::new("x"), &text) {
                prop_assert!(minutes.iter().all(|m| m.is_finite() && *m >= 0.0));
            }
        }
    }
}
