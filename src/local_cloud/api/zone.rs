//! `/zone`.

use serde_json::{Value, json};

use super::{
    super::catalog::ZONES,
    route::{Call, Route},
};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/zone",
    operation: "list-zones",
    handler: |call| Ok(list(call)),
}];

/// Every zone's API is this one: clients follow `api-endpoint`.
fn list(call: &Call<'_>) -> Value {
    let endpoint = format!("{}/v2", call.cloud.origin);
    let zone = |name: &&str| {
        json!({
            "name": name,
            "api-endpoint": endpoint,
            "sos-endpoint": format!("https://sos-{name}.exo.io"),
        })
    };
    json!({ "zones": ZONES.iter().map(zone).collect::<Vec<_>>() })
}
