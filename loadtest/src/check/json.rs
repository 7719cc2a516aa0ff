//! A value that is expected in a JSON body.

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{quoted, shortened};
use crate::text::ColumnError;

/// A value that a response's JSON must have, by its pointer (RFC 6901), such as `/items/0/id` or
/// `/status=ok`. `#/a%3Db` is the same in the form for URLs, in which a key may have a `=`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedJson {
    text: String,
    pointer: String,
    value: Option<String>,
}

impl ExpectedJson {
    pub(super) fn check(&self, body: &Value) -> Result<(), String> {
        let name = if self.pointer.is_empty() {
            "the JSON".to_owned()
        } else {
            quoted(&self.pointer)
        };
        let found = body.pointer(&self.pointer);
        match (found, &self.value) {
            (Some(_), None) => Ok(()),
            (Some(found), Some(value)) if is_value(found, value) => Ok(()),
            (Some(found), Some(value)) => {
                let found = shortened(&found.to_string());
                Err(format!("{name} is {found}, expected {}", quoted(value)))
            }
            (None, None) => Err(format!("{name} is missing")),
            (None, Some(value)) => Err(format!("{name} is missing, expected {}", quoted(value))),
        }
    }
}

impl fmt::Display for ExpectedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ExpectedJson {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pointer, value) = match text.split_once('=') {
            Some((pointer, value)) => (pointer, Some(value.to_owned())),
            None => (text, None),
        };
        let fail = |at: usize, reason: &str| Err(ColumnError::new(text, at, reason));
        let pointer: Cow<'_, str> = match pointer.strip_prefix('#') {
            Some(encoded) => match percent_decode_str(encoded).decode_utf8() {
                Ok(pointer) => pointer,
                Err(_) => return fail(1, "what is percent-encoded is not UTF-8"),
            },
            None => pointer.into(),
        };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return fail(
                0,
                "expected a JSON pointer, which starts with '/', such as /items/0/id or /status=ok",
            );
        }
        let mut escapes = pointer.split('~').skip(1);
        if escapes.any(|rest| !rest.starts_with(['0', '1'])) {
            let at = text.find('~').unwrap_or(0);
            return fail(
                at,
                "in a JSON pointer '~' is written ~0, and '/' in a key ~1",
            );
        }
        Ok(Self {
            text: text.to_owned(),
            pointer: pointer.into_owned(),
            value,
        })
    }
}

/// Whether a JSON value is the one that a text means: a string by its characters, anything else
/// (and a string in quotes) as JSON.
fn is_value(found: &Value, text: &str) -> bool {
    if found.as_str() == Some(text) {
        return true;
    }
    serde_json::from_str(text).is_ok_and(|expected| is_equal(found, &expected))
}

/// Equality as JSON has it, where 1.0 is 1.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| is_equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::ExpectedJson;

    #[test]
    fn json_values_are_found_by_their_pointer() {
        let body = r#"{"status":"ok","n":1,"text":"1","a/b":{"c~d":[true,null]},"e=f":{"x":1.0}}"#;
        let body = serde_json::from_str(body).expect("JSON");
        for (text, reason) in [
            ("/status", None),
            ("/status=ok", None),
            ("/status=\"ok\"", None),
            ("/n=1", None),
            ("/n=1.0", None),
            ("/text=1", None),
            ("/a~1b/c~0d/0=true", None),
            ("/a~1b/c~0d/1=null", None),
            ("/a~1b/c~0d=[true,null]", None),
            ("#/e%3Df/x=1", None),
            ("#/e%3Df={\"x\":1}", None),
            ("", None),
            ("/status=up", Some("\"/status\" is \"ok\", expected \"up\"")),
            ("/n=", Some("\"/n\" is 1, expected \"\"")),
            ("/no", Some("\"/no\" is missing")),
            ("/no=1", Some("\"/no\" is missing, expected \"1\"")),
            ("/n/0", Some("\"/n/0\" is missing")),
        ] {
            let json: ExpectedJson = text.parse().expect(text);
            assert_eq!(json.check(&body).err().as_deref(), reason, "{text}");
        }
        for (text, column) in [("status", 1), ("/a~2", 3), ("#x", 1), ("#/%ff", 2)] {
            let error = text.parse::<ExpectedJson>().expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
        }
    }
}
