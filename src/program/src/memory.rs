//! How much memory a process uses.

use std::fs;

/// The resident memory in bytes, from `/proc`; `process` is its id, or `self`.
pub fn resident_bytes(process: impl std::fmt::Display) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
