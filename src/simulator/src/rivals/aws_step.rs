//! Amazon EC2 Auto Scaling with step scaling policies on average CPU.
//!
//! The example of
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html>: above 60 %
//! nothing for the first ten points, then 10 %, and from 20 points on 30 % more; below 40 % the
//! same downwards. A percentage of less than one instance is one, others are rounded toward zero.
//! Alarms of two periods of a minute; instances in their warm-up of 300 s say nothing and count as
//! added already when the group grows again, and keep it from shrinking.

use policy::Bounds;

use super::{
    clamp,
    cloudwatch::{CloudWatch, Timer, warm},
};
use crate::world::{Scaler, World};

const PERIODS: u32 = 2;
const HIGH: f64 = 0.6;
const LOW: f64 = 0.4;
/// Points beyond the threshold from which a share is added or removed.
const STEPS: [(f64, f64); 2] = [(0.2, 0.3), (0.1, 0.1)];

pub(crate) struct AwsStep {
    bounds: Bounds,
    seed: u64,
    metric: CloudWatch,
    above: u32,
    below: u32,
}

impl AwsStep {
    pub(crate) fn new(bounds: Bounds, seed: u64) -> Self {
        Self {
            bounds,
            seed,
            metric: CloudWatch::default(),
            above: 0,
            below: 0,
        }
    }

    fn evaluate(&mut self, average: f64, world: &mut World<'_, Timer>) {
        self.above = if average > HIGH { self.above + 1 } else { 0 };
        self.below = if average < LOW { self.below + 1 } else { 0 };
        let (current, warm) = (world.size(), warm(world));
        if self.above >= PERIODS {
            let change = instances(warm, average - HIGH);
            let wanted = clamp(self.bounds, f64::from(warm + change));
            if wanted > current {
                world.resize(wanted);
            }
        } else if self.below >= PERIODS && warm == current {
            let change = instances(current, LOW - average);
            let wanted = clamp(self.bounds, f64::from(current.saturating_sub(change)));
            if wanted < current {
                world.resize(wanted);
            }
        }
    }
}

/// The instances of the step that lies so far beyond the threshold.
fn instances(of: u32, beyond: f64) -> u32 {
    let step = STEPS.iter().find(|(from, _)| beyond >= *from);
    step.map_or(0, |(_, share)| {
        ((share * f64::from(of) + 1e-9) as u32).max(1)
    })
}

impl Scaler for AwsStep {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_share_of_the_group_and_at_least_one() {
        assert_eq!(instances(10, 0.05), 0);
        assert_eq!(instances(10, 0.1), 1);
        assert_eq!(instances(1, 0.15), 1);
        assert_eq!(instances(14, 0.15), 1, "1.4 is rounded toward zero");
        assert_eq!(instances(11, 0.3), 3);
    }
}
