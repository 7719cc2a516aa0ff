//! Texts with places that are filled in for every request: `{{counter}}`, `{{random 6}}`,
//! `{{uuid}}` and the columns of a data file.
//!
//! `{{{{` is two braces that stay; a single brace is nothing special.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A text that cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The name is neither built in nor a column.
    #[error("there is no {{{{{name}}}}}: {known} (write {{{{{{{{ for two braces that are sent)")]
    Unknown { name: String, known: String },
    /// The braces are not closed.
    #[error("{{{{ without }}}} (write {{{{{{{{ for two braces that are sent)")]
    Unclosed,
    /// The range of a random number is none.
    #[error("{{{{{0}}}}}: expected a number from 1, such as {{{{random 1000}}}}")]
    Random(String),
}

/// A part of a text as it is read.
enum Piece<'a> {
    Text(&'a str),
    /// Two braces that are sent.
    Braces,
    /// What is filled in, with the place of its braces.
    Name(&'a str, usize),
    Unclosed,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while let Some(open) = text[at..].find("{{").map(|open| at + open) {
        pieces.push(Piece::Text(&text[at..open]));
        let braces = text[open..]
            .bytes()
            .take_while(|byte| *byte == b'{')
            .count();
        if braces > 3 {
            pieces.push(Piece::Braces);
            at = open + 4;
        } else if braces == 3 {
            pieces.push(Piece::Text("{"));
            at = open + 1;
        } else if let Some(length) = text[open + 2..].find("}}") {
            pieces.push(Piece::Name(&text[open + 2..open + 2 + length], open));
            at = open + 2 + length + 2;
        } else {
            pieces.push(Piece::Unclosed);
            return pieces;
        }
    }
    pieces.push(Piece::Text(&text[at..]));
    pieces
}

/// The same text with letters, of the same length in bytes, where something is filled in: for
/// checks of what stays.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    for piece in pieces(text) {
        if let Piece::Name(name, at) = piece {
            let end = at + name.len() + 4;
            masked.replace_range(at..end, &"x".repeat(end - at));
        }
    }
    masked
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Counter,
    Random(u64),
    Uuid,
    /// A column of the data, by its place.
    Column(usize),
}

impl Part {
    fn read(name: &str, columns: &[String]) -> Result<Self, TemplateError> {
        let trimmed = name.trim();
        if let Some(column) = columns.iter().position(|column| column == trimmed) {
            return Ok(Self::Column(column));
        }
        match trimmed.split_once(char::is_whitespace) {
            None if trimmed == "counter" => Ok(Self::Counter),
            None if trimmed == "uuid" => Ok(Self::Uuid),
            None if trimmed == "random" => Err(TemplateError::Random(trimmed.to_owned())),
            Some(("random", most)) => match most.trim().parse() {
                Ok(most @ 1..) => Ok(Self::Random(most)),
                _ => Err(TemplateError::Random(trimmed.to_owned())),
            },
            _ => Err(TemplateError::Unknown {
                name: trimmed.to_owned(),
                known: known(columns),
            }),
        }
    }
}

/// The names that there are.
fn known(columns: &[String]) -> String {
    let built_in = "there are {{counter}}, {{random N}} and {{uuid}}";
    if columns.is_empty() {
        return format!("{built_in}, and with --data the columns of a file");
    }
    let columns = columns.iter().map(|name| format!("{{{{{name}}}}}"));
    let columns: Vec<String> = columns.collect();
    format!("{built_in}, and of --data {}", columns.join(", "))
}

/// Whether a column of this name could not be told from what is built in.
pub(crate) fn is_built_in(name: &str) -> bool {
    matches!(
        name.split_whitespace().next(),
        Some("counter" | "random" | "uuid")
    )
}

