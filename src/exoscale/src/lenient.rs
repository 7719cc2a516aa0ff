//! Reading that survives what an API may send for "nothing": an absent field, null, an empty text,
//! or a form that is newer than this program.
//!
//! Only for what the agent can do without. What it decides on (a pool's size, the list of members
//! itself) stays strict: a document that lacks it is no answer.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// Null is the default; anything else must fit. For lists, where half a list would be a lie.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whatever does not fit is the default. For single values that a reader can miss.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}
