//! The value of an expression for a call.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Value, json};

use super::{Comparison, Node, Test};

impl Node {
    /// Whether it is true; `None` where it fails.
    pub(super) fn truth(&self, bindings: &Value) -> Option<bool> {
        match self {
            Self::Not(inner) => inner.truth(bindings).map(|value| !value),
            Self::All(parts) => decided(parts, bindings, false),
            Self::Any(parts) => decided(parts, bindings, true),
            _ => self.value(bindings)?.as_bool(),
        }
    }

    fn value<'a>(&'a self, bindings: &'a Value) -> Option<Cow<'a, Value>> {
        let owned = |value: Value| Some(Cow::Owned(value));
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Name(name) => bindings
                .get(name)
                .filter(|value| !value.is_null())
                .map(Cow::Borrowed),
            Self::List(items) => {
                let items = items.iter().map(|item| item.value(bindings));
                let items: Option<Vec<_>> = items.map(|item| Some(item?.into_owned())).collect();
                owned(Value::Array(items?))
            }
            Self::Field(of, name) => inside(of.value(bindings)?, |of| of.get(name)),
            Self::Index(of, index) => {
                let index = index.value(bindings)?;
                let place = index.as_u64().and_then(|place| usize::try_from(place).ok());
                inside(of.value(bindings)?, |of| match (index.as_str(), place) {
                    (Some(name), _) => of.get(name),
                    (None, Some(place)) => of.get(place),
                    (None, None) => None,
                })
            }
            Self::Has(of, name) => {
                let (of, name) = (of.value(bindings)?, name.value(bindings)?);
                let fields = of.as_object()?;
                owned(json!(fields.contains_key(name.as_str()?)))
            }
            Self::Size(of) => {
                let of = of.value(bindings)?;
                owned(json!(size(&of)?))
            }
            Self::Test(test, of, argument) => {
                let (of, argument) = (of.value(bindings)?, argument.value(bindings)?);
                let (whole, part) = (of.as_str()?, argument.as_str()?);
                owned(json!(match test {
                    Test::StartsWith => whole.starts_with(part),
                    Test::EndsWith => whole.ends_with(part),
                    Test::Contains => whole.contains(part),
                }))
            }
            Self::Compare(comparison, left, right) => {
                let (left, right) = (left.value(bindings)?, right.value(bindings)?);
                owned(json!(compare(*comparison, &left, &right)?))
            }
            Self::In(item, list) => {
                let (item, list) = (item.value(bindings)?, list.value(bindings)?);
                owned(json!(match &*list {
                    Value::Array(items) => items.contains(&item),
                    Value::Object(fields) => fields.contains_key(item.as_str()?),
                    _ => return None,
                }))
            }
            Self::Not(_) | Self::All(_) | Self::Any(_) => owned(json!(self.truth(bindings)?)),
        }
    }
}

/// `&&` and `||`: one part of the value that decides is enough, whatever became of the others.
fn decided(parts: &[Node], bindings: &Value, decides: bool) -> Option<bool> {
    let mut fails = false;
    for part in parts {
        match part.truth(bindings) {
            Some(value) if value == decides => return Some(decides),
            Some(_) => {}
            None => fails = true,
        }
    }
    (!fails).then_some(!decides)
}

/// A part of a value.
fn inside(
    of: Cow<'_, Value>,
    part: impl FnOnce(&Value) -> Option<&Value>,
) -> Option<Cow<'_, Value>> {
    match of {
        Cow::Borrowed(of) => part(of).map(Cow::Borrowed),
        Cow::Owned(of) => part(&of).cloned().map(Cow::Owned),
    }
}

fn size(of: &Value) -> Option<usize> {
    match of {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

/// Values of different kinds are not equal, and none is before the other.
fn compare(comparison: Comparison, left: &Value, right: &Value) -> Option<bool> {
    let order = || match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        _ => None,
    };
    Some(match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order()? == Ordering::Less,
        Comparison::AtMost => order()? != Ordering::Greater,
        Comparison::Greater => order()? == Ordering::Greater,
        Comparison::AtLeast => order()? != Ordering::Less,
    })
}
