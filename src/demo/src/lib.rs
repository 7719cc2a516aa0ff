//! The demo: the whole autoscaling loop on one machine, run as a scenario with a figure and a
//! verdict at its end.

mod aftermath;
mod agent_http;
mod agent_process;
mod compare;
mod done;
mod environment;
#[cfg(test)]
mod example;
mod grafana;
mod intervention;
mod lines;
mod machine;
mod monitoring;
mod options;
mod play;
mod recorder;
mod report;
mod run;
mod scenario;
mod screen;
mod show;
mod stop;
mod summary;
mod timeline;
mod timeline_svg;
mod verdict;

pub use options::Options;
pub use run::{DemoError, Ended, run};
pub use scenario::ScenarioError;
pub use show::complain;
pub use verdict::{NOT_JUDGED, Outcome, STOPPED};
