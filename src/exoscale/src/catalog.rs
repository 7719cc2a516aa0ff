//! What a zone offers: instance types and templates.
//!
//! Read-only lists. Reading is as lenient as in [`models`](super::models).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ids::{InstanceTypeId, TemplateId},
    lenient,
};

/// One size of server, from `GET /instance-type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct InstanceType {
    pub id: InstanceTypeId,
    /// `standard`, `cpu`, `memory`, …
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub family: String,
    /// `micro`, `tiny`, `small`, …
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub size: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub cpus: u32,
    /// Bytes.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub memory: u64,
    /// Whether this account may use it; absent means not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<bool>,
}

/// Whose templates to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Those this account registered.
    Private,
    /// Those Exoscale provides.
    Public,
}

impl Visibility {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// An image to boot from, from `GET /template`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Template {
    pub id: TemplateId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// `private` or `public`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub visibility: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Bytes.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub size: u64,
}
