//! What all machines of one load are given: when it starts, and URLs for each slice.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::{Plan, PlanError, Slice};

pub(super) const SCHEMA: &str = "loadtest.fleet/1";

/// The name of an object of a slice, in the folder of the results.
pub(super) fn object(slice: Slice, kind: &str) -> String {
    let slice = slice.to_string().replace('/', "-of-");
    format!("slice-{slice}.{kind}")
}

/// The same for every machine. Its URLs write the results of one load and nothing else, and only
/// for a time; whoever has them can do that.
#[derive(Clone, Serialize, Deserialize)]
pub struct Fleet {
    pub(super) schema: String,
    /// The folder of the results, as `loadtest merge` takes it.
    pub(super) place: String,
    /// When the load starts.
    pub(super) start_at: Timestamp,
    /// When the URLs end.
    pub(super) expires: Timestamp,
    /// In order, from the first slice.
    pub(super) slices: Vec<SliceUrls>,
}

/// The presigned URLs of one slice.
#[derive(Clone, Serialize, Deserialize)]
pub struct SliceUrls {
    /// `PUT` with `If-None-Match: *`: the machine that succeeds has the slice.
    pub(super) claim: Url,
    /// `GET`: which machine that is.
    pub(super) claimed: Url,
    /// `PUT`: the interval log.
    pub hlog: Url,
    /// `PUT`: the report.
    pub json: Url,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slices = self.slices.len();
        write!(f, "Fleet({slices} slices at {})", self.start_at)
    }
}

impl fmt::Debug for SliceUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, path) = (self.hlog.host_str(), self.hlog.path());
        write!(f, "SliceUrls({}{path})", host.unwrap_or_default())
    }
}

/// Why a machine cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not what `loadtest fleet` writes", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another version wrote it, or nobody is to take part.
    #[error(
        "the fleet has the schema {schema:?} and {slices} slices; this program reads {SCHEMA} with at least one"
    )]
    Schema {
        /// What it calls itself.
        schema: String,
        /// How many slices it has.
        slices: usize,
    },
    /// The load cannot be shared out so.
    #[error("the load cannot be shared by {machines} machines")]
    Plan {
        /// How many there are to be.
        machines: usize,
        /// Why.
        source: PlanError,
    },
    /// The start is over.
    #[error("the fleet started at {0}, and a machine that comes later takes no part")]
    Started(Timestamp),
    /// The results could not be pushed.
    #[error(
        "the fleet's URLs end at {expires}, and the load may last until {end}: prepare it with a larger --valid"
    )]
    TooShort {
        /// When the URLs end.
        expires: Timestamp,
        /// When the load has ended for sure.
        end: Timestamp,
    },
}

impl Fleet {
    /// Reads a file of `loadtest fleet`.
    pub fn read(path: &Path) -> Result<Self, FleetError> {
        let text = fs::read_to_string(path).map_err(|source| FleetError::Read {
            path: path.to_owned(),
            source,
        })?;
        let fleet: Self = serde_json::from_str(&text).map_err(|source| FleetError::Form {
            path: path.to_owned(),
            source,
        })?;
        if fleet.schema != SCHEMA || fleet.slices.is_empty() {
            return Err(FleetError::Schema {
                slices: fleet.slices.len(),
                schema: fleet.schema,
            });
        }
        Ok(fleet)
    }

    /// As text, for a file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// How many machines take part.
    pub fn machines(&self) -> usize {
        self.slices.len()
    }

    /// When the load starts.
    pub fn start_at(&self) -> Timestamp {
        self.start_at
    }

    /// The same for the plan. A moment that the clock cannot show is over.
    pub(super) fn starts(&self) -> SystemTime {
        SystemTime::try_from(self.start_at).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// When the URLs end.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Fails where a machine would claim a slice and then not make its load, or could not push what
    /// it measured.
    pub fn check(&self, plan: &Plan, now: SystemTime) -> Result<(), FleetError> {
        let start = self.starts();
        if start <= now {
            return Err(FleetError::Started(self.start_at));
        }
        let machines = self.machines();
        let mut part = plan.clone();
        part.slice = Slice::all(machines).next().unwrap_or_default();
        let checked = part.check();
        checked.map_err(|source| FleetError::Plan { machines, source })?;
        let longest = plan.load.duration() + plan.drain + plan.timeout;
        let end = Timestamp::try_from(start + longest).unwrap_or(Timestamp::MAX);
        if end > self.expires {
            let expires = self.expires;
            return Err(FleetError::TooShort { expires, end });
        }
        Ok(())
    }
}
