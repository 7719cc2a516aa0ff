//! Reads a call's body field by field, so that a refusal names the field that is wrong.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr};

use serde_json::{Map, Value};

use super::super::refusal::Refusal;

/// A JSON object of a body.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where it is in the body: empty, or `healthcheck.`.
    prefix: String,
    values: Map<String, Value>,
}

impl Fields {
    /// Reads a body. An unknown field is refused: it is a mistake that would else go unnoticed.
    pub(super) fn parse(body: &[u8], known: &[&str]) -> Result<Self, Refusal> {
        let value = serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid("body", format!("is not JSON: {error}")))?;
        Self::of(value, String::new(), "body", Some(known))
    }

    fn of(
        value: Value,
        prefix: String,
        name: &str,
        known: Option<&[&str]>,
    ) -> Result<Self, Refusal> {
        let Value::Object(values) = value else {
            return Err(Refusal::invalid(name, "must be an object"));
        };
        if let Some(unknown) =
            known.and_then(|known| values.keys().find(|key| !known.contains(&key.as_str())))
        {
            return Err(Refusal::invalid(
                format!("{prefix}{unknown}"),
                "is not a field of this call",
            ));
        }
        Ok(Self { prefix, values })
    }

    fn refuse(&self, name: &str, problem: impl Into<String>) -> Refusal {
        Refusal::invalid(format!("{}{name}", self.prefix), problem)
    }

    /// The value; a null counts as absent, as it does for the API's nullable fields.
    fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// True when the field is there, even as null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Makes an optional field a required one.
    pub(super) fn require<T>(&self, name: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.refuse(name, "is missing"))
    }

    /// A text whose length in characters is within `length`.
    pub(super) fn text(
        &self,
        name: &str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.refuse(name, "must be a string"))?;
        if length.contains(&text.chars().count()) {
            return Ok(Some(text.to_owned()));
        }
        let (least, most) = length.into_inner();
        Err(self.refuse(name, format!("must have {least} to {most} characters")))
    }

    /// A whole number within `bounds`.
    pub(super) fn integer(
        &self,
        name: &str,
        bounds: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Ok(Some(number));
        }
        let (least, most) = bounds.into_inner();
        Err(self.refuse(
            name,
            if most == u32::MAX {
                format!("must be a whole number, at least {least}")
            } else {
                format!("must be a whole number from {least} to {most}")
            },
        ))
    }

    /// A TCP port.
    pub(super) fn port(&self, name: &str) -> Result<Option<u16>, Refusal> {
        let port = self.integer(name, 1..=u32::from(u16::MAX))?;
        Ok(port.and_then(|port| u16::try_from(port).ok()))
    }

    /// One of the allowed words.
    pub(super) fn one_of<'w>(
        &self,
        name: &str,
        allowed: &[&'w str],
    ) -> Result<Option<&'w str>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let found = allowed
            .iter()
            .copied()
            .find(|word| value.as_str() == Some(word));
        found
            .map(Some)
            .ok_or_else(|| self.refuse(name, format!("must be one of {}", allowed.join(", "))))
    }

    /// A reference, `{"id": …}`; further fields in it are ignored, since clients send whole objects.
    pub(super) fn reference<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(object) = self.object(name)? else {
            return Ok(None);
        };
        let id = object.require("id", object.get("id").and_then(Value::as_str))?;
        id.parse()
            .map(Some)
            .map_err(|_| object.refuse("id", format!("{id:?} is not a UUID")))
    }

    /// An identifier.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let id = value.as_str().and_then(|text| text.parse().ok());
        id.map(Some)
            .ok_or_else(|| self.refuse(name, format!("{value} is not a UUID")))
    }

    /// A list of allowed words.
    pub(super) fn words(
        &self,
        name: &str,
        allowed: &[&str],
    ) -> Result<Option<Vec<String>>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let words: Option<Vec<String>> = serde_json::from_value(value.clone()).ok();
        words
            .filter(|words| words.iter().all(|word| allowed.contains(&word.as_str())))
            .map(Some)
            .ok_or_else(|| self.refuse(name, format!("must be a list of {}", allowed.join(", "))))
    }

    /// True or false.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        Ok(self
            .kept(name, Form::Boolean)?
            .and_then(|value| value.as_bool()))
    }

    /// A nested object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Refusal> {
        let path = format!("{}{name}", self.prefix);
        let value = self.get(name).cloned();
        value
            .map(|value| Self::of(value, format!("{path}."), &path, None))
            .transpose()
    }

    /// Labels: an object of texts.
    pub(super) fn labels(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        let value = self
            .get(name)
            .cloned()
            .map(serde_json::from_value)
            .transpose();
        value.map_err(|_| self.refuse(name, "must be an object of strings"))
    }

    /// A list of identifiers, without repetition.
    pub(super) fn ids<T: FromStr + PartialEq>(
        &self,
        name: &str,
    ) -> Result<Option<Vec<T>>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let items = value
            .as_array()
            .ok_or_else(|| self.refuse(name, "must be an array"))?;
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            let id = item.as_str().and_then(|text| text.parse().ok());
            let id = id.ok_or_else(|| self.refuse(name, format!("{item} is not a UUID")))?;
            if ids.contains(&id) {
                return Err(self.refuse(name, format!("{item} occurs twice")));
            }
            ids.push(id);
        }
        Ok(Some(ids))
    }

    /// A field that is kept and answered as it came, when its value has the form `form`.
    pub(super) fn kept(&self, name: &str, form: Form) -> Result<Option<Value>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let (fits, wanted) = match form {
            Form::Boolean => (value.is_boolean(), "true or false"),
            Form::Count => (value.is_u64(), "a whole number, at least 0"),
            Form::Object => (value.is_object(), "an object"),
            Form::Objects => (
                value
                    .as_array()
                    .is_some_and(|items| items.iter().all(Value::is_object)),
                "an array of objects",
            ),
            Form::Word(words) => (
                value.as_str().is_some_and(|word| words.contains(&word)),
                "one of the API's words for it",
            ),
        };
        if fits {
            Ok(Some(value.clone()))
        } else {
            Err(self.refuse(name, format!("must be {wanted}")))
        }
    }
}

/// The form of a field that has no effect here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Boolean,
    Count,
    Object,
    Objects,
    Word(&'static [&'static str]),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes(), &["size", "name", "pool", "ids"]).unwrap()
    }

    fn problem<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_field() {
        let of = |text: &str| Fields::parse(text.as_bytes(), &["size"]);
        assert!(problem(of("{")).starts_with("body: is not JSON"));
        assert_eq!(problem(of("[]")), "body: must be an object");
        assert_eq!(
            problem(of(r#"{"sise":1}"#)),
            "sise: is not a field of this call"
        );
        for size in ["0", "11", "-1", "1.5", "\"2\"", "99999999999"] {
            let body = fields(&format!(r#"{{"size":{size}}}"#));
            assert_eq!(
                problem(body.integer("size", 1..=10)),
                "size: must be a whole number from 1 to 10"
            );
        }
        let body = fields(r#"{"pool":{"id":"x"},"ids":["x"],"name":""}"#);
        assert_eq!(
            problem(body.reference::<uuid::Uuid>("pool")),
            "pool.id: \"x\" is not a UUID"
        );
        assert_eq!(
            problem(body.ids::<uuid::Uuid>("ids")),
            "ids: \"x\" is not a UUID"
        );
        assert_eq!(
            problem(body.text("name", 1..=255)),
            "name: must have 1 to 255 characters"
        );
        let absent = body.integer("size", 1..=10).unwrap();
        assert_eq!(problem(body.require("size", absent)), "size: is missing");
    }
}
