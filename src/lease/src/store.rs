//! What the lease needs of the world: one object that is written under conditions.

use std::{future::Future, time::Duration};

use super::{
    exchange::{Condition, Seen},
    record::{Record, RecordError},
    s3::S3Error,
};

/// Where the object is.
pub trait Store {
    /// Shows that the store heeds conditions: one that does not would let two hold the lease.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>>;

    /// Reads the object.
    fn read(&self) -> impl Future<Output = Result<Option<Seen>, StoreError>>;

    /// Writes it under a condition; gives its new `ETag`.
    fn write(
        &self,
        record: &Record,
        condition: &Condition,
    ) -> impl Future<Output = Result<String, WriteError>>;
}

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer.
    #[error("the lease's store cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It did not answer in time.
    #[error("the lease's store did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// It refused.
    #[error("the lease's store answered {status} {code}{}", hint(code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What its error calls it.
        code: String,
    },
    /// It wrote although the condition did not hold.
    #[error(
        "the lease's store ignores conditional writes (If-None-Match, If-Match), so that two agents could hold the lease; set `lease.endpoint` to a store that heeds them"
    )]
    Unconditional,
    /// Nobody says where it is, or the address makes no client.
    #[error("the lease's store is not known; set `lease.endpoint`")]
    NoEndpoint,
    /// No client can be made for it.
    #[error(transparent)]
    Client(#[from] S3Error),
    /// An answer lacks what it must have.
    #[error("the lease's store answers without an ETag")]
    NoEtag,
    /// The object is something else.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn hint(code: &str) -> &'static str {
    match code {
        "NoSuchBucket" => "; create the bucket that `lease.bucket` names",
        "AccessDenied" => "; the key's role must allow get-object and put-object in `lease.bucket`",
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" => {
            "; set `lease.key` and `lease.secret` to a key of the store"
        }
        "RequestTimeTooSkewed" => "; set this machine's clock",
        _ => "",
    }
}

/// Why a write was not made, or not surely.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The condition did not hold.
    #[error("somebody else wrote the lease")]
    Rejected,
    /// It certainly was not made.
    #[error(transparent)]
    Failed(StoreError),
    /// Nobody knows whether it was made.
    #[error(transparent)]
    Unknown(StoreError),
}
