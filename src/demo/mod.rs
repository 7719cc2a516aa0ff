//! The demo: the whole autoscaling loop on one machine, told as a story with a figure and a verdict at its end.

pub mod example;
pub mod leash;
pub mod lines;
pub mod report;
pub mod screen;
pub mod story;
pub mod summary;
pub mod timeline;
pub mod timeline_svg;
pub mod verdict;
pub mod watcher;
