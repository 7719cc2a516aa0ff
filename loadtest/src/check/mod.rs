//! What a response must be to count as a success.

mod header;
mod json;
mod kept;
mod status;

use std::fmt;

use memchr::memmem;

pub(crate) use kept::Kept;
pub use {header::ExpectedHeader, json::ExpectedJson, status::ExpectedStatuses};

/// How much of what a server sent is quoted in a reason.
const MAX_QUOTED: usize = 60;

/// What every response is checked for. A response that fails is a failure of the kind
/// [`Failure::Check`](crate::Failure::Check).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// The statuses that are successes, in place of those below 400.
    pub statuses: Option<ExpectedStatuses>,
    pub headers: Vec<ExpectedHeader>,
    pub json: Vec<ExpectedJson>,
    /// Texts that the body must contain.
    pub bodies: Vec<String>,
}

impl Checks {
    pub(crate) fn is_empty(&self) -> bool {
        self.statuses.is_none() && self.headers.is_empty() && !self.wants_body()
    }

    /// Whether the body must be kept until it is judged.
    pub(crate) fn wants_body(&self) -> bool {
        !self.json.is_empty() || !self.bodies.is_empty()
    }

    /// The names of the headers that are looked at.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(ExpectedHeader::name)
    }

    /// Judges a status. None where nothing is expected of it.
    pub(crate) fn status(&self, status: u16) -> Option<Result<(), String>> {
        let expected = self.statuses.as_ref()?;
        Some(if expected.contains(status) {
            Ok(())
        } else {
            Err(format!("status {status}, expected {expected}"))
        })
    }

    /// Judges headers and body; says what is wrong.
    pub(crate) fn content(&self, kept: &Kept) -> Result<(), String> {
        for header in &self.headers {
            header.check(kept)?;
        }
        if !self.json.is_empty() {
            if kept.is_cut() {
                return Err("the body is larger than 1 MiB, too large for --expect-json".to_owned());
            }
            let body = serde_json::from_slice(kept.bytes())
                .map_err(|error| format!("the body is not JSON: {error}"))?;
            for json in &self.json {
                json.check(&body)?;
            }
        }
        for text in &self.bodies {
            if memmem::find(kept.bytes(), text.as_bytes()).is_none() {
                let part = if kept.is_cut() {
                    "first MiB of the "
                } else {
                    ""
                };
                return Err(format!("the {part}body does not contain {}", quoted(text)));
            }
        }
        Ok(())
    }
}

/// The texts of a plan's checks, for a report.
impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = self.statuses.iter().map(|list| format!("status {list}"));
        let headers = self.headers.iter().map(|header| format!("header {header}"));
        let json = self.json.iter().map(|json| format!("JSON {json}"));
        let bodies = self
            .bodies
            .iter()
            .map(|text| format!("body {}", quoted(text)));
        let all: Vec<String> = statuses.chain(headers).chain(json).chain(bodies).collect();
        f.write_str(&all.join(", "))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Checks, Kept, kept::MAX_BODY};

    #[test]
    fn a_body_is_looked_at_up_to_a_limit() {
        let body = |text: &str| Checks {
            bodies: vec![text.to_owned()],
            ..Checks::default()
        };
        let mut kept = Kept::default();
        kept.body(b"hello, ");
        kept.body(b"world");
        assert_eq!(body("o, wor").content(&kept), Ok(()));
        let reason = body("moon").content(&kept).expect_err("not there");
        assert_eq!(reason, "the body does not contain \"moon\"");
        kept.body(&vec![b'x'; MAX_BODY]);
        kept.body(b"moon");
        let reason = body("moon").content(&kept).expect_err("cut");
        assert!(reason.contains("first MiB"), "{reason}");
        assert_eq!(body("hello").content(&kept), Ok(()));
        let json = Checks {
            json: vec!["/a".parse().expect("valid")],
            ..Checks::default()
        };
        let reason = json.content(&kept).expect_err("cut");
        assert!(reason.contains("larger than 1 MiB"), "{reason}");
        kept.clear();
        let reason = json.content(&kept).expect_err("empty");
        assert!(reason.contains("not JSON"), "{reason}");
    }
}
