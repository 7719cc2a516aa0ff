//! Which fields of the description an answer may lack, and why.

use std::collections::BTreeMap;

use test_support::openapi::Field;

/// Fields that are there in some answers and not in others by their nature, by the ends of their
/// places.
const SOMETIMES: [(&str, &str); 21] = [
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

/// The same for the account and the catalog, also where an answer could say more than it does.
const OF_THE_ACCOUNT: [(&str, &str); 18] = [
    ("/security-groups/id", "not of a public group"),
    ("/security-groups/rules", "not of a public group"),
    ("-type/gpus", "no type with GPUs is offered"),
    ("-types/gpus", "no type with GPUs is offered"),
    ("/assume-role-policy", "no role is assumed here"),
    ("/build", "only of Exoscale's own templates"),
    ("/maintainer", "only of Exoscale's own templates"),
    ("/max-session-ttl", "no role is assumed here"),
    ("/vni", "frames are not imitated"),
    ("/version", "only of Exoscale's own templates"),
    ("elastic-ip/healthcheck", "only of a managed one"),
    ("elastic-ip/labels", "only where some were given"),
    ("elastic-ips/healthcheck", "only of a managed one"),
    ("elastic-ips/labels", "only where some were given"),
    ("get-private-network/options", "only where some were given"),
    ("private-networks/options", "only where some were given"),
    (
        "template/application-consistent-snapshot-enabled",
        "said by the instance",
    ),
    (
        "templates/application-consistent-snapshot-enabled",
        "said by the instance",
    ),
];

/// What a private network tells its members, each only where it was given.
const NETWORK_OPTIONS: &str = "/options/";

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
        let is_absent = |end: &str| {
            let mut places = self.0.iter().filter(|(place, _)| place.ends_with(end));
            places.any(|(_, (_, absent))| *absent > 0)
        };
        let idle: Vec<_> = SOMETIMES
            .iter()
            .filter(|(end, _)| !is_absent(end))
            .collect();
        assert!(idle.is_empty(), "may be absent, but never are: {idle:?}");
    }
}

fn may_be_absent(place: &str) -> bool {
    let mut ends = SOMETIMES.iter().chain(&OF_THE_ACCOUNT);
    ends.any(|(end, _)| place.ends_with(end))
        || place.contains(NETWORK_OPTIONS)
        || BY_REFERENCE.iter().any(|start| place.starts_with(start))
}
