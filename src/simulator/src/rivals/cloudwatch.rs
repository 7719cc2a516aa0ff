//! What Amazon's alarms see: the average CPU of the instances that are warmed up, once a minute.
//!
//! With detailed monitoring a value covers one minute. How long it takes to arrive is not
//! documented; with half a minute the first reactions come 3 to 4 minutes after a step, as users
//! report.

use super::utilisation::Utilisation;
use crate::{
    fleet::Life,
    random,
    time::{MINUTE, Micros, SECOND},
    world::World,
};

const PERIOD: Micros = MINUTE;
const ARRIVES_AFTER: Micros = 30 * SECOND;
/// The default of an instance's warm-up.
const WARM_UP: Micros = 5 * MINUTE;

/// What the timers are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    /// A period ends.
    Measure,
    /// The alarms see its value.
    Evaluate(Option<f64>),
}

/// The metric of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct CloudWatch {
    utilisation: Utilisation,
}

impl CloudWatch {
    /// Begins to measure, at a moment of the minute that the seed gives.
    pub(super) fn start(seed: u64, world: &mut World<'_, Timer>) {
        let offset = random::stream(seed, "cloudwatch").f64() * PERIOD as f64;
        world.set_timer(offset as Micros, Timer::Measure);
    }

    /// A timer is due: the average that the alarms see now, if one has arrived.
    pub(super) fn fire(&mut self, timer: Timer, world: &mut World<'_, Timer>) -> Option<f64> {
        match timer {
            Timer::Measure => {
                self.measure(world);
                None
            }
            Timer::Evaluate(average) => average,
        }
    }

    /// Takes the value of the period that ends.
    fn measure(&mut self, world: &mut World<'_, Timer>) {
        let now = world.now();
        let readings = self.utilisation.look(world);
        let warm = readings
            .iter()
            .filter(|reading| is_warm(reading.member, world));
        let warm: Vec<f64> = warm.map(|reading| reading.cpu).collect();
        let average = (!warm.is_empty()).then(|| warm.iter().sum::<f64>() / warm.len() as f64);
        world.set_timer(now + ARRIVES_AFTER, Timer::Evaluate(average));
        world.set_timer(now + PERIOD, Timer::Measure);
    }
}

fn is_warm(number: usize, world: &World<'_, Timer>) -> bool {
    let member = world.fleet.member(number);
    member.life == Life::Serving && world.now() >= member.created + WARM_UP
}

/// The instances that are warmed up.
pub(super) fn warm(world: &World<'_, Timer>) -> u32 {
    world
        .fleet
        .staying()
        .filter(|number| is_warm(*number, world))
        .count() as u32
}
