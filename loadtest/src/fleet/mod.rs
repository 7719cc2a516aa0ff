//! Many machines that make one load: what they have in common, and the bucket that gathers their
//! logs.
//!
//! Whoever starts them prepares a [`Fleet`] of presigned URLs. Each machine reads the same one,
//! claims a slice of the load by a conditional write, and pushes its log to that slice's URL. No
//! machine needs a key.

mod account;
mod bucket;
mod claim;
mod document;
mod prepare;
mod requests;

pub use account::{Account, AccountError};
pub use bucket::{Bucket, Place, PlaceError};
pub use claim::{Claim, ClaimError, holder};
pub use document::{Fleet, FleetError, SliceUrls};
pub use prepare::{PrepareError, Wanted};
pub use requests::{StoreError, Uploader};
