//! Typed identifiers, so that an instance can never be passed where a pool is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has the form 3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e")]
pub struct IdError {
    #[source]
    cause: uuid::Error,
}

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
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = Uuid::from_str(text);
                id.map(Self).map_err(|cause| IdError { cause })
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

#[cfg(test)]
mod tests {
    use super::PoolId;

    #[test]
    fn a_text_that_is_no_id_is_told_the_form_of_one() {
        for text in [
            "",
            "nope",
            "fd0fd371",
            "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6é",
        ] {
            let error = text.parse::<PoolId>().expect_err(text).to_string();
            let form = error.rsplit(' ').next().unwrap();
            assert!(form.parse::<PoolId>().is_ok(), "{error}");
        }
    }
}
