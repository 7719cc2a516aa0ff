//! Kubernetes' `HorizontalPodAutoscaler` on CPU, with a pod for each member.
//!
//! After <https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/> and
//! the defaults of kube-controller-manager: a sync each 15 s; `ceil(current * value / target)` with
//! a tolerance of 10 %; pods within their first 5 minutes count only with a value that was taken
//! while they were ready; where the others ask for more, such pods count as idle; growth by at most
//! 100 % or 4 pods in 15 s; the largest recommendation of the last 5 minutes before shrinking.
//! metrics-server takes a value each 15 s (`--metric-resolution`).

use policy::Bounds;

use super::{
    Tick, clamp,
    recommended::Recommended,
    utilisation::{Reading, Utilisation},
};
use crate::{
    fleet::Life,
    random,
    time::{MINUTE, Micros, SECOND},
    world::{Scaler, World},
};

const SYNC: Micros = 15 * SECOND;
const TOLERANCE: f64 = 0.1;
const CPU_INITIALISATION: Micros = 5 * MINUTE;
const STABILISATION: Micros = 5 * MINUTE;
const MOST_PODS: u32 = 4;

pub(crate) struct Hpa {
    target: f64,
    bounds: Bounds,
    offset: Micros,
    utilisation: Utilisation,
    recommended: Recommended,
}

impl Hpa {
    pub(crate) fn new(target: f64, bounds: Bounds, seed: u64) -> Self {
        let offset = random::stream(seed, "hpa").f64() * SYNC as f64;
        Self {
            target,
            bounds,
            offset: offset as Micros,
            utilisation: Utilisation::default(),
            recommended: Recommended::new(STABILISATION),
        }
    }

    /// The replicas that the metric asks for.
    fn replicas(&self, readings: &[Reading], world: &World<'_, Tick>) -> u32 {
        let current = world.size();
        let now = world.now();
        let counts = |reading: &&Reading| {
            let pod = world.fleet.member(reading.member);
            let is_ready = pod.life == Life::Serving;
            let is_new = now < pod.created + CPU_INITIALISATION;
            is_ready && (!is_new || reading.since >= pod.boots_until)
        };
        let ready: Vec<&Reading> = readings.iter().filter(counts).collect();
        if ready.is_empty() {
            return current;
        }
        let sum: f64 = ready.iter().map(|reading| reading.cpu).sum();
        let ratio = sum / ready.len() as f64 / self.target;
        let unready = current.saturating_sub(ready.len() as u32);
        if unready == 0 || ratio <= 1.0 {
            if (ratio - 1.0).abs() <= TOLERANCE {
                return current;
            }
            return clamp(self.bounds, libm::ceil(ratio * ready.len() as f64 - 1e-9));
        }
        let ratio = sum / f64::from(current) / self.target;
        if (ratio - 1.0).abs() <= TOLERANCE || ratio < 1.0 {
            return current;
        }
        let wanted = clamp(self.bounds, libm::ceil(ratio * f64::from(current) - 1e-9));
        wanted.max(current)
    }

    fn sync(&mut self, world: &mut World<'_, Tick>) {
        let readings = self.utilisation.look(world);
        let now = world.now();
        let current = world.size();
        let wanted = self.replicas(&readings, world);
        let most = self.recommended.most_with(wanted, now);
        let stabilised = if wanted < current {
            most.min(current)
        } else {
            wanted
        };
        let limit = (current * 2).max(current + MOST_PODS);
        let to = stabilised.min(limit);
        if to != current {
            world.resize(to);
        }
    }
}

impl Scaler for Hpa {
    type Timer = Tick;

    fn start(&mut self, world: &mut World<'_, Tick>) {
        // The size that it finds counts as recommended.
        self.recommended.most_with(world.size(), 0);
        world.set_timer(self.offset, Tick);
    }

    fn fire(&mut self, _: Tick, world: &mut World<'_, Tick>) {
        self.sync(world);
        world.set_timer(world.now() + SYNC, Tick);
    }
}
