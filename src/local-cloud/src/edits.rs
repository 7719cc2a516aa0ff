//! Changes to an answer, so that it shows what the real API may send and this one would not: a
//! state, a null, a field that is not there.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// A JSON pointer into the answer, such as `/services/*/healthcheck-status/*/status`; `*`
    /// stands for every item or field. Where the last name is absent, it is added.
    pub path: String,
    /// What is put there, which may be null. Absent, the field or item is removed.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Value>,
}

/// A null is a value, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Edit {
    /// Puts `value` at `path`.
    pub fn set(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            path: path.into(),
            value: Some(value.into()),
        }
    }

    /// Removes what is at `path`.
    pub fn remove(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            value: None,
        }
    }

    /// Whether the path is a JSON pointer to a part of an answer.
    pub(crate) fn is_well_formed(&self) -> bool {
        self.path.len() > 1 && self.path.starts_with('/')
    }

    /// Changes an answer; does nothing where the path leads nowhere.
    pub(crate) fn apply(&self, answer: &mut Value) {
        let names: Vec<String> = self
            .path
            .split('/')
            .skip(1)
            .map(|name| name.replace("~1", "/").replace("~0", "~"))
            .collect();
        let Some((last, parents)) = names.split_last() else {
            return;
        };
        let mut places = vec![answer];
        for name in parents {
            places = places
                .into_iter()
                .flat_map(|place| parts(place, name))
                .collect();
        }
        for place in places {
            match &self.value {
                Some(value) => put(place, last, value),
                None => remove(place, last),
            }
        }
    }
}

/// The fields or items of that name.
fn parts<'v>(of: &'v mut Value, name: &str) -> Vec<&'v mut Value> {
    let every = name == "*";
    match of {
        Value::Object(fields) => {
            let fields = fields.iter_mut();
            fields
                .filter(|(field, _)| every || *field == name)
                .map(|(_, value)| value)
                .collect()
        }
        Value::Array(items) => {
            let index = name.parse::<usize>().ok();
            let items = items.iter_mut().enumerate();
            items
                .filter(|(at, _)| every || Some(*at) == index)
                .map(|(_, item)| item)
                .collect()
        }
        _ => Vec::new(),
    }
}

fn put(of: &mut Value, name: &str, value: &Value) {
    if let Value::Object(fields) = of
        && name != "*"
    {
        fields.insert(name.to_owned(), value.clone());
    } else {
        for part in parts(of, name) {
            *part = value.clone();
        }
    }
}

fn remove(of: &mut Value, name: &str) {
    match of {
        Value::Object(fields) if name == "*" => fields.clear(),
        Value::Object(fields) => {
            fields.remove(name);
        }
        Value::Array(items) if name == "*" => items.clear(),
        Value::Array(items) => {
            if let Some(index) = name.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edited(edit: &Edit, mut answer: Value) -> Value {
        edit.apply(&mut answer);
        answer
    }

    #[test]
    fn a_path_leads_to_every_place_that_it_names() {
        let answer = json!({ "a": [{ "b": 1, "c": 2 }, { "b": 3 }], "d": { "e": 4 } });
        let b = &Edit::remove("/a/*/b");
        assert_eq!(edited(b, answer.clone())["a"], json!([{ "c": 2 }, {}]));
        let nulls = &Edit::set("/a/*/b", Value::Null);
        assert_eq!(edited(nulls, answer.clone())["a"][1], json!({ "b": null }));
        let second = edited(&Edit::remove("/a/1"), answer.clone());
        assert_eq!(second["a"].as_array().unwrap().len(), 1);
        let new = edited(&Edit::set("/d/f", "x"), answer.clone());
        assert_eq!(new["d"], json!({ "e": 4, "f": "x" }));
        assert_eq!(
            edited(&Edit::remove("/a/*"), answer.clone())["a"],
            json!([])
        );
        assert_eq!(edited(&Edit::set("/d/*", 7), answer.clone())["d"]["e"], 7);
        for nowhere in ["/x/y", "/a/7", "/a/x/b", "/d/e/f", "/"] {
            assert_eq!(
                edited(&Edit::set(nowhere, 1), answer.clone())["a"],
                answer["a"]
            );
        }
    }

    #[test]
    fn null_is_a_value_and_no_value_is_a_removal() {
        let read = |text: &str| serde_json::from_str::<Edit>(text).unwrap();
        assert_eq!(
            read(r#"{"path":"/a","value":null}"#),
            Edit::set("/a", Value::Null)
        );
        assert_eq!(read(r#"{"path":"/a"}"#), Edit::remove("/a"));
        let written = serde_json::to_value(Edit::remove("/a")).unwrap();
        assert_eq!(written, json!({ "path": "/a" }));
    }
}
