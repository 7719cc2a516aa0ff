//! The document: its form, its checks, and the files it stands for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::{monitoring::Monitoring, slow_app::SlowApp};
use crate::settings::Problems;

/// The only form of the document so far.
const VERSION: u32 = 1;

/// What an instance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Prometheus, Grafana and the agent.
    Monitoring,
    /// A member of the pool.
    SlowApp,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monitoring => "monitoring",
            Self::SlowApp => "slow-app",
        })
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "monitoring" => Ok(Self::Monitoring),
            "slow-app" => Ok(Self::SlowApp),
            _ => Err("roles are monitoring and slow-app"),
        }
    }
}

/// Why a text is no document. Holds no secret: of a wrong value only its place is told.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Not JSON.
    #[error("it is not JSON (line {line}, column {column})")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A field is missing, unknown, or of another type.
    #[error("{field}: {problem}")]
    Field {
        /// Its place, with dots.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// It is for another kind of instance.
    #[error("it is for the role {found}, and this instance is a {wanted}")]
    OtherRole {
        /// What it is for.
        found: Role,
        /// What the instance is.
        wanted: Role,
    },
    /// Settings of the agent are wrong.
    #[error("the agent's settings are wrong")]
    Agent(#[source] Problems),
}

pub(super) fn wrong(field: &str, problem: impl Into<String>) -> DocumentError {
    DocumentError::Field {
        field: field.to_owned(),
        problem: problem.into(),
    }
}

/// A document that was checked.
#[derive(Debug)]
pub enum Document {
    /// For the monitoring instance.
    Monitoring(Box<Monitoring>),
    /// For a member of the pool.
    SlowApp(SlowApp),
}

/// One file that a document stands for.
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) content: String,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
    role: Role,
}

impl Document {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        let value: Value = serde_json::from_slice(text).map_err(|error| DocumentError::Syntax {
            line: error.line(),
            column: error.column(),
        })?;
        let head: Head = typed(value.clone())?;
        if head.version != VERSION {
            let problem = format!("is {}; this image knows {VERSION}", head.version);
            return Err(wrong("version", problem));
        }
        match head.role {
            Role::Monitoring => Monitoring::check(typed(value)?)
                .map(Box::new)
                .map(Self::Monitoring),
            Role::SlowApp => SlowApp::check(typed(value)?).map(Self::SlowApp),
        }
    }

    /// What the document is for.
    pub fn role(&self) -> Role {
        match self {
            Self::Monitoring(_) => Role::Monitoring,
            Self::SlowApp(_) => Role::SlowApp,
        }
    }

    /// Refuses a document for another role.
    ///
    /// # Errors
    /// [`DocumentError::OtherRole`].
    pub fn check_role(&self, wanted: Role) -> Result<(), DocumentError> {
        let found = self.role();
        if found == wanted {
            return Ok(());
        }
        Err(DocumentError::OtherRole { found, wanted })
    }

    /// The files that it stands for.
    pub(super) fn files(&self) -> Vec<File> {
        match self {
            Self::Monitoring(data) => data.files(),
            Self::SlowApp(data) => data.files(),
        }
    }
}

pub(super) fn authorized_keys(keys: &[String]) -> File {
    File {
        name: "authorized_keys",
        content: keys.iter().flat_map(|key| [key.trim(), "\n"]).collect(),
    }
}

pub(super) fn check_keys(keys: &[String]) -> Result<(), DocumentError> {
    let one_line = |key: &String| !key.trim().is_empty() && !key.trim().contains(['\n', '\r']);
    match keys.iter().position(|key| !one_line(key)) {
        None => Ok(()),
        Some(place) => Err(wrong(
            &format!("ssh_authorized_keys[{place}]"),
            "must be one line",
        )),
    }
}

/// The value in its type; of one that does not fit, the place and what was expected.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, DocumentError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (field, text) = (error.path().to_string(), error.inner().to_string());
        // What was found instead can be a secret.
        let problem = match text.split_once(", expected ") {
            Some((found, expected)) if found.starts_with("invalid") => {
                format!("must be {expected}")
            }
            _ => text,
        };
        wrong(if field == "." { "the document" } else { &field }, problem)
    })
}
