//! What is sent to the server: a method, headers, a body.

use bytes::Bytes;

use crate::target::Target;

/// A request that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be used: {why}")]
    Header { name: String, why: &'static str },
    /// A method cannot be sent.
    #[error("{0:?} is not a method that can be sent")]
    Method(String),
}

/// What is sent to the server. Headers and body may have places that are filled in for every
/// request, as the path of its [`Target`] may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

impl Request {
    /// A request with this method and neither headers of its own nor a body.
    pub fn new(method: &str) -> Result<Self, RequestError> {
        if !is_token(method) || method == "CONNECT" {
            return Err(RequestError::Method(method.to_owned()));
        }
        Ok(Self {
            method: method.to_owned(),
            ..Self::default()
        })
    }

    /// Adds a header; one of the same name as a default (`host`, `user-agent`, `accept`) replaces
    /// it.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        let refuse = |why| {
            Err(RequestError::Header {
                name: name.to_owned(),
                why,
            })
        };
        let value = value.trim();
        if !is_token(name) {
            return refuse("its name has characters that a header name cannot have");
        }
        if !value
            .bytes()
            .all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte) || byte >= 0x80)
        {
            return refuse("its value has control characters");
        }
        let lower = name.to_ascii_lowercase();
        if matches!(
            lower.as_str(),
            "content-length" | "transfer-encoding" | "connection" | "upgrade"
        ) {
            return refuse("the client sets it itself");
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The method, as it is sent.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The body; empty for none.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// With those headers of another request of which it has none itself.
    pub(crate) fn or_else(mut self, other: &Self) -> Self {
        let more = other
            .headers
            .iter()
            .filter(|(name, _)| !self.has_header(name));
        let more: Vec<_> = more.cloned().collect();
        self.headers.extend(more);
        self
    }

    /// The defaults that were not replaced, then its own.
    pub(crate) fn all_headers(&self, target: &Target) -> Vec<(String, String)> {
        let defaults = [
            ("host", target.authority()),
            (
                "user-agent",
                concat!("loadtest/", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            ("accept", "*/*".to_owned()),
        ];
        let kept = defaults
            .into_iter()
            .filter(|(name, _)| !self.has_header(name));
        kept.map(|(name, value)| (name.to_owned(), value))
            .chain(self.headers.iter().cloned())
            .collect()
    }
}

/// Whether a text is a token (RFC 9110, 5.6.2), as methods and header names are.
pub(crate) fn is_token(text: &str) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || special.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn headers_that_would_break_the_framing_are_refused() {
        for (name, value) in [
            ("a b", "c"),
            ("a", "b\r\nc: d"),
            ("Content-Length", "5"),
            ("", "x"),
        ] {
            assert!(Request::default().header(name, value).is_err(), "{name:?}");
        }
    }
}
