//! The part of the Common Expression Language that policies of this project use: `operation ==
//! '…'` and `operation in ['…', …]`, joined by `||`. Others are refused, never guessed at.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An expression over the name of the operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Expression {
    text: String,
    operations: Vec<String>,
}

/// An expression outside of that part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the local cloud cannot evaluate the expression {0:?}: it knows `operation == 'name'` and `operation in ['name', …]`, joined by `||`"
)]
pub(crate) struct UnknownExpression(String);

impl Expression {
    /// Its value for a call of `operation`.
    pub(crate) fn is_true_of(&self, operation: &str) -> bool {
        self.operations.iter().any(|name| name == operation)
    }
}

impl TryFrom<String> for Expression {
    type Error = UnknownExpression;

    fn try_from(text: String) -> Result<Self, UnknownExpression> {
        let alternatives = text.split("||").map(|part| alternative(part.trim()));
        match alternatives.collect::<Option<Vec<_>>>() {
            Some(names) => Ok(Self {
                operations: names.concat(),
                text,
            }),
            None => Err(UnknownExpression(text)),
        }
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.text
    }
}

fn alternative(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix("operation")?;
    if let Some(name) = rest.trim_start().strip_prefix("==") {
        return Some(vec![quoted(name)?]);
    }
    let list = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let list = list.strip_prefix("in")?.trim();
    let items = list.strip_prefix('[')?.strip_suffix(']')?;
    items.split(',').map(quoted).collect()
}

fn quoted(text: &str) -> Option<String> {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let name = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        Expression::try_from(text.to_owned())
            .ok()
            .map(|e| e.operations)
    }

    #[test]
    fn lists_and_alternatives_are_understood() {
        let one = Some(vec!["get-instance".to_owned()]);
        assert_eq!(names("operation == 'get-instance'"), one);
        assert_eq!(names("operation in [\"get-instance\"]"), one);
        let two = names("operation in ['a', 'b'] || operation=='c'").unwrap();
        assert_eq!(two, ["a", "b", "c"]);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "true",
            "operation",
            "operation != 'a'",
            "operation in 'a'",
            "operation in []",
            "operation == 'a' && true",
            "operationin ['a']",
            "resources.instance.id == 'a'",
            "operation in ['a'",
            "operation == 'a",
            "operation == '",
            "operation.startsWith('a')",
        ] {
            assert_eq!(names(text), None, "{text}");
        }
    }
}
