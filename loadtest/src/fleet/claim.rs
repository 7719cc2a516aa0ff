//! A slice for this machine, and for no other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    bucket::{Bucket, Place},
    document::{Fleet, SliceUrls, object},
    requests::{StoreError, Uploader},
};
use crate::{Plan, Slice};

/// How the name of an object ends that says who has a slice.
pub(super) const CLAIM: &str = "claim";

/// Why this machine has no slice.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Others have them all.
    #[error("other machines have claimed all {0} slices: this one is one too many")]
    AllTaken(usize),
    /// The object storage fails.
    #[error("cannot claim slice {slice}")]
    Store {
        /// The slice that was asked for.
        slice: Slice,
        /// Why.
        source: StoreError,
    },
}

/// What lies in the bucket for a slice that a machine has.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    /// The machine's name, for people.
    machine: String,
    /// Drawn by the process that claims: two processes on one machine are two.
    id: String,
    claimed_at: Timestamp,
}

/// The slice that is this machine's.
#[derive(Debug)]
pub struct Claim {
    /// Its number.
    pub slice: Slice,
    /// Where its results go.
    pub urls: SliceUrls,
}

impl Claim {
    /// Claims the first slice that no other machine has. The object storage decides: of several
    /// conditional writes it does one.
    pub async fn first_free(fleet: &Fleet) -> Result<Self, ClaimError> {
        let all = Slice::all(fleet.machines()).zip(&fleet.slices);
        let id = format!("{:032x}", fastrand::u128(..));
        for (slice, urls) in all {
            let failed = |source| ClaimError::Store { slice, source };
            let uploader = Uploader::new(urls.claim.scheme()).map_err(failed)?;
            if is_ours(&uploader, urls, &id).await.map_err(failed)? {
                let urls = urls.clone();
                return Ok(Self { slice, urls });
            }
        }
        Err(ClaimError::AllTaken(fleet.machines()))
    }

    /// Has a plan carry this slice, together with the others.
    pub fn apply(&self, fleet: &Fleet, plan: &mut Plan) {
        plan.slice = self.slice;
        plan.start_at = Some(fleet.starts());
    }
}

/// The name of the machine that has claimed a slice of the fleet whose results lie there.
pub async fn holder(
    bucket: &Bucket,
    place: &Place,
    slice: Slice,
) -> Result<Option<String>, StoreError> {
    let folder = place.folder();
    match bucket.read(&folder, &object(slice, CLAIM)).await {
        Err(StoreError::Refused { status: 404, .. }) => Ok(None),
        found => {
            let holder = serde_json::from_slice::<Holder>(&found?);
            Ok(holder.ok().map(|holder| holder.machine))
        }
    }
}

async fn is_ours(uploader: &Uploader, urls: &SliceUrls, id: &str) -> Result<bool, StoreError> {
    let holder = Holder {
        machine: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        id: id.to_owned(),
        claimed_at: Timestamp::now(),
    };
    let body = serde_json::to_vec(&holder).unwrap_or_default();
    let answer = uploader.put_if_absent(&urls.claim, body.into()).await?;
    match answer.status {
        200..300 => Ok(true),
        412 => {
            // It may be our own write whose answer was lost.
            let found = uploader.get(&urls.claimed).await?;
            let found = serde_json::from_slice::<Holder>(&found);
            Ok(found.is_ok_and(|holder| holder.id == id))
        }
        _ => Err(answer.refusal()),
    }
}
