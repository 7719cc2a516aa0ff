//! The `autoscaler` program.
fn main() {}