/// What is filled in for one request.
pub(crate) struct Values<'a> {
    /// The request's number.
    pub(crate) number: u64,
    /// A row of the data.
    pub(crate) row: &'a csv::StringRecord,
    pub(crate) random: &'a mut fastrand::Rng,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    pub(crate) fn read(text: &str, columns: &[String]) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        for piece in pieces(text) {
            let fixed = match piece {
                Piece::Text(text) => text,
                Piece::Braces => "{{",
                Piece::Name(name, _) => {
                    parts.push(Part::read(name, columns)?);
                    continue;
                }
                Piece::Unclosed => return Err(TemplateError::Unclosed),
            };
            match parts.last_mut() {
                Some(Part::Text(text)) => text.push_str(fixed),
                _ if fixed.is_empty() => {}
                _ => parts.push(Part::Text(fixed.to_owned())),
            }
        }
        Ok(Self(parts))
    }

    /// The text, if nothing is filled in.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The columns of the data that it uses.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(column) => Some(*column),
            _ => None,
        })
    }

    pub(crate) fn fill(&self, values: &mut Values<'_>) -> String {
        let mut text = String::new();
        self.0.iter().for_each(|part| part.write(values, &mut text));
        text
    }

    /// Fills in for a URL: what is filled in is percent-encoded, but for what RFC 3986, 2.3 leaves
    /// as it is.
    pub(crate) fn fill_url(&self, values: &mut Values<'_>) -> String {
        const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~');
        let mut url = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Column(column) => {
                    url.extend(utf8_percent_encode(&values.row[*column], ENCODED));
                }
                other => other.write(values, &mut url),
            }
        }
        url
    }
}

impl Part {
    fn write(&self, values: &mut Values<'_>, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Counter => write!(text, "{}", values.number),
            Self::Random(most) => write!(text, "{}", values.random.u64(1..=*most)),
            Self::Uuid => {
                let bits = values.random.u128(..);
                let uuid = uuid::Builder::from_random_bytes(bits.to_ne_bytes()).into_uuid();
                write!(text, "{uuid}")
            }
            Self::Text(fixed) => text.write_str(fixed),
            Self::Column(column) => text.write_str(&values.row[*column]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Template, Values, mask};

    fn fill(text: &str) -> String {
        let columns = ["name".to_owned(), "first name".to_owned()];
        let template = Template::read(text, &columns).expect(text);
        template.fill(&mut Values {
            number: 41,
            row: &csv::StringRecord::from(vec!["a&b", "Zoë"]),
            random: &mut fastrand::Rng::with_seed(1),
        })
    }

    #[test]
    fn what_stands_between_two_braces_is_filled_in_and_nothing_else() {
        for (text, filled) in [
            ("", ""),
            ("{id} {} }} {", "{id} {} }} {"),
            ("a{{counter}}b{{ name }}", "a41ba&b"),
            ("{{first name}}", "Zoë"),
            ("{{random 1}}", "1"),
            ("{\"n\":{{counter}}}", "{\"n\":41}"),
            ("{{{counter}}}", "{41}"),
            ("{{{{counter}}", "{{counter}}"),
            ("{{{{{{counter}}", "{{41"),
            ("{{{{{x", "{{{x"),
        ] {
            assert_eq!(fill(text), filled, "{text}");
        }
        let uuid = fill("{{uuid}}");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
        assert_ne!(uuid, fill("{{uuid}}{{uuid}}")[36..], "each is its own");
        for _ in 0..100 {
            let number: u64 = fill("{{random 6}}").parse().expect("a number");
            assert!((1..=6).contains(&number));
        }
    }

    #[test]
    fn in_a_url_what_is_filled_in_is_percent_encoded() {
        let template = Template::read("/{id}/{{name}}?a={{b}}", &["name".into(), "b".into()]);
        let url = template.expect("valid").fill_url(&mut Values {
            number: 0,
            row: &csv::StringRecord::from(vec!["a/b c", "é~"]),
            random: &mut fastrand::Rng::new(),
        });
        assert_eq!(url, "/{id}/a%2Fb%20c?a=%C3%A9~");
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused_with_what_there_is() {
        let columns = ["user".to_owned()];
        for (text, part) in [
            (
                "{{usr}}",
                "there is no {{usr}}: there are {{counter}}, {{random N}}",
            ),
            ("{{usr}}", "of --data {{user}}"),
            ("{{usr}}", "write {{{{ for two braces"),
            ("{{", "{{ without }}"),
            ("x{{counter", "{{ without }}"),
            ("{{}}", "there is no {{}}"),
            ("{{random}}", "{{random}}: expected a number"),
            ("{{random 0}}", "{{random 0}}: expected a number"),
            ("{{random x}}", "{{random x}}: expected a number"),
        ] {
            let error = Template::read(text, &columns).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_stays_keeps_its_place_behind_a_mask() {
        assert_eq!(mask("/{id}/{{é é}}?{{{{a b"), "/{id}/xxxxxxxxx?{{{{a b");
    }
}
