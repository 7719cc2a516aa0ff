//! What every program here does alike: it logs, listens, hears signals, reads durations, and tells
//! why it failed.

pub mod children;
pub mod die_with_parent;
pub mod error_chain;
pub mod failure;
pub mod file_limit;
pub mod listen;
pub mod memory;
pub mod output;
pub mod packaging;
pub mod parent;
pub mod scratch_folder;
pub mod signals;
pub mod telemetry;
pub mod time_text;
