//! The `slow-app` program.
fn main() {}
