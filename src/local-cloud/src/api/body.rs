//! Reads a call's body as the type that its handler declares. A refusal names the field that is
//! wrong.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use super::super::refusal::Refusal;

/// The body as a `T`. A null counts as absent, as it does for the API's nullable fields.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid("body", format!("is not JSON: {error}")))?;
    serde_path_to_error::deserialize(&value)
        .map(|Object(body)| body)
        .map_err(|error| refusal(&value, error.path(), &error.inner().to_string()))
}

/// What serde says about a body, in the words of the API's refusals.
fn refusal(body: &Value, path: &Path, said: &str) -> Refusal {
    let field = path.to_string();
    let at_top = field == ".";
    if let Some(missing) = said.strip_prefix("missing field `") {
        let missing = missing.trim_end_matches('`');
        let field = if at_top {
            missing.to_owned()
        } else {
            format!("{field}.{missing}")
        };
        return Refusal::invalid(field, "is missing");
    }
    let problem = if !at_top && value_at(body, path).is_some_and(Value::is_null) {
        "is missing".to_owned()
    } else if said.starts_with("unknown field") {
        "is not a field of this call".to_owned()
    } else {
        match said.rsplit_once(", expected ") {
            Some((found, words)) if found.starts_with("unknown variant") => {
                let words: Vec<_> = words.split('`').skip(1).step_by(2).collect();
                format!("must be one of {}", words.join(", "))
            }
            Some((found, wanted)) if found.starts_with("invalid") => {
                format!("must be {}", in_words_of_json(wanted))
            }
            _ => said.to_owned(),
        }
    };
    Refusal::invalid(if at_top { "body" } else { &field }, problem)
}

fn value_at<'v>(body: &'v Value, path: &Path) -> Option<&'v Value> {
    path.iter().try_fold(body, |value, segment| match segment {
        Segment::Map { key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

fn in_words_of_json(wanted: &str) -> &str {
    match wanted {
        "a map" => "an object",
        "a sequence" => "an array",
        "a boolean" => "true or false",
        _ if wanted.starts_with("struct ") => "an object",
        _ => wanted,
    }
}

/// A JSON object. Serde's own reader of a struct takes an array of its fields as well.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer
            .deserialize_map(Fields(std::marker::PhantomData))
            .map(Self)
    }
}

/// What an update does to a setting that may be absent.
#[derive(Clone, Debug, Default)]
pub(super) enum Change<T> {
    /// The field is not there.
    #[default]
    Keep,
    /// It is null.
    Clear,
    Set(T),
}

impl<T> Change<T> {
    pub(super) fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Changes a setting to what `read` makes of the field's value.
    pub(super) fn apply<U>(self, setting: &mut Option<U>, read: impl FnOnce(T) -> Option<U>) {
        match self {
            Self::Keep => {}
            Self::Clear => *setting = None,
            Self::Set(value) => *setting = read(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

/// The fields of a body that are kept and answered, and have no effect here: those that it
/// serialises.
pub(super) fn kept(body: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use exoscale::ids::{InstanceId, TemplateId};

    use super::{
        super::field::{Ids, Name, Reference, Size, Word},
        *,
    };

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Green,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only refusals are looked at")]
    struct Body {
        size: Size<1, 10>,
        name: Option<Name>,
        template: Option<Reference<TemplateId>>,
        ids: Option<Ids<InstanceId>>,
        colour: Option<Word<Colour>>,
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only refusals are looked at")]
    struct Inner {
        flag: bool,
    }

    fn problem(text: &str) -> String {
        read::<Body>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert!(problem("{").starts_with("body: is not JSON"));
        for text in ["[]", "7", "null", r#""size""#, "[1, null, null]"] {
            assert_eq!(problem(text), "body: must be an object");
        }
        assert_eq!(
            problem(r#"{"sise":1}"#),
            "sise: is not a field of this call"
        );
        assert_eq!(problem("{}"), "size: is missing");
        assert_eq!(problem(r#"{"size":null}"#), "size: is missing");
        for size in [
            "0",
            "11",
            "-1",
            "1.5",
            "2.0",
            "\"2\"",
            "99999999999",
            "1e30",
            "[2]",
            "true",
        ] {
            let said = problem(&format!(r#"{{"size":{size}}}"#));
            assert_eq!(said, "size: must be a whole number from 1 to 10", "{size}");
        }
    }

    #[test]
    fn a_field_must_have_its_form() {
        for (field, said) in [
            (r#""name":"""#, "name: must have 1 to 255 characters"),
            (r#""name":7"#, "name: must be a string"),
            (
                r#""template":{"id":"x"}"#,
                "template.id: \"x\" is not a UUID",
            ),
            (r#""template":{}"#, "template.id: is missing"),
            (r#""template":{"id":null}"#, "template.id: is missing"),
            (r#""template":["x"]"#, "template: must be an object"),
            (r#""ids":"x""#, "ids: must be an array"),
            (r#""ids":["x"]"#, "ids: \"x\" is not a UUID"),
            (r#""colour":"blue""#, "colour: must be one of red, green"),
            (
                r#""colour":"x, expected `y`""#,
                "colour: must be one of red, green",
            ),
            (r#""colour":{"red":null}"#, "colour: must be a string"),
            (r#""inner":{"flag":1}"#, "inner.flag: must be true or false"),
            (r#""inner":{}"#, "inner.flag: is missing"),
            (r#""inner":[true]"#, "inner: must be an object"),
        ] {
            assert_eq!(problem(&format!(r#"{{"size":1,{field}}}"#)), said);
        }
        let id = "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001";
        let twice = format!(r#"{{"size":1,"ids":["{id}","{id}"]}}"#);
        assert_eq!(problem(&twice), format!("ids: {id} occurs twice"));
    }

    #[test]
    fn what_clients_send_besides_a_references_id_is_ignored() {
        let id = "5c10f3a1-6e0a-4f3e-9d0b-0d6f5f5a0001";
        let body = format!(r#"{{"size":1,"name":null,"template":{{"id":"{id}","name":"x"}}}}"#);
        let body: Body = read(body.as_bytes()).unwrap();
        assert_eq!(body.template.unwrap().0.to_string(), id);
        assert!(body.name.is_none());
    }
}
