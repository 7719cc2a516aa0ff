//! The demo: the whole autoscaling loop on one machine, run as a scenario with a figure and a
//! verdict at its end.

mod agent_process;
mod environment;
#[cfg(test)]
mod example;
pub mod lines;
pub mod machine;
mod options;
mod recorder;
pub mod report;
mod run;
pub mod scenario;
pub mod screen;
mod show;
pub mod summary;
pub mod timeline;
pub mod timeline_svg;
pub mod verdict;

pub use options::Options;
pub use run::{DemoError, Ended, run};
pub use show::complain;
