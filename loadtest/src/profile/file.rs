//! Profiles from files: TOML with named stages, and CSV traces of `seconds,rate`.

use std::{fs, path::Path, time::Duration};

use serde::Deserialize;

use super::{
    parse::MAX_RATE,
    stage::{Shape, Stage},
    stages::Profile,
};
use crate::text::{ColumnError, LONGEST};

/// A profile file that was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileFileError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// The file is not the TOML that a profile is.
    #[error("{path} is not a profile in TOML, such as stages = [\"10s@50\", \"60s:50..400\"]")]
    Toml {
        path: String,
        source: toml::de::Error,
    },
    /// The file's stages are not a profile.
    #[error("the stages of {path}")]
    Stages { path: String, source: ColumnError },
    /// The file's content is not a profile.
    #[error("{path}: {reason}")]
    Content {
        /// The file, with the line where there is one.
        path: String,
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Each entry is a text in the command line's language.
    stages: Vec<String>,
}

impl Profile {
    /// Reads a `.toml` file (`stages = ["10s@50", "60s:50..400"]`) or a `.csv` trace.
    ///
    /// A trace has lines `seconds,rate`; the rate moves in a straight line from one point to the
    /// next, and a step is two points at the same second. A first line that is not a number is a
    /// heading; lines that start with `#` are comments.
    pub fn from_file(path: &Path) -> Result<Self, ProfileFileError> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| ProfileFileError::Read {
            path: shown.clone(),
            source,
        })?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => {
                Self::from_csv(&text).map_err(|(line, reason)| ProfileFileError::Content {
                    path: format!("{shown}:{line}"),
                    reason,
                })
            }
            Some("toml") => {
                let file: File =
                    toml::from_str(&text).map_err(|source| ProfileFileError::Toml {
                        path: shown.clone(),
                        source,
                    })?;
                let profile = file.stages.join(", ").parse();
                profile.map_err(|source| ProfileFileError::Stages {
                    path: shown,
                    source,
                })
            }
            _ => Err(ProfileFileError::Content {
                path: shown,
                reason: "a profile file ends in .toml or .csv".to_owned(),
            }),
        }
    }

    /// Reads a trace; an error is a line number from 1 and a reason.
    fn from_csv(text: &str) -> Result<Self, (usize, String)> {
        let mut stages = Vec::new();
        let mut last: Option<(f64, f64)> = None;
        let mut heading_allowed = true;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let numbers: Option<Vec<f64>> = fields.iter().map(|field| field.parse().ok()).collect();
            let heading = std::mem::replace(&mut heading_allowed, false);
            let (seconds, rate) = match numbers.as_deref() {
                Some(&[seconds, rate]) => (seconds, rate),
                None if heading && fields.len() == 2 => continue,
                _ => {
                    return Err((
                        index + 1,
                        format!("expected two numbers, seconds,rate, not {line:?}"),
                    ));
                }
            };
            if !(0.0..=MAX_RATE).contains(&rate) {
                return Err((
                    index + 1,
                    format!("the rate {rate} is not between 0 and {MAX_RATE}"),
                ));
            }
            let before = last.unwrap_or((0.0, rate));
            if seconds > LONGEST.as_secs_f64() {
                return Err((index + 1, format!("{seconds} seconds are more than a year")));
            }
            let gap = Duration::try_from_secs_f64(seconds - before.0).map_err(|_| {
                (
                    index + 1,
                    format!("time runs backwards: {seconds} after {}", before.0),
                )
            })?;
            if !gap.is_zero() {
                let shape = if before.1.to_bits() == rate.to_bits() {
                    Shape::Hold { rate }
                } else {
                    Shape::Ramp {
                        from: before.1,
                        to: rate,
                    }
                };
                stages.push(Stage {
                    duration: gap,
                    shape,
                });
            }
            last = Some((seconds, rate));
        }
        let profile = Self { stages };
        if profile.requests() == 0 {
            return Err((1, "this trace sends no requests".to_owned()));
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use crate::{profile::Profile, text::with_causes};

    fn read(name: &str, content: &str) -> Result<Profile, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, content).expect("written");
        Profile::from_file(&path).map_err(|error| with_causes(&error))
    }

    #[test]
    fn a_trace_is_joined_by_straight_lines() {
        let profile =
            read("t.csv", "seconds,rate\n0,10\n10,10\n10,50\n# down\n20, 0\n").expect("valid");
        assert_eq!(profile.to_string(), "10s@10, 10s:50..0");
        assert_eq!(profile.requests(), 350);
    }

    #[test]
    fn a_toml_file_lists_stages() {
        let profile = read("p.toml", "stages = [\"10s@50\", \"60s:50..400\"]\n").expect("valid");
        assert_eq!(profile.to_string(), "10s@50, 1m:50..400");
    }

    #[test]
    fn refusals_name_the_line() {
        for (name, content, part) in [
            ("t.csv", "0,10\nx,5\n", "t.csv:2: expected two numbers"),
            ("t.csv", "5,10\n3,10\n", "t.csv:2: time runs backwards"),
            ("t.csv", "0,-1\n", "t.csv:1: the rate -1"),
            (
                "t.csv",
                "0,5\n1e30,5\n",
                "t.csv:2: 1000000000000000000000000000000 seconds",
            ),
            ("t.csv", "NaN,5\n", "t.csv:1: time runs backwards"),
            ("t.csv", "seconds,rate\n", "no request"),
            ("p.toml", "stages = [\"10s@x\"]", "expected a rate"),
            ("p.toml", "stage = []", "unknown field"),
            ("p.json", "{}", ".toml or .csv"),
        ] {
            let error = read(name, content).expect_err(content);
            assert!(error.contains(part), "{content:?}: {error}");
        }
    }
}
