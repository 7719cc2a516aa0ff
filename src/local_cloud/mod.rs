//! Exoscale's API and services on this machine.

pub mod nlb;
