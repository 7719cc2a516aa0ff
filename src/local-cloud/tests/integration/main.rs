//! The local cloud over HTTP, its load balancer over TCP.

mod account;
mod catalog;
mod client;
mod exo_command;
mod faults;
mod instances;
mod intercept;
mod load_balancers;
mod local_api;
mod networks;
mod nlb_balancing;
mod nlb_forwarding;
mod nlb_health;
mod nlb_https;
mod nlb_support;
mod nlb_udp;
mod pools;
mod refusals;
mod rights;
mod schema;
mod sos;
mod tools;
