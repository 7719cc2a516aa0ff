//! What the protocol and its caller say to each other, and how long things take.

use std::time::Duration;

use super::record::Record;

/// How long things take, all of it from one duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease lasts that nobody renews.
    pub duration: Duration,
}

impl Timing {
    /// A holder stops so much earlier than others may take over: clocks do not run alike.
    pub fn margin(self) -> Duration {
        self.duration / 5
    }

    /// How often a holder renews, and how often the others look.
    pub fn interval(self) -> Duration {
        self.duration / 3
    }

    /// After this, a request is given up.
    pub fn request_timeout(self) -> Duration {
        self.duration / 4
    }

    /// Until a request that failed is sent again.
    pub(crate) fn retry(self) -> Duration {
        self.duration / 10
    }
}

/// The object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which content it is.
    pub etag: String,
    /// The content.
    pub record: Record,
}

/// What must hold of the object for a write to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Absent,
    /// It has this `ETag`.
    Matches(String),
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read the object.
    Read,
    /// Write it, if the condition holds.
    Write(Record, Condition),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The object that was read; `None` where there is none.
    Read(Option<Seen>),
    /// It was written, and has this `ETag`.
    Written(String),
    /// The condition did not hold.
    Rejected,
    /// It certainly did not happen.
    Failed,
    /// Nobody knows whether it happened.
    Unknown,
}

/// The lease in the caller's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The number of this tenure.
    pub number: u64,
    /// It may be believed before this moment.
    pub until: Duration,
    /// Whoever held it before changed nothing after this moment; `None` where nobody did.
    pub others_ended: Option<Duration>,
}
