//! The slow application as a process of its own, over real sockets.

mod drain;
mod instance;
mod lifecycle;
mod node_metrics;
mod packaging;
mod quota;
mod work;
