//! Typed identifiers, so that an instance can never be passed where a pool is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random identifier (the local cloud makes them; Exoscale makes its own).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

id!(
    /// An instance pool.
    PoolId
);
id!(
    /// An instance: one server.
    InstanceId
);
id!(
    /// A network load balancer.
    LoadBalancerId
);
id!(
    /// One service (port) of a load balancer.
    ServiceId
);
id!(
    /// A running or finished asynchronous operation.
    OperationId
);
id!(
    /// An instance type, such as `standard.micro`.
    InstanceTypeId
);
id!(
    /// A template: the image an instance boots from.
    TemplateId
);
id!(
    /// A security group: which traffic its instances take.
    SecurityGroupId
);
id!(
    /// An anti-affinity group: instances that are kept on different hosts.
    AntiAffinityGroupId
);
id!(
    /// A role of an API key: what it may do.
    RoleId
);
id!(
    /// A private network.
    PrivateNetworkId
);
id!(
    /// An elastic IP.
    ElasticIpId
);
