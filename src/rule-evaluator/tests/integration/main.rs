//! The rule evaluator against servers on loopback.

mod builtin;
mod prometheus;
