//! Google Compute Engine's autoscaler of a managed instance group, on CPU.
//!
//! After <https://cloud.google.com/compute/docs/autoscaler/understanding-autoscaler-decisions> and
//! <https://cloud.google.com/compute/docs/autoscaler/scaling-cpu>: the recommended size is the sum
//! of the instances' use divided by the target; instances within the initialisation period of 60 s
//! say nothing; a group shrinks to the largest recommendation of the last 10 minutes (stabilisation
//! period). How often it looks is not documented: here each 15 s, at the use of the last 30 s.

use std::collections::VecDeque;

use policy::Bounds;

use super::{Tick, clamp, recommended::Recommended, utilisation::Utilisation};
use crate::{
    fleet::Life,
    random,
    time::{MINUTE, Micros, SECOND},
    world::{Scaler, World},
};

const LOOK: Micros = 15 * SECOND;
/// Looks whose use is averaged.
const LOOKS: usize = 2;
const INITIALISATION: Micros = MINUTE;
const STABILISATION: Micros = 10 * MINUTE;

pub(crate) struct Gce {
    target: f64,
    bounds: Bounds,
    offset: Micros,
    utilisation: Utilisation,
    averages: VecDeque<f64>,
    recommended: Recommended,
}

impl Gce {
    pub(crate) fn new(target: f64, bounds: Bounds, seed: u64) -> Self {
        let offset = random::stream(seed, "gce").f64() * LOOK as f64;
        Self {
            target,
            bounds,
            offset: offset as Micros,
            utilisation: Utilisation::default(),
            averages: VecDeque::new(),
            recommended: Recommended::new(STABILISATION),
        }
    }

    fn look(&mut self, world: &mut World<'_, Tick>) {
        let now = world.now();
        let is_initialised = |member| {
            let member = world.fleet.member(member);
            member.life == Life::Serving && now >= member.boots_until + INITIALISATION
        };
        let readings = self.utilisation.look(world);
        let of_old: Vec<f64> = readings
            .iter()
            .filter(|reading| is_initialised(reading.member))
            .map(|reading| reading.cpu)
            .collect();
        if of_old.is_empty() {
            return;
        }
        let sum: f64 = of_old.iter().sum();
        self.averages.push_back(sum / of_old.len() as f64);
        if self.averages.len() > LOOKS {
            self.averages.pop_front();
        }
        let average = self.averages.iter().sum::<f64>() / self.averages.len() as f64;
        let needed = average * of_old.len() as f64 / self.target;
        let wanted = clamp(self.bounds, libm::ceil(needed - 1e-9));
        let most = self.recommended.most_with(wanted, now);
        let current = world.size();
        if wanted > current {
            world.resize(wanted);
        } else if most < current {
            world.resize(most);
        }
    }
}

impl Scaler for Gce {
    type Timer = Tick;

    fn start(&mut self, world: &mut World<'_, Tick>) {
        // The size that it finds counts as recommended.
        self.recommended.most_with(world.size(), 0);
        world.set_timer(self.offset, Tick);
    }

    fn fire(&mut self, _: Tick, world: &mut World<'_, Tick>) {
        self.look(world);
        world.set_timer(world.now() + LOOK, Tick);
    }
}
