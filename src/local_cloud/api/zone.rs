//! `/zone`.

use serde_json::{Value, json};

use super::{
    super::{catalog::ZONES, intercept::zone_of},
    route::{Call, Route},
};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/zone",
    operation: "list-zones",
    handler: |call| Ok(list(call)),
}];

/// Every zone's API is this one. Clients follow `api-endpoint`: those that came through the proxy
/// are led there again, under Exoscale's names.
fn list(call: &Call<'_>) -> Value {
    let by_proxy = zone_of(call.host).is_some();
    let zone = |name: &&str| {
        let endpoint = if by_proxy {
            format!("https://api-{name}.exoscale.com/v2")
        } else {
            format!("{}/v2", call.cloud.origin)
        };
        json!({
            "name": name,
            "api-endpoint": endpoint,
            "sos-endpoint": format!("https://sos-{name}.exo.io"),
        })
    };
    json!({ "zones": ZONES.iter().map(zone).collect::<Vec<_>>() })
}
