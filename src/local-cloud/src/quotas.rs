//! What an account may have of everything, under the names that `exo limits` reads.

use super::{
    catalog,
    cloud::{Cloud, State},
    elastic_ips, iam, pools, private_networks,
    refusal::Refusal,
    templates,
};

/// Of what an account has at most as many.
const LIMIT: i64 = 100;

/// As the API says that there is no limit.
const UNLIMITED: i64 = -1;

/// One line of the list.
pub(crate) struct Quota {
    pub(crate) resource: &'static str,
    pub(crate) usage: u64,
    pub(crate) limit: i64,
}

/// Products that are not served: nobody has any, and nobody may.
const NOT_SERVED: [&str; 7] = [
    "database",
    "snapshot",
    "sks-cluster",
    "bucket",
    "block-storage-volume",
    "block-storage",
    "block-storage-max-size",
];

/// Families of instance types that are counted by their GPUs.
const GPU_FAMILIES: [&str; 7] = [
    "gpu",
    "gpu2",
    "gpu3",
    "gpua30",
    "gpu3080ti",
    "gpua5000",
    "gpurtx6000pro",
];

/// The whole list.
pub(crate) fn all(cloud: &Cloud, state: &State) -> Vec<Quota> {
    let quota = |resource, usage: usize, limit| Quota {
        resource,
        usage: usage as u64,
        limit,
    };
    let mut quotas = vec![
        Quota {
            resource: "instance",
            usage: u64::from(pools::instances_wanted(state)),
            limit: i64::from(cloud.config.instance_quota),
        },
        quota(
            "network-load-balancer",
            state.load_balancers.len(),
            UNLIMITED,
        ),
        quota(elastic_ips::KIND, state.elastic_ips.len(), LIMIT),
        quota(private_networks::KIND, state.private_networks.len(), LIMIT),
        quota(templates::KIND, state.templates.registered(), LIMIT),
        quota(iam::QUOTA, state.access_keys.len(), LIMIT),
    ];
    quotas.extend(NOT_SERVED.map(|resource| quota(resource, 0, 0)));
    quotas.extend(GPU_FAMILIES.map(|family| Quota {
        resource: family,
        usage: gpus(state, family),
        limit: UNLIMITED,
    }));
    quotas
}

/// Refuses one more of a kind than there may be.
pub(crate) fn check(cloud: &Cloud, state: &State, resource: &str) -> Result<(), Refusal> {
    let mut quotas = all(cloud, state).into_iter();
    let quota = quotas.find(|quota| quota.resource == resource);
    let reached =
        |quota: &Quota| u64::try_from(quota.limit).is_ok_and(|limit| quota.usage >= limit);
    match quota.filter(reached) {
        None => Ok(()),
        Some(quota) => Err(Refusal::Quota {
            resource: quota.resource,
            wanted: u32::try_from(quota.usage + 1).unwrap_or(u32::MAX),
            limit: u32::try_from(quota.limit).unwrap_or_default(),
        }),
    }
}

/// GPUs of a family that instances hold.
fn gpus(state: &State, family: &str) -> u64 {
    let instances = state.instances.values();
    let types = instances.filter_map(|entry| catalog::instance_type(entry.settings.instance_type));
    let of_family = types.filter(|kind| kind.core.family == family);
    of_family.filter_map(|kind| kind.gpus).map(u64::from).sum()
}
