//! What is told of settings: those in force, and mistakes.

use std::fmt::{self, Display};

use crate::config::Token;

/// One setting in force, as `check-config` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value as text; secrets are redacted.
    pub value: String,
    /// Where it came from.
    pub source: String,
    pub(super) given_as: &'static str,
    /// The value of a secret, to compare with.
    pub(super) secret: Option<Token>,
}

/// What stands for the value of a secret.
pub(super) const REDACTED: &str = "(redacted)";

impl Entry {
    /// The name it was given by: its key, or one that it had before.
    pub fn given_as(&self) -> &str {
        self.given_as
    }

    /// Whether the other is the same setting with the same value.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.key, &self.value, &self.secret) == (&other.key, &other.value, &other.secret)
    }

    /// Whether it is a secret from a file.
    pub fn is_secret_in_file(&self) -> bool {
        self.value == REDACTED && self.source.starts_with("file ")
    }

    /// Whether it is a secret that `ps` shows to every user.
    pub fn is_secret_on_command_line(&self) -> bool {
        self.value == REDACTED && self.source.starts_with("flag ")
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// Where the value came from.
    pub source: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All mistakes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{plural} in the settings:", self.0.len())?;
        for Problem {
            key,
            source,
            message,
        } in &self.0
        {
            write!(f, "\n  {key}: {message} ({source})")?;
        }
        Ok(())
    }
}

/// A text as an error repeats it: on one line, and not longer than helps.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
