//! The API's documents, as far as this project reads or serves them.
//!
//! Reading is lenient: unknown fields are skipped, absent ones and nulls take a default, and a
//! state that this version does not know becomes `Other` instead of an error (Exoscale added
//! `degraded` in 2026). Writing gives the API's kebab-case form and leaves out what is absent.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ids::{InstanceId, InstanceTypeId, OperationId, PoolId, PrivateNetworkId, TemplateId},
    lenient, wording,
};

/// A state as the API spells it, with a place for spellings that are newer than this program.
macro_rules! state {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A state that this version does not know; treated as "not ready". Empty if unsaid.
            #[serde(untagged)]
            Other(String),
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl $name {
            /// Whether the API said nothing.
            pub fn is_unsaid(&self) -> bool {
                *self == Self::default()
            }
        }
    };
}

mod load_balancer;
#[cfg(test)]
mod tests;

pub use load_balancer::{
    HealthCheck, HealthStatus, LoadBalancer, LoadBalancerService, ServerStatus,
};

state!(
    /// What an instance pool is doing.
    PoolState {
        /// Being made.
        Creating,
        /// At rest: the only state in which the agent changes it.
        Running,
        /// Adding members.
        ScalingUp,
        /// Removing members.
        ScalingDown,
        /// Changing a setting.
        Updating,
        /// Stopped by the provider.
        Suspended,
        /// Being deleted.
        Destroying,
        /// Some member could not be made; see [`InstancePool::error_reason`].
        Degraded,
    }
);

state!(
    /// What an instance is doing.
    InstanceState {
        /// Booting.
        Starting,
        /// Up, though its software may still be starting.
        Running,
        /// Shutting down.
        Stopping,
        /// Shut down.
        Stopped,
        /// Being deleted.
        Destroying,
        /// Deleted.
        Destroyed,
        /// Moving to another host.
        Migrating,
        /// Its disk is being deleted.
        Expunging,
        /// Failed.
        Error,
    }
);

impl InstanceState {
    /// Whether the instance is on its way out. The API still lists it for a while.
    pub fn is_leaving(&self) -> bool {
        matches!(self, Self::Destroying | Self::Destroyed | Self::Expunging)
    }
}

state!(
    /// How an operation stands.
    OperationState {
        /// Not finished.
        Pending,
        /// Done.
        Success,
        /// Ended without effect, or with a part of it.
        Failure,
        /// Given up by the provider.
        Timeout,
    }
);

/// Answer of `GET /instance-pool/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct InstancePool {
    pub id: PoolId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Members wanted (not members running).
    pub size: u32,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub state: PoolState,
    /// Why it is `degraded`, where the API says so.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub error_reason: Option<PoolErrorReason>,
    /// Members, as references that carry nothing but the id.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub instances: Vec<InstanceRef>,
}

/// What keeps a pool from having the members it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ErrorReasonForm")]
pub struct PoolErrorReason {
    /// A word for programs.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl PoolErrorReason {
    /// Whether quota or capacity is used up.
    pub fn is_capacity(&self) -> bool {
        let texts = [&self.kind, &self.message];
        texts
            .into_iter()
            .flatten()
            .any(|text| wording::says_capacity(text))
    }
}

impl fmt::Display for PoolErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = [&self.kind, &self.message]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect();
        f.write_str(&wording::tidy(&texts.join(": ")))
    }
}

/// The API's description does not have it yet: an object, and a plain text is taken, too.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorReasonForm {
    Text(String),
    Object {
        #[serde(rename = "type", default, deserialize_with = "lenient::or_default")]
        kind: Option<String>,
        #[serde(default, deserialize_with = "lenient::or_default")]
        message: Option<String>,
    },
}

impl From<ErrorReasonForm> for PoolErrorReason {
    fn from(form: ErrorReasonForm) -> Self {
        match form {
            ErrorReasonForm::Text(message) => Self {
                kind: None,
                message: Some(message),
            },
            ErrorReasonForm::Object { kind, message } => Self { kind, message },
        }
    }
}

/// A reference to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InstanceRef {
    pub id: InstanceId,
}

/// Who made and keeps an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Manager {
    pub id: PoolId,
    /// `instance-pool` or `sks-nodepool`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One server, as `GET /instance` lists it and `GET /instance/{id}` answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Instance {
    pub id: InstanceId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub state: InstanceState,
    /// `None` is an unknown age, not a young one or an old one.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<Timestamp>,
    /// Absent while the instance is being made, and for pools without public addresses.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub public_ip: Option<Ipv4Addr>,
    /// Only where `public-ip-assignment` is `dual`.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipv6_address: Option<Ipv6Addr>,
    /// The private networks that it is attached to.
    #[serde(
        default,
        deserialize_with = "lenient::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub private_networks: Vec<PrivateNetworkRef>,
    /// Its address in the first of them that leased it one. The API does not list it: the client
    /// adds it where it [is to](super::Client::with_private_addresses).
    #[serde(skip)]
    pub private_ip: Option<Ipv4Addr>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub manager: Option<Manager>,
}

/// A reference to a private network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PrivateNetworkRef {
    pub id: PrivateNetworkId,
}

/// Answer of `GET /instance`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InstanceList {
    /// Null is an empty list. A document without the field is no list, and no reason to believe
    /// that there are no instances.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub instances: Vec<Instance>,
}

/// Answer of every call that changes something, and of `GET /operation/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Operation {
    pub id: OperationId,
    pub state: OperationState,
    /// Why it failed, from a short list (`busy`, `unavailable`, `conflict`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it is about. Official clients crash when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

/// The resource that an operation changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Reference {
    pub id: uuid::Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A reference to a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TemplateRef {
    pub id: TemplateId,
}

/// A reference to an instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InstanceTypeRef {
    pub id: InstanceTypeId,
}

/// A reference to an instance pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PoolRef {
    pub id: PoolId,
}
