//! `/zone`, and what is in which.

use serde_json::{Value, json};

use super::{
    super::{catalog::ZONES, intercept::zone_of, refusal::Refusal},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/zone",
    operation: "list-zones",
    handler: |call| Ok(list(call)),
}];

/// What is in one zone only; the rest of the API (rights, groups, keys, operations) is one for all.
const ZONED: [&str; 4] = ["instance", "instance-pool", "load-balancer", "template"];

/// Clients follow `api-endpoint`: those that came through the proxy are led there again, under
/// Exoscale's names. Without it there is one endpoint, and so one zone.
fn list(call: &Call<'_>) -> Value {
    let zone = |name: &str, endpoint: String| {
        json!({
            "name": name,
            "api-endpoint": endpoint,
            "sos-endpoint": format!("https://sos-{name}.exo.io"),
        })
    };
    let zones = if zone_of(call.host).is_some() {
        ZONES
            .map(|name| zone(name, format!("https://api-{name}.exoscale.com/v2")))
            .into()
    } else {
        let cloud = call.cloud;
        vec![zone(&cloud.config.zone, format!("{}/v2", cloud.origin))]
    };
    json!({ "zones": zones })
}

/// The answer to a call for what is in a zone, when the client asked in another zone than the one
/// that the local cloud has: there is nothing, and nothing can be made.
pub(super) fn elsewhere(call: &Call<'_>, route: &Route) -> Option<Answer> {
    let own = call.cloud.config.zone.as_str();
    let zone = zone_of(call.host).filter(|zone| *zone != own)?;
    let kind = route.path.split('/').nth(1)?;
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
