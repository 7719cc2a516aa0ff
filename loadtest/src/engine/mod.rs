//! Runs a plan.
//!
//! From the top: a [`Run`] starts a thread for each worker; a worker is supervised, dispatches its
//! share of the schedule to connection slots, and runs a task for each slot; a task opens
//! connections, one to each origin that it asks, and exchanges requests over them; a connection
//! speaks through a transport. Imports
//! go this way only.

mod alarm;
mod arrival;
mod clock;
mod connect;
mod connection;
mod connections;
mod dialer;
mod dispatcher;
mod error;
mod exchange;
mod h1;
mod heard;
mod hold;
mod hyper;
mod hyper_request;
mod identity;
mod opener;
mod origins;
mod outgoing;
mod run;
mod slot;
mod socks;
mod state;
mod stream;
mod supervise;
mod task;
mod timer;
mod tls;
mod tls_error;
mod tunnel;
mod way;
mod worker;

pub(crate) use dialer::Dialer;
pub use {
    error::RunError,
    run::{Run, StopHandle},
};
