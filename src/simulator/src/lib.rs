//! How well a pool is scaled, measured in virtual time.

#![warn(missing_docs)]

mod arrivals;
mod clairvoyant;
mod competition;
mod contender;
mod figure;
mod fleet;
mod measure;
mod monitoring;
mod ours;
mod random;
mod report;
mod rivals;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod trace;
mod twin;
mod world;

pub use competition::{Competition, Outcome, Progress, Result, TraceResults};
pub use contender::{Contender, UnknownContender};
pub use figure::figure;
pub use measure::Figures;
pub use ours::OurSettings;
pub use report::json;
pub use settings::WorldSettings;
pub use table::table;
pub use time::Micros;
pub use trace::{BUILT_IN, Trace, TraceError, built_in};
pub use twin::{Change, changes};
