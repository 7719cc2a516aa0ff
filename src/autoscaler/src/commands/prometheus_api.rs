//! Prometheus' HTTP API.

use reqwest::Url;
use serde_json::Value;

use super::http::{Http, below};

/// The data of an answer of `/api/v1/WHAT`.
pub(crate) async fn ask(
    http: &Http,
    base: &Url,
    what: &str,
    query: &[(&str, &str)],
) -> Result<Value, String> {
    let mut url = below(base, &format!("/api/v1/{what}"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let document = http.send(http.get(&url)?).await?.json()?;
    if document["status"] == "success" {
        Ok(document["data"].clone())
    } else {
        Err("what answers there is not Prometheus".to_owned())
    }
}
