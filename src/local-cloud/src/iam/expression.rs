//! The part of the Common Expression Language that policies can use here: the comparisons, `in`,
//! `&&`, `||`, `!`, `has`, `size` and the plain tests of texts, over what a call is about. Others
//! are refused by name, never guessed at.
//!
//! As in that language an expression that looks at what is not there fails, and is not true; `&&`
//! and `||` have a value all the same where one side decides.

mod evaluate;
mod parser;
mod tokens;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// An expression about a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Expression {
    text: String,
    root: Node,
}

/// An expression that cannot be evaluated, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this expression cannot be evaluated: {0}")]
pub(crate) struct UnknownExpression(String);

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(Value),
    /// One of [`parser::NAMES`].
    Name(&'static str),
    List(Vec<Node>),
    Field(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Has(Box<Node>, Box<Node>),
    Size(Box<Node>),
    Test(Test, Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

/// A test of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Expression {
    /// Whether it is true of a call; false when it fails.
    pub(crate) fn holds(&self, bindings: &Value) -> bool {
        self.root.truth(bindings) == Some(true)
    }
}

impl TryFrom<String> for Expression {
    type Error = UnknownExpression;

    fn try_from(text: String) -> Result<Self, UnknownExpression> {
        match parser::parse(&text) {
            Ok(root) => Ok(Self { text, root }),
            Err(problem) => Err(UnknownExpression(problem)),
        }
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Expression {
        let read = Expression::try_from(text.to_owned());
        read.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn bindings() -> Value {
        json!({
            "operation": "create-instance",
            "service": "compute",
            "parameters": { "name": "a", "size": 3, "labels": { "x": "y" }, "ids": ["p", "q"] },
            "resources": { "instance": { "name": "prod" } },
        })
    }

    #[test]
    fn what_is_understood_has_its_value() {
        let bindings = bindings();
        for (text, value) in [
            ("true", Some(true)),
            ("!true || false", Some(false)),
            ("operation == 'create-instance'", Some(true)),
            ("operation != \"create-instance\"", Some(false)),
            ("operation in ['a', 'create-instance']", Some(true)),
            ("operation in []", Some(false)),
            ("operation.startsWith('create-')", Some(true)),
            (
                "operation.endsWith('pool') || operation.contains('inst')",
                Some(true),
            ),
            ("parameters.size >= 3 && parameters.size < 4", Some(true)),
            ("parameters.labels.x == 'y'", Some(true)),
            (
                "parameters.labels['x'] == 'y' && 'x' in parameters.labels",
                Some(true),
            ),
            (
                "'q' in parameters.ids && parameters.ids[0] == 'p'",
                Some(true),
            ),
            (
                "size(parameters.ids) == 2 && parameters.name.size() == 1",
                Some(true),
            ),
            (
                "parameters.has('name') && !parameters.has('nothing')",
                Some(true),
            ),
            (
                "has(parameters.name) && !has(parameters.nothing)",
                Some(true),
            ),
            ("resources.instance.name in ['prod']", Some(true)),
            ("!(parameters.name == 'b')", Some(true)),
            ("parameters.name == 3", Some(false)),
            ("parameters.nothing == 'x'", None),
            ("parameters.nothing == 'x' || true", Some(true)),
            ("false && parameters.nothing == 'x'", Some(false)),
            ("parameters.nothing == 'x' || false", None),
            ("parameters.nothing != 'x' && true", None),
            ("resources.template.name == 'x'", None),
            ("parameters.name < 3", None),
            ("parameters.name", None),
            ("parameters.ids[2] == 'p'", None),
            ("source_ip == '127.0.0.1'", None),
        ] {
            assert_eq!(read(text).root.truth(&bindings), value, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (text, said) in [
            ("", "it is empty"),
            ("operation", "is not true or false"),
            ("!operation", "is not true or false"),
            ("['a']", "is not true or false"),
            ("true || 'x'", "is not true or false"),
            ("operation in 'a'", "`in` needs a list"),
            ("operation == 'a' && ", "it ends too early"),
            ("operationin ['a']", "`operationin`"),
            ("operation in ['a'", "it ends too early"),
            ("operation == 'a", "a string has no end"),
            ("operation == 'a\\q'", "`\\q`"),
            ("operation.matches('a')", "`matches`"),
            ("resources.spaceship.id == 'a'", "`resources.spaceship`"),
            ("!resources.has('spaceship')", "`resources.spaceship`"),
            ("!('spaceship' in resources)", "`resources.spaceship`"),
            ("resources[operation].id == 'a'", "`resources[…]`"),
            ("identity.name == 'a'", "`identity`"),
            ("true == true == true", "`==`"),
            ("1 - 1 == 0", "`-`"),
            ("99999999999999999999 == 1", "`99999999999999999999`"),
            ("true)", "`)`"),
            ("{'a': 1}.a == 1", "`{`"),
        ] {
            let problem = Expression::try_from(text.to_owned()).unwrap_err();
            let problem = problem.to_string();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }

    fn deep(open: &str, close: &str) -> String {
        format!("{}true{}", open.repeat(20_000), close.repeat(20_000))
    }

    #[test]
    fn depth_is_bounded() {
        for text in [
            deep("(", ")"),
            deep("!", ""),
            deep("[", "]"),
            deep("size(", ")"),
            format!("parameters{} == 1", ".a".repeat(20_000)),
            format!("parameters{} == 1", "[0]".repeat(20_000)),
        ] {
            let problem = Expression::try_from(text).unwrap_err();
            assert!(problem.to_string().contains("too deep"), "{problem}");
        }
        read(&vec!["true"; 20_000].join(" && "));
        let chain = ".a".repeat(8);
        let nested = (0..31).fold("parameters".to_owned(), |inner, _| {
            format!("({inner}{chain})")
        });
        assert!(!read(&format!("{nested} == 1")).holds(&bindings()));
    }

    /// Expressions that are understood, true and failing ones among them.
    fn understood() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "true",
            "false",
            "operation == 'create-instance'",
            "parameters.nothing == 'x'",
            "parameters.name in ['a']",
            "parameters.nothing in ['a']",
            "parameters.has('name')",
            "resources.template.name != 'x'",
            "parameters.nothing",
            "parameters.name",
        ]);
        leaf.prop_map(str::to_owned)
            .prop_recursive(4, 32, 2, |inner| {
                prop_oneof![
                    inner.clone().prop_map(|one| format!("!({one})")),
                    (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
                    (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) || ({b})")),
                ]
            })
    }

    proptest! {
        /// Nothing that a client writes ends the process, and what is refused has no value.
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z!&|=<>()\\[\\]'\"., 0-9_]{0,40}") {
            if let Ok(read) = Expression::try_from(text.clone()) {
                read.holds(&bindings());
                read.holds(&Value::Null);
                prop_assert_eq!(String::from(read), text);
            }
        }

        #[test]
        fn any_characters_are_read_or_refused(text in any::<String>()) {
            if let Ok(read) = Expression::try_from(text) {
                read.holds(&bindings());
            }
        }

        /// What fails is true neither as it stands nor when it is negated.
        #[test]
        fn a_failure_never_grants(text in understood()) {
            let (plain, negated) = (read(&text), read(&format!("!({text})")));
            for bindings in [bindings(), Value::Null, json!({})] {
                let value = plain.root.truth(&bindings);
                prop_assert_eq!(negated.root.truth(&bindings), value.map(|value| !value));
                prop_assert!(!(plain.holds(&bindings) && negated.holds(&bindings)));
            }
        }
    }
}
