//! Where the lease is: its settings, the store that they name, and this agent's name in it.

use std::time::Duration;

use lease::{S3, S3Config, Store as _, StoreError, Timing};
use reqwest::Url;

use super::target::{ApiKey, ApiSecret, Endpoint, PoolId, sos_endpoint};

/// Which lease, and how to reach it.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The store; the zone's own where it is not set.
    pub endpoint: Option<Url>,
    /// The API, which knows where the zone's store is, and the zone.
    pub api: Endpoint,
    /// The zone of the pool.
    pub zone: String,
    /// The bucket of the object.
    pub bucket: String,
    /// What the object's name begins with.
    pub prefix: String,
    /// The pool, one object for each.
    pub pool: PoolId,
    /// The key that signs.
    pub key: ApiKey,
    /// Its secret.
    pub secret: ApiSecret,
    /// How long a lease lasts that nobody renews.
    pub duration: Duration,
}

/// Finds the store and has it show that it heeds conditions.
pub(crate) async fn open(settings: LeaseSettings) -> Result<S3, StoreError> {
    let timing = Timing {
        duration: settings.duration,
    };
    let timeout = timing.request_timeout();
    let endpoint = match settings.endpoint {
        Some(endpoint) => endpoint,
        None => sos_endpoint(&settings.api, &settings.zone, timeout).await?,
    };
    let secret = String::from_utf8_lossy(settings.secret.expose()).into_owned();
    let store = S3::new(S3Config {
        endpoint,
        region: settings.zone,
        bucket: settings.bucket,
        object: format!("{}{}.json", settings.prefix, settings.pool),
        key: settings.key.as_str().to_owned(),
        secret,
        timeout,
    })?;
    store.check().await?;
    Ok(store)
}

/// A name of this process alone, by which people find the machine.
pub(crate) fn own_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &id[..8])
}
