//! The credentials of an API key.
//!
//! The secret is never shown: not by `Debug`, not by `Display`, and it cannot be serialised. Only
//! [`signature`](super::signature) reads it.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny},
};

/// The public half of an API key, such as `EXO0123…`. It names the key; it is not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKey(String);

/// The secret half of an API key.
#[derive(Clone)]
pub struct ApiSecret(String);

impl<'de> Deserialize<'de> for ApiSecret {
    /// By hand, since serde's own error for "not a text" repeats what it found.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Other(IgnoredAny),
        }
        match Given::deserialize(deserializer)? {
            Given::Text(text) => text.parse().map_err(D::Error::custom),
            Given::Other(_) => Err(D::Error::custom("is not a text; put it in quotes")),
        }
    }
}

/// Why a text is no key or secret. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Nothing, or only white space.
    #[error("is empty")]
    Empty,
    /// A character that no key holds, and that would break the `Authorization` header.
    #[error("holds a comma, a space or a character that is not visible ASCII")]
    Character,
}

/// Surrounding white space is dropped: keys come from files that end in a newline.
fn checked(text: &str) -> Result<String, CredentialError> {
    let text = text.trim();
    if text.is_empty() {
        Err(CredentialError::Empty)
    } else if text.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
        Ok(text.to_owned())
    } else {
        Err(CredentialError::Character)
    }
}

impl ApiKey {
    /// The key as the API spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ApiSecret {
    /// The secret itself: for the signature, and for handing it to a program that the user starts
    /// (the local cloud prints its own). It belongs in no log and no error.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

macro_rules! from_text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = CredentialError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                checked(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = CredentialError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

from_text!(ApiKey);
from_text!(ApiSecret);

impl From<ApiKey> for String {
    fn from(key: ApiKey) -> Self {
        key.0
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiSecret(redacted)")
    }
}

impl fmt::Display for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_never_shown() {
        let secret: ApiSecret = "hunter2hunter2".parse().unwrap();
        assert!(!format!("{secret} {secret:?} {secret:#?}").contains("hunter2"));
    }

    #[test]
    fn white_space_around_is_dropped_and_inside_is_refused() {
        assert_eq!("EXO1\n".parse::<ApiKey>().unwrap().as_str(), "EXO1");
        assert_eq!(" \n".parse::<ApiKey>(), Err(CredentialError::Empty));
        assert_eq!("a b".parse::<ApiKey>(), Err(CredentialError::Character));
        assert_eq!("a,b".parse::<ApiKey>(), Err(CredentialError::Character));
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        for text in [
            "\"hunter2 hunter2\"",
            "72727272",
            "[\"hunter2\"]",
            "{\"hunter2\": 1}",
        ] {
            let error = serde_json::from_str::<ApiSecret>(text)
                .unwrap_err()
                .to_string();
            assert!(
                !error.contains("hunter2") && !error.contains("7272"),
                "{error}"
            );
        }
        let secret: ApiSecret = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), b"hunter2");
    }
}
