//! The document: its form, its checks, and the files it stands for.

use std::{fmt, str::FromStr};

use agent::settings::Problems;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::{monitoring::Monitoring, slow_app::SlowApp, ssh_key};

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
        check_objects(&value)?;
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
    pub(crate) fn check_role(&self, wanted: Role) -> Result<(), DocumentError> {
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
    for (place, key) in keys.iter().enumerate() {
        if let Some(problem) = ssh_key::problem(key) {
            return Err(wrong(&format!("ssh_authorized_keys[{place}]"), problem));
        }
    }
    Ok(())
}

/// The value in its type; of one that does not fit, the place and what was expected.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, DocumentError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (field, text) = (error.path().to_string(), error.inner().to_string());
        // What was found instead can be a secret.
        let problem = match text.split_once(", expected ") {
            Some((found, expected)) if found.starts_with("invalid") => {
                format!("must be {}", in_words_of_json(expected))
            }
            _ => text,
        };
        wrong(if field == "." { "the document" } else { &field }, problem)
    })
}

/// Finds what the reader of types would also take as a list of fields without names.
fn check_objects(document: &Value) -> Result<(), DocumentError> {
    let parts = ["agent", "slow_app", "grafana", "operator", "tls"];
    let parts = parts.map(|name| (name, document.get(name)));
    let all = [("the document", Some(document))].into_iter().chain(parts);
    for (field, value) in all {
        // Whether a part may be null its type says.
        if value.is_some_and(|value| !value.is_object() && !value.is_null()) {
            return Err(wrong(field, "must be an object"));
        }
    }
    Ok(())
}

/// What a reader of Rust's types expects, for a writer of JSON.
fn in_words_of_json(expected: &str) -> &str {
    match expected {
        "a map" => "an object",
        "a sequence" => "a list",
        "a string" | "string or map" => "a text",
        "a boolean" => "true or false",
        "u32" | "u64" => "a whole number from 0 up",
        "f64" => "a number",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        Document::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_document_is_said_in_words_of_json() {
        for (text, said) in [
            ("", "it is not JSON (line 1, column 0)"),
            ("[]", "the document: must be an object"),
            (r#"[1,"slow-app"]"#, "the document: must be an object"),
            ("7", "the document: must be an object"),
            ("null", "the document: must be an object"),
            ("{}", "the document: missing field `version`"),
            (
                r#"{"version":"1","role":"slow-app"}"#,
                "version: must be a whole number from 0 up",
            ),
            (r#"{"version":1,"role":7}"#, "role: must be a text"),
            (
                r#"{"version":1,"role":"slow-app","slow_app":[1]}"#,
                "slow_app: must be an object",
            ),
            (
                r#"{"version":1,"role":"slow-app","slow_app":{"work_ms":1.5}}"#,
                "slow_app.work_ms: must be a whole number from 0 up",
            ),
            (
                r#"{"version":1,"role":"slow-app","ssh_authorized_keys":"x"}"#,
                "ssh_authorized_keys: must be a list",
            ),
            (
                r#"{"version":1,"role":"slow-app","ssh_authorized_keys":["hello"]}"#,
                "ssh_authorized_keys[0]: has no type of key",
            ),
            (
                r#"{"version":1,"role":"monitoring","agent":{"scaling.min_size":1}}"#,
                "agent.scaling.min_size: nest the parts of a key",
            ),
            (
                r#"{"version":1,"role":"monitoring","agent":{"scaling":{"min_size":18446744073709551615}}}"#,
                "agent.scaling.min_size: is too large",
            ),
        ] {
            let found = refusal(text);
            assert!(found.starts_with(said), "{text}: {found}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("exoscale".to_owned()),
            Just("scaling".to_owned()),
            Just("max_size".to_owned()),
            Just("labels".to_owned()),
            ".*",
        ];
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = Document::parse(&text);
        }

        #[test]
        fn no_document_panics(
            role in prop_oneof![Just("monitoring"), Just("slow-app")],
            field in prop_oneof![Just("agent"), Just("slow_app"), Just("grafana"), Just("ssh_authorized_keys")],
            value in json(),
        ) {
            let text = serde_json::json!({ "version": 1, "role": role, field: value }).to_string();
            if let Ok(document) = Document::parse(text.as_bytes()) {
                document.files();
            }
        }
    }
}
