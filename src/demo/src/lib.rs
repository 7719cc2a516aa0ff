//! The demo: the whole autoscaling loop on one machine, run as a scenario with a figure and a
//! verdict at its end.

mod agent_process;
mod compare;
mod environment;
#[cfg(test)]
mod example;
mod intervention;
mod lines;
mod machine;
mod monitoring;
mod options;
mod recorder;
mod report;
mod run;
mod scenario;
mod screen;
mod show;
mod summary;
mod timeline;
mod timeline_svg;
mod verdict;

pub use options::Options;
pub use run::{DemoError, Ended, run};
pub use scenario::ScenarioError;
pub use show::complain;
pub use verdict::{NOT_JUDGED, Outcome};
