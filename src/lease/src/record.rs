//! What the object holds.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest object that is read.
pub const MAX_RECORD: usize = 4096;

/// The lease as its last holder wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who holds it; absent when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Grows by one at every change of holder.
    pub number: u64,
    /// Which write of this holder it is. No two writes are alike, so that none is taken for another
    /// by its `ETag`.
    pub write: u64,
    /// The holder that wrote it, also when it gave the lease up.
    pub writer: String,
    /// The write that made the object where there was none, while its holder must not believe yet:
    /// somebody may have removed the object from under another who believes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<u64>,
    /// How long the holder may believe it, in milliseconds.
    pub duration_ms: u64,
    /// When a holder last began to change something, by its wall clock. For people, and to see that
    /// it is another: nobody compares it with a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_action: Option<Timestamp>,
    /// Whether that change may still be under way.
    #[serde(default)]
    pub acting: bool,
}

/// Why an object is no lease.
#[derive(Debug, thiserror::Error)]
#[error("the object is not a lease of this program; remove it, or set another `lease.prefix`")]
pub struct RecordError(#[from] serde_json::Error);

impl Record {
    /// Reads an object.
    pub fn read(content: &[u8]) -> Result<Self, RecordError> {
        Ok(serde_json::from_slice(content)?)
    }

    /// As it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A record has texts and numbers alone.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// How long its holder may believe it.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}
