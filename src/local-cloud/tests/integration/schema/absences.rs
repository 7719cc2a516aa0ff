//! Which fields of the description an answer may lack, and why.

use std::collections::BTreeMap;

use super::description::Field;

/// Fields that are there in some answers and not in others by their nature, by the ends of their
/// places.
const SOMETIMES: [(&str, &str); 22] = [
    ("/checksum", "only of a template that was registered"),
    (
        "/deploy-target",
        "only where one was asked for, and there are none here",
    ),
    ("/description", "only where one was given"),
    ("/export", "only of a snapshot that was exported"),
    ("/fingerprint", "not of a key that was deleted"),
    ("/family", "only of Exoscale's own templates"),
    (
        "/instance-pools/manager",
        "only of a pool of a Kubernetes cluster",
    ),
    (
        "/ipv6-address",
        "only with public-ip-assignment dual, after the boot",
    ),
    ("/manager", "only of a pool's members"),
    ("/message", "only of an operation that failed"),
    (
        "/public-ip",
        "not before the boot, nor with public-ip-assignment none",
    ),
    ("/reason", "only of an operation that failed"),
    (
        "/rules/end-port",
        "only of a rule for a protocol with ports",
    ),
    ("/rules/icmp", "only of a rule for ICMP"),
    ("/rules/network", "only of a rule for a network"),
    ("/rules/security-group", "only of a rule for a group"),
    (
        "/rules/start-port",
        "only of a rule for a protocol with ports",
    ),
    ("/ssh-key", "only where one was given"),
    ("/tls-sni", "only of a check over TLS that names a host"),
    ("/url", "only of a template that was registered"),
    ("/user-data", "only where some was given"),
    (
        "/vni",
        "frames are not imitated, so networks have no number",
    ),
];

/// Parts of resources that are shown by reference: the rest is in the answer about the resource
/// itself.
const BY_REFERENCE: [&str; 8] = [
    "get-anti-affinity-group/instances/",
    "get-load-balancer-service/instance-pool/",
    "get-load-balancer/services/instance-pool/",
    "get-snapshot/instance/",
    "list-anti-affinity-groups/anti-affinity-groups/instances/",
    "list-instances/instances/security-groups/",
    "list-load-balancers/load-balancers/services/instance-pool/",
    "list-snapshots/snapshots/instance/",
];

/// What answers about the account and the catalog still lack, by the ends of their places.
const STILL_LACKING: [&str; 11] = [
    "/assume-role-policy",
    "-type/gpus",
    "-types/gpus",
    "/max-session-ttl",
    "/build",
    "/maintainer",
    "/version",
    "get-private-network/options",
    "/private-networks/options",
    "template/application-consistent-snapshot-enabled",
    "templates/application-consistent-snapshot-enabled",
];

/// All fields that were seen, by their places: in how many answers they were and were not.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, (usize, usize)>);

impl Fields {
    pub(crate) fn see(&mut self, fields: Vec<Field>) {
        for Field { place, is_there } in fields {
            let (there, absent) = self.0.entry(place).or_default();
            *(if is_there { there } else { absent }) += 1;
        }
    }

    /// Fails unless each field was in each answer that could have it, but for those that may be
    /// absent.
    pub(crate) fn check(&self) {
        let absent = self.0.iter().filter(|(_, (_, absent))| *absent > 0);
        let missing: Vec<_> = absent.filter(|(place, _)| !may_be_absent(place)).collect();
        assert!(
            missing.is_empty(),
            "in the description, but not in some answers (there, absent): {missing:#?}"
        );
        for (end, why) in SOMETIMES {
            let mut places = self.0.iter().filter(|(place, _)| place.ends_with(end));
            let is_needed = places.any(|(_, (_, absent))| *absent > 0);
            assert!(is_needed, "{end} may be absent, {why}, but never is");
        }
    }
}

fn may_be_absent(place: &str) -> bool {
    let ends = SOMETIMES.iter().map(|(end, _)| end);
    ends.chain(&STILL_LACKING).any(|end| place.ends_with(end))
        || BY_REFERENCE.iter().any(|start| place.starts_with(start))
}
