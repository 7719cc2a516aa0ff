//! The service's thresholds of CPU use, from 0 to 1. The policy itself never sees CPU use: alerts
//! do.

/// Above this average the pool should grow.
pub const UP: f64 = 0.8;
/// Below this average the pool should shrink.
pub const DOWN: f64 = 0.2;
