//! A header that is expected.

use std::{fmt, str::FromStr};

use super::{kept::Kept, quoted};
use crate::{request::is_token, text::ColumnError};

/// A header that a response must have, such as `x-cache` or `x-cache: HIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHeader {
    name: String,
    value: Option<String>,
}

impl ExpectedHeader {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self, kept: &Kept) -> Result<(), String> {
        let Some(value) = &self.value else {
            return match kept.values(&self.name).next() {
                Some(_) => Ok(()),
                None => Err(format!("no header {}", self.name)),
            };
        };
        let mut values = kept.values(&self.name).peekable();
        let first = values
            .peek()
            .map(|first| String::from_utf8_lossy(first).into_owned());
        if values.any(|own| own == value.as_bytes()) {
            return Ok(());
        }
        let expected = quoted(value);
        Err(match first {
            Some(first) => {
                format!(
                    "header {} is {}, expected {expected}",
                    self.name,
                    quoted(&first)
                )
            }
            None => format!("no header {}, expected {expected}", self.name),
        })
    }
}

impl fmt::Display for ExpectedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}: {value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for ExpectedHeader {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim().to_owned())),
            None => (text, None),
        };
        let name = name.trim();
        if !is_token(name) {
            let reason =
                "expected a header's name, and its value after ':', such as 'x-cache: HIT'";
            return Err(ColumnError::new(text, 0, reason));
        }
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::kept::Kept, ExpectedHeader};

    #[test]
    fn headers_are_there_or_have_a_value() {
        let mut kept = Kept::default();
        kept.header("X-Cache", b" HIT ");
        kept.header("x-cache", b"MISS");
        for (text, reason) in [
            ("x-cache", None),
            ("X-CACHE: HIT", None),
            ("x-cache:MISS", None),
            (
                "x-cache: no",
                Some("header x-cache is \"HIT\", expected \"no\""),
            ),
            ("x-none", Some("no header x-none")),
            ("x-none: a", Some("no header x-none, expected \"a\"")),
        ] {
            let header: ExpectedHeader = text.parse().expect(text);
            assert_eq!(header.check(&kept).err().as_deref(), reason, "{text}");
        }
        assert!("a b: c".parse::<ExpectedHeader>().is_err());
        assert!("".parse::<ExpectedHeader>().is_err());
    }
}
