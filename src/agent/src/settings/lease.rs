//! The lease that lets one of several agents act.

use std::time::Duration;

use reqwest::Url;

use super::reader::Reader;
use crate::{
    config::PageUrl,
    lease_store::LeaseSettings,
    target::{ApiKey, ApiSecret, ClientConfig, PoolId},
};

/// What others read already.
pub(super) struct Known<'a> {
    pub(super) client: Option<&'a ClientConfig>,
    pub(super) zone: Option<&'a str>,
    pub(super) pool: Option<PoolId>,
}

/// `None` without a bucket, and where something is wrong, which the reader knows.
pub(super) fn lease(r: &mut Reader<'_>, known: &Known<'_>) -> Option<LeaseSettings> {
    let bucket = r.optional::<String>("lease.bucket");
    let endpoint = r.optional::<PageUrl>("lease.endpoint");
    let prefix = r.required::<String>("lease.prefix");
    let duration = r.duration("lease.duration");
    let key = r.optional::<ApiKey>("lease.key");
    let secret = r.optional::<ApiSecret>("lease.secret");
    if key.is_some() != secret.is_some() && !r.is_wrong(&["lease.key", "lease.secret"]) {
        let lacking = if key.is_some() {
            "lease.secret"
        } else {
            "lease.key"
        };
        r.problem(lacking, "is missing; set both or neither".to_owned());
    }
    let bucket = bucket?;
    if !is_bucket_name(&bucket) {
        r.problem(
            "lease.bucket",
            "is not the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens"
                .to_owned(),
        );
    }
    let (client, duration) = (known.client?, duration?);
    if duration < needed(client.request_timeout) {
        let needed = needed(client.request_timeout);
        r.problem("lease.duration", format!(
            "is {duration:?}, but a write may take exoscale.request_timeout and must end within the lease; set at least {needed:?}"
        ));
    }
    Some(LeaseSettings {
        endpoint: endpoint.and_then(|url| url.as_str().parse::<Url>().ok()),
        api: client.endpoint.clone(),
        zone: known.zone?.to_owned(),
        bucket,
        prefix: prefix?,
        pool: known.pool?,
        key: key.unwrap_or_else(|| client.key.clone()),
        secret: secret.unwrap_or_else(|| client.secret.clone()),
        duration,
    })
}

/// A write begins with a lease that was just renewed. Of its duration a fifth is the margin, and a
/// tenth is left for the renewal itself.
fn needed(request_timeout: Duration) -> Duration {
    request_timeout * 10 / 7
}

fn is_bucket_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    (3..=63).contains(&name.len()) && name.bytes().all(is_plain)
}
