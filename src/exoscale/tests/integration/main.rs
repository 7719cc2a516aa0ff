//! The client against a server that misbehaves.

mod calls;
mod environment;
mod faults;
mod g08_calls_within_budget;
mod refusals;
mod support;
