//! Models of other autoscalers, from their documentation; each says where its figures are from.

mod aws_step;
mod aws_target;
mod cloudwatch;
mod fixed;
mod gce;
mod hpa;
mod recommended;
mod utilisation;

pub(crate) use aws_step::AwsStep;
pub(crate) use aws_target::AwsTarget;
pub(crate) use fixed::Fixed;
pub(crate) use gce::Gce;
pub(crate) use hpa::Hpa;

use policy::Bounds;

/// A timer of something that does one thing, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick;

/// A size within the bounds.
fn clamp(bounds: Bounds, size: f64) -> u32 {
    bounds.clamp(policy::Size(size.max(0.0) as u32)).0
}
