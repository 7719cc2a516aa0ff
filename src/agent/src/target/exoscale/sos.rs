//! Where a zone's object storage is.

use std::time::Duration;

use exoscale::{config::Endpoint, plain_http};
use lease::StoreError;
use reqwest::Url;
use serde::Deserialize;

#[derive(Deserialize)]
struct Zones {
    zones: Vec<Zone>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Zone {
    name: String,
    sos_endpoint: String,
}

/// The zone's SOS. Only a local cloud has to be asked: its list of zones needs no signature.
pub(crate) async fn sos_endpoint(
    api: &Endpoint,
    zone: &str,
    timeout: Duration,
) -> Result<Url, StoreError> {
    if !api.is_loopback() {
        let own = format!("https://sos-{zone}.exo.io");
        return own.parse().map_err(|_| StoreError::NoEndpoint);
    }
    let unreachable = |error: reqwest::Error| StoreError::Unreachable(error.without_url());
    let client = plain_http::client().map_err(unreachable)?;
    let url = format!("{}/zone", api.to_string().trim_end_matches('/'));
    let request = client.get(url).timeout(timeout);
    let answer = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let zones: Zones = answer
        .map_err(unreachable)?
        .json()
        .await
        .map_err(unreachable)?;
    let mut zones = zones.zones.into_iter();
    let own = zones.find(|known| known.name == zone);
    own.and_then(|zone| zone.sos_endpoint.parse().ok())
        .ok_or(StoreError::NoEndpoint)
}
