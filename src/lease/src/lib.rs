//! Who may act, when several programs could: the holder of a lease in one object of a store that
//! writes under conditions.
//!
//! [`Lease`] is the whole protocol and has no clock and no I/O; [`Store`] is what it needs of the
//! world. Two rules make it safe:
//!
//! - A holder counts its time from before it sent the write, by its own monotonic clock, and stops
//!   a margin early.
//! - Another takes over when it saw the same `ETag` for a whole duration, by its own monotonic
//!   clock, and only if the object still has that `ETag`. No two wall clocks are compared.

#![warn(missing_docs)]

mod exchange;
mod record;
mod s3;
mod state;
mod store;
#[cfg(test)]
mod world;

pub use exchange::{Answer, Condition, Holding, Request, Seen, Timing};
pub use record::{MAX_RECORD, Record, RecordError};
pub use s3::{S3, S3Config, S3Error};
pub use state::Lease;
pub use store::{Store, StoreError, WriteError};
