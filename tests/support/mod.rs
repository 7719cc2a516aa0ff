//! What the tests of the guarantees share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod lives;
pub mod world;
