//! Arguments that say where a bucket is. Its key comes from the environment.

#![expect(clippy::doc_markdown, reason = "--help shows these texts as they are")]

use std::env;

use clap::Args;
use loadtest::fleet::{Account, AccountError};

/// Where buckets are.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArgs {
    /// Zone of the bucket, whose object storage is https://sos-ZONE.exo.io
    #[arg(
        long,
        value_name = "ZONE",
        env = "EXOSCALE_ZONE",
        help_heading = "Bucket"
    )]
    zone: Option<String>,
    /// Address of another object storage that speaks S3
    #[arg(
        long,
        value_name = "URL",
        env = "EXOSCALE_SOS_ENDPOINT",
        help_heading = "Bucket"
    )]
    s3_endpoint: Option<String>,
}

impl StoreArgs {
    /// With the key of the environment.
    pub(super) fn account(&self) -> Result<Account, AccountError> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let (endpoint, zone) = (given(&self.s3_endpoint), given(&self.zone));
        Account::find(endpoint.as_deref(), zone.as_deref(), |name| {
            env::var(name).ok()
        })
    }
}
