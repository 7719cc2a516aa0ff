//! `/zone`, and what is in which.

use serde_json::{Value, json};

use super::{
    super::{
        catalog::{self, ZONES},
        refusal::Refusal,
    },
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/zone",
    operation: "list-zones",
    handler: |call| Ok(list(call)),
}];

/// What is in one zone only; the rest of the API (rights, groups, keys, operations) is one for all.
const ZONED: [&str; 9] = [
    "console",
    "elastic-ip",
    "instance",
    "instance-pool",
    "load-balancer",
    "private-network",
    "reverse-dns",
    "snapshot",
    "template",
];

/// The zone that a path names, and what follows `/v2`: `/v2/…` is the local cloud's own zone, and
/// `/ZONE/v2/…` another, for clients that came without the proxy.
pub(super) fn split(path: &str) -> Option<(Option<&'static str>, &str)> {
    if let Some(rest) = path.strip_prefix("/v2") {
        return Some((None, rest));
    }
    let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
    Some((Some(catalog::zone(name)?), rest.strip_prefix("v2")?))
}

/// Clients follow `api-endpoint`: those that came through the proxy are led there again, under
/// Exoscale's names.
fn list(call: &Call<'_>) -> Value {
    let cloud = call.cloud;
    let zone = |name: &'static str| {
        let endpoint = if call.by_name {
            format!("https://api-{name}.exoscale.com/v2")
        } else if name == cloud.config.zone {
            format!("{}/v2", cloud.origin)
        } else {
            format!("{}/{name}/v2", cloud.origin)
        };
        // No name leads to SOS through the proxy, so that its address is told to everyone.
        let sos = if name == cloud.config.zone {
            cloud.sos_origin.clone()
        } else {
            format!("https://sos-{name}.exo.io")
        };
        json!({
            "name": name,
            "api-endpoint": endpoint,
            "sos-endpoint": sos,
        })
    };
    json!({ "zones": ZONES.map(zone) })
}

/// The answer to a call for what is in a zone, when the client asked in another zone than the one
/// that the local cloud has: there is nothing, and nothing can be made.
pub(super) fn elsewhere(call: &Call<'_>, route: &Route) -> Option<Answer> {
    let own = call.cloud.config.zone.as_str();
    let zone = call.zone.filter(|zone| *zone != own)?;
    let kind = kind(route)?;
    if !ZONED.contains(&kind) {
        return None;
    }
    Some(if let Some(kinds) = route.operation.strip_prefix("list-") {
        Ok(json!({ kinds: [] }))
    } else if route.method == "POST" {
        let problem = format!("is {zone}, but the local cloud was started with --zone {own}");
        Err(Refusal::invalid("zone", problem))
    } else {
        Err(Refusal::not_found("resource", call.text("id")))
    })
}

/// What a path is about: its first segment, without a verb.
fn kind(route: &Route) -> Option<&'static str> {
    route.path.split(['/', ':']).nth(1)
}

#[cfg(test)]
mod tests {
    use super::{ZONED, split};

    /// The same everywhere.
    const OF_ALL_ZONES: [&str; 10] = [
        "anti-affinity-group",
        "api-key",
        "iam-organization-policy",
        "iam-role",
        "instance-type",
        "operation",
        "quota",
        "security-group",
        "ssh-key",
        "zone",
    ];

    #[test]
    fn of_each_kind_is_said_whether_it_is_in_a_zone() {
        for route in super::super::routes() {
            let kind = super::kind(route).expect("a kind");
            let said = [&ZONED[..], &OF_ALL_ZONES].concat();
            let times = said.iter().filter(|other| **other == kind).count();
            assert_eq!(times, 1, "{kind}");
        }
    }

    #[test]
    fn a_path_may_name_a_zone() {
        assert_eq!(split("/v2/zone"), Some((None, "/zone")));
        assert_eq!(split("/ch-dk-2/v2/zone"), Some((Some("ch-dk-2"), "/zone")));
        assert_eq!(split("/mars-1/v2/zone"), None);
        assert_eq!(split("/ch-dk-2/v1/zone"), None);
        assert_eq!(split("/ch-dk-2"), None);
    }
}
