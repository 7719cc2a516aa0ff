//! What is asked for: a rate over time, as a list of stages.
//!
//! A profile never looks at a clock; [`Curve`] turns it into the number of requests due by a
//! moment, in closed form.

mod curve;
mod file;
mod parse;
mod stage;
mod stages;

pub(crate) use curve::Curve;
#[cfg(test)]
pub(crate) use stage::Shape;
pub use {file::ProfileFileError, stages::Profile};
