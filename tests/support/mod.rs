//! What the tests of the guarantees share.

#![allow(
    clippy::struct_excessive_bools,
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod lives;
pub mod world;
