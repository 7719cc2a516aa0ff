//! What is shown of a run at its end: for readers, for programs, for plots.

mod compare;
mod compare_many;
mod csv;
mod headline;
mod hgrm;
mod hlog;
mod html;
mod json;
mod log;
mod merge;
mod slices;
mod table;

pub use compare::compare;
pub use compare_many::compare_many;
pub use csv::csv;
pub use headline::{Headline, HeadlineError};
pub use hgrm::hgrm;
pub use hlog::IntervalLog;
pub use html::html;
pub use json::{Report, ReportError, read_json, to_json};
pub use log::{Log, LogError};
pub use merge::{merge, merge_logs};
pub use slices::{MissingSlices, missing_slices};
pub use table::table;
