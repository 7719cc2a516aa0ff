//! The API's documents, as far as this project reads or serves them.
//!
//! Reading is lenient: unknown fields are skipped, absent ones take a default, and a state that
//! this version does not know becomes `Other` instead of an error (Exoscale added `degraded` in
//! 2026). Writing gives the API's kebab-case form and leaves out what is absent.

use std::{collections::BTreeMap, net::Ipv4Addr, net::Ipv6Addr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{
    InstanceId, InstanceTypeId, LoadBalancerId, OperationId, PoolId, ServiceId, TemplateId,
};

/// A state as the API spells it, with a place for spellings that are newer than this program.
macro_rules! state {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A state that this version does not know; treated as "not ready".
            #[serde(untagged)]
            Other(String),
        }
    };
}

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
        /// Some member could not be made.
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

state!(
    /// The verdict of a load balancer's health check on one server.
    HealthStatus {
        /// Answers as it should; receives traffic.
        Success,
        /// Does not; receives none.
        Failure,
    }
);

/// Answer of `GET /instance-pool/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct InstancePool {
    pub id: PoolId,
    #[serde(default)]
    pub name: String,
    /// Members wanted (not members running).
    pub size: u32,
    pub state: PoolState,
    /// Members, as references that carry nothing but the id.
    #[serde(default)]
    pub instances: Vec<InstanceRef>,
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
    #[serde(default)]
    pub name: String,
    pub state: InstanceState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Absent while the instance is being made, and for pools without public addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Manager>,
}

/// Answer of `GET /instance`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InstanceList {
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

/// Answer of `GET /load-balancer/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LoadBalancer {
    pub id: LoadBalancerId,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Ipv4Addr>,
    #[serde(default)]
    pub services: Vec<LoadBalancerService>,
}

/// One forwarded port of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LoadBalancerService {
    pub id: ServiceId,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub port: u16,
    #[serde(default)]
    pub target_port: u16,
    /// The health check's verdict per server.
    #[serde(default)]
    pub healthcheck_status: Vec<ServerStatus>,
}

/// The health check's verdict on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ServerStatus {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Ipv4Addr>,
    pub status: HealthStatus,
}

/// How a load balancer asks its servers whether they are well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HealthCheck {
    /// `tcp`, `http` or `https`.
    pub mode: String,
    /// The servers' port to ask.
    pub port: u16,
    /// The path to ask for; `http` and `https` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Seconds between two checks, 5 to 300.
    pub interval: u32,
    /// Seconds to wait for an answer, 2 to 60.
    pub timeout: u32,
    /// Failures in a row that make a server unhealthy, 1 to 20.
    pub retries: u32,
}

/// Body of `POST /instance-pool`, as far as a pool on the local cloud needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct CreateInstancePool {
    pub name: String,
    pub size: u32,
    pub template: TemplateRef,
    pub instance_type: InstanceTypeRef,
    /// GiB.
    pub disk_size: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_prefix: Option<String>,
    /// Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
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

/// Body of `POST /load-balancer/{id}/service`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct AddService {
    pub name: String,
    pub instance_pool: PoolRef,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `round-robin`, `source-hash` or `maglev-hash`.
    pub strategy: String,
    pub port: u16,
    pub target_port: u16,
    pub healthcheck: HealthCheck,
}
