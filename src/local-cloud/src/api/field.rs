//! The fields of bodies: types that hold only what the API takes, and say what that is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, IntoDeserializer as _, Unexpected, Visitor},
};
use serde_json::{Map, Value};

use super::body::Object;

/// A text of `MIN` to `MAX` characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text<const MIN: usize, const MAX: usize>(pub(super) String);

/// What most things are called.
pub(super) type Name = Text<1, 255>;

impl<const MIN: usize, const MAX: usize> TryFrom<String> for Text<MIN, MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (MIN..=MAX).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err(format!("must have {MIN} to {MAX} characters"))
        }
    }
}

/// An empty description is none: an answer must have at least one character.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Text<0, 255>")]
pub(super) struct Description(pub(super) Option<String>);

impl From<Text<0, 255>> for Description {
    fn from(Text(text): Text<0, 255>) -> Self {
        Self(Some(text).filter(|text| !text.is_empty()))
    }
}

impl Description {
    /// The text of a field that may be absent.
    pub(super) fn text(field: Option<Self>) -> Option<String> {
        field.and_then(|description| description.0)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Whole<T, const MIN: u64, const MAX: u64>(pub(super) T);

/// How many, or how large.
pub(super) type Size<const MIN: u64, const MAX: u64> = Whole<u32, MIN, MAX>;

/// The largest size where the API names none.
pub(super) const UNBOUNDED: u64 = u32::MAX as u64;

/// A TCP port.
pub(super) type Port = Whole<u16, 1, 65_535>;

struct Bounds<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for Bounds<MIN, MAX> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if MAX >= UNBOUNDED {
            write!(f, "a whole number, at least {MIN}")
        } else {
            write!(f, "a whole number from {MIN} to {MAX}")
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if (MIN..=MAX).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }
}

impl<'de, T: TryFrom<u64>, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bounds = Bounds::<MIN, MAX>;
        let number = deserializer.deserialize_u64(Bounds::<MIN, MAX>)?;
        let refuse = |_| D::Error::invalid_value(Unexpected::Unsigned(number), &bounds);
        T::try_from(number).map(Self).map_err(refuse)
    }
}

/// One of the words of `T`, as a string. Serde's own reader of an enum takes `{"word": null}` as
/// well.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Word<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        T::deserialize(word.into_deserializer()).map(Self)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String", bound = "T: FromStr")]
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> TryFrom<String> for Id<T> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let id = text.parse();
        id.map(Self).map_err(|_| format!("{text:?} is not a UUID"))
    }
}

/// A reference, `{"id": …}`; further fields in it are ignored, since clients send whole objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference<T>(pub(super) T);

impl<'de, T: FromStr> Deserialize<'de> for Reference<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: FromStr")]
        struct Identified<T> {
            id: Id<T>,
        }

        let Object(Identified { id: Id(id) }) = Object::deserialize(deserializer)?;
        Ok(Self(id))
    }
}

/// A list of identifiers, without repetition.
#[derive(Clone, Debug)]
pub(super) struct Ids<T>(pub(super) Vec<T>);

impl<'de, T: FromStr + Copy + Ord + Display> Deserialize<'de> for Ids<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut ids, mut known) = (Vec::new(), BTreeSet::new());
        for text in Vec::<String>::deserialize(deserializer)? {
            let Id(id) = Id::<T>::try_from(text).map_err(D::Error::custom)?;
            if !known.insert(id) {
                return Err(D::Error::custom(format!("{id} occurs twice")));
            }
            ids.push(id);
        }
        Ok(Self(ids))
    }
}

/// Labels: an object of strings.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Labels(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let labels = serde_json::from_value(Value::deserialize(deserializer)?);
        let refuse = |_| D::Error::custom("must be an object of strings");
        labels.map(Self).map_err(refuse)
    }
}

/// Objects of which only the form is looked at here.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Objects(Vec<Map<String, Value>>);

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let objects = serde_json::from_value(Value::deserialize(deserializer)?);
        let refuse = |_| D::Error::custom("must be an array of objects");
        objects.map(Self).map_err(refuse)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) Ipv4Addr);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse();
        let refuse = |_| format!("{text:?} is no IPv4 address");
        address.map(Self).map_err(refuse)
    }
}

/// A network such as `10.0.0.0/8`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Network(pub(super) String);

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parts = text.split_once('/').and_then(|(address, length)| {
            let length: u8 = length.parse().ok()?;
            Some((address.parse().ok()?, length))
        });
        let is_network = match parts {
            Some((IpAddr::V4(_), length)) => length <= 32,
            Some((IpAddr::V6(_), length)) => length <= 128,
            None => false,
        };
        if is_network {
            Ok(Self(text))
        } else {
            Err("must be a network such as 10.0.0.0/8")
        }
    }
}
