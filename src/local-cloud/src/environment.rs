//! What a shell needs to use a local cloud.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use exoscale::plain_http;
use reqwest::StatusCode;

use super::{cloud::Cloud, error::Error, intercept::Intercept};

/// What a local cloud begins with takes no longer, at the slowest speed.
const LONGEST_BOOT: Duration = Duration::from_secs(300);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);

/// The variables for `exo`, Terraform and the agent, as a POSIX shell reads them.
pub(super) fn environment(cloud: &Cloud) -> String {
    let (key, secret) = (cloud.key.as_str(), cloud.secret.expose());
    let secret = String::from_utf8_lossy(secret);
    let endpoint = format!("{}/v2", cloud.origin);
    let mut variables = vec![
        ("EXOSCALE_API_ENDPOINT", endpoint.as_str()),
        ("EXOSCALE_API_KEY", key),
        ("EXOSCALE_API_SECRET", &secret),
        // The older names, which the agent reads too.
        ("EXOSCALE_KEY", key),
        ("EXOSCALE_SECRET", &secret),
        ("EXOSCALE_ZONE", &cloud.config.zone),
        ("EXOSCALE_SOS_ENDPOINT", &cloud.sos_origin),
    ];
    let proxy = cloud
        .intercept
        .as_ref()
        .map(Intercept::environment)
        .unwrap_or_default();
    variables.extend(proxy.iter().map(|(name, value)| (*name, value.as_str())));
    if !proxy.is_empty() {
        variables.extend([
            ("TF_VAR_exoscale_key", key),
            ("TF_VAR_exoscale_secret", &secret),
            ("TF_VAR_exoscale_zone", &cloud.config.zone),
            // Terraform asks its maker for news otherwise, which the proxy refuses.
            ("CHECKPOINT_DISABLE", "1"),
        ]);
    }
    let state = cloud.state();
    let mut pools = state.pools.keys();
    let pool = pools
        .next()
        .filter(|_| pools.next().is_none())
        .map(ToString::to_string);
    if let Some(pool) = &pool {
        variables.push(("EXOSCALE_INSTANCEPOOL_ID", pool));
    }
    variables
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            text
        })
}

/// The same of the local cloud that runs at this address, once it has all that it begins with.
pub(super) async fn running_environment(address: SocketAddr) -> Result<String, Error> {
    let unreachable = |source| Error::Unreachable { address, source };
    let client = plain_http::client().map_err(unreachable)?;
    let url = format!("http://{address}/_local/environment");
    let asked_until = Instant::now() + LONGEST_BOOT;
    let answer = loop {
        let answer = client.get(&url).send().await.map_err(unreachable)?;
        // It answers so until its first pool is there.
        let is_booting = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        if !is_booting || Instant::now() >= asked_until {
            break answer;
        }
        tokio::time::sleep(BETWEEN_QUESTIONS).await;
    };
    answer
        .error_for_status()
        .map_err(unreachable)?
        .text()
        .await
        .map_err(unreachable)
}
