//! Words and signs of an expression.

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

impl Token {
    /// As a refusal shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(text) => format!("`{text:?}`"),
            Self::Number(number) => format!("`{number}`"),
            Self::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// Longer ones first. Some are read only to be refused by name.
const SIGNS: [&str; 22] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "-", "?", ":",
    "+", "*", "/", "%",
];

/// All of them, or what cannot be read.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if first.is_ascii_alphabetic() || first == '_' {
            let (word, after) = split(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            (Token::Word(word.to_owned()), after)
        } else if first.is_ascii_digit() {
            let (digits, after) = split(rest, |c| c.is_ascii_alphanumeric());
            let number = digits.parse();
            let number = number.map_err(|_| format!("`{digits}` is no whole number"))?;
            (Token::Number(number), after)
        } else if first == '\'' || first == '"' {
            let (text, after) = quoted(rest, first)?;
            (Token::Text(text), after)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else {
            return Err(format!("it has the sign `{}`", first.escape_debug()));
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// What is between the quotes, and what follows.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut found = String::new();
    let mut signs = text.char_indices().skip(1);
    while let Some((index, sign)) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => found.push(escaped),
                Some((_, other)) => {
                    return Err(format!("`\\{}` is not known here", other.escape_debug()));
                }
                None => break,
            },
            sign if sign == quote => return Ok((found, &text[index + quote.len_utf8()..])),
            sign => found.push(sign),
        }
    }
    Err("a string has no end".to_owned())
}
