//! Amazon EC2 Auto Scaling with a target tracking policy on average CPU.
//!
//! After <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html>:
//! an alarm above the target for 3 minutes in a row grows the group in proportion, one below 90 %
//! of the target for 15 minutes shrinks it, and not again within them. Instances in their warm-up,
//! 300 s unless it is set, say nothing, and keep the group from shrinking. Whether they count as
//! there when it grows again is not said; that they do is the faster of both.

use policy::Bounds;

use super::{
    clamp,
    cloudwatch::{CloudWatch, Timer, warm},
};
use crate::world::{Scaler, World};

const HIGH_PERIODS: u32 = 3;
const LOW_PERIODS: u32 = 15;
const LOW_SHARE: f64 = 0.9;

pub(crate) struct AwsTarget {
    target: f64,
    bounds: Bounds,
    seed: u64,
    metric: CloudWatch,
    above: u32,
    below: u32,
}

impl AwsTarget {
    pub(crate) fn new(target: f64, bounds: Bounds, seed: u64) -> Self {
        Self {
            target,
            bounds,
            seed,
            metric: CloudWatch::default(),
            above: 0,
            below: 0,
        }
    }

    fn evaluate(&mut self, average: f64, world: &mut World<'_, Timer>) {
        self.above = if average > self.target {
            self.above + 1
        } else {
            0
        };
        let is_low = average < self.target * LOW_SHARE;
        self.below = if is_low { self.below + 1 } else { 0 };
        let current = world.size();
        let wanted = libm::ceil(average / self.target * f64::from(current) - 1e-9);
        let wanted = clamp(self.bounds, wanted);
        let grows = self.above >= HIGH_PERIODS && wanted > current;
        let shrinks = self.below >= LOW_PERIODS && wanted < current && warm(world) == current;
        if grows || shrinks {
            // It shrinks gradually: another time only after as many low periods.
            self.below = 0;
            world.resize(wanted);
        }
    }
}

impl Scaler for AwsTarget {
    type Timer = Timer;

    fn start(&mut self, world: &mut World<'_, Timer>) {
        CloudWatch::start(self.seed, world);
    }

    fn fire(&mut self, timer: Timer, world: &mut World<'_, Timer>) {
        if let Some(average) = self.metric.fire(timer, world) {
            self.evaluate(average, world);
        }
    }
}
