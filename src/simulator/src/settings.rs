//! What the simulated world is like.

use std::time::Duration;

use crate::time::{Micros, micros};

/// The world outside the autoscaler: members, load balancer, the cloud's API, and the SLO.
///
/// Every time may be divided, so that a run of the demo at another speed has a twin here.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSettings {
    /// The CPU time of one request.
    pub service: Duration,
    /// Requests that may wait at a member; one more is refused.
    pub queue_limit: u32,
    /// From the order of a member to its first request, on average.
    pub boot: Duration,
    /// How much longer or shorter a boot may be, as a share of it.
    pub boot_spread: f64,
    /// The share of a boot before the machine runs. In the rest it burns all of its CPU.
    pub boot_before_running: f64,
    /// From a member that fails or passes its health check to the load balancer that heeds it.
    pub balancer_notices: Duration,
    /// A read of the pool.
    pub read: Duration,
    /// A write, until the API has answered it.
    pub write: Duration,
    /// The operation after a write, until it has ended.
    pub operation: Duration,
    /// Between two updates of the list of members that Prometheus scrapes.
    pub discovery: Duration,
    /// A request meets the SLO when it is answered within so many times its service time.
    pub slo_factor: f64,
    /// The share of requests that may miss the SLO before members are too few.
    pub slo_misses: f64,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            service: Duration::from_millis(100),
            queue_limit: 256,
            boot: Duration::from_secs(60),
            boot_spread: 0.1,
            boot_before_running: 0.5,
            balancer_notices: Duration::from_secs(5),
            read: Duration::from_millis(500),
            write: Duration::from_secs(1),
            operation: Duration::from_secs(2),
            discovery: Duration::from_secs(10),
            slo_factor: 10.0,
            slo_misses: 0.01,
        }
    }
}

impl WorldSettings {
    /// The longest boot.
    pub(crate) fn longest_boot(&self) -> Micros {
        (micros(self.boot) as f64 * (1.0 + self.boot_spread)) as Micros
    }

    /// The longest time that a request may take.
    pub(crate) fn slo(&self) -> Micros {
        (micros(self.service) as f64 * self.slo_factor) as Micros
    }

    /// The load in servers that `members` serve within the SLO, but for the share that may miss it.
    ///
    /// Under round robin each member sees every n-th request of a Poisson process, so its waiting
    /// times have a tail that falls like e^-θw (w in service times), with e^θ = (1 + θ / load)^n. A
    /// tail of `slo_misses` at `slo_factor - 1` service times needs θ = ln(1 / misses) / (factor -
    /// 1), and the equation gives the load: 0.77 servers for one member, n - 0.25 for many.
    pub fn capacity(&self, members: u32) -> f64 {
        let theta = -libm::log(self.slo_misses) / (self.slo_factor - 1.0);
        theta / libm::expm1(theta / f64::from(members.max(1)))
    }

    /// The fewest members, at least 1, that serve this load within the SLO.
    pub fn members_for(&self, load: f64) -> u32 {
        // One more than the load always suffices where 1 does for the first; look from below.
        let mut members = (load.max(1.0)) as u32;
        while self.capacity(members) < load {
            members += 1;
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_may_be_busy_three_quarters_of_the_time() {
        let world = WorldSettings::default();
        assert!((world.capacity(1) - 0.766).abs() < 0.001);
        assert!((world.capacity(7) - 6.747).abs() < 0.001);
        let strict = WorldSettings {
            slo_factor: 4.0,
            ..WorldSettings::default()
        };
        assert!((strict.capacity(1) - 0.42).abs() < 0.01);
    }

    #[test]
    fn members_for_a_load_are_the_fewest_that_suffice() {
        let world = WorldSettings::default();
        for tenths in 0..200 {
            let load = f64::from(tenths) / 10.0;
            let members = world.members_for(load);
            assert!(world.capacity(members) >= load);
            assert!(members == 1 || world.capacity(members - 1) < load, "{load}");
        }
    }
}
