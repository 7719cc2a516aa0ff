//! The life of a pool's member: `starting`, `running`, then either asked to leave (`destroying`) or
//! failed on its own (`stopped`, `error`) and replaced by its pool.

use std::{sync::Arc, time::Duration};

use exoscale::{
    ids::PoolId,
    models::{InstanceState, PoolState},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    cloud::Cloud,
    instances::{self, grace},
    load_balancers, pools,
    runner::InstanceSpec,
};

/// A member that lived at least this long (at speed 1) did not "die at once": its replacement is
/// not delayed further.
const STABLE: Duration = Duration::from_secs(60);

/// The delay before a replacement doubles this many times at most, from the operation time.
const MAX_DOUBLINGS: u32 = 5;

/// The delay before a replacement, after so many members in a row that died early.
fn delay_after(operation_time: Duration, early_deaths: u32) -> Duration {
    operation_time * 2_u32.pow(early_deaths.min(MAX_DOUBLINGS))
}

/// One member's life, a task of its own.
pub(crate) struct Life {
    cloud: Arc<Cloud>,
    pool: PoolId,
    leave: CancellationToken,
    spec: InstanceSpec,
}

impl Life {
    pub(crate) fn new(
        cloud: Arc<Cloud>,
        pool: PoolId,
        leave: CancellationToken,
        spec: InstanceSpec,
    ) -> Self {
        Self {
            cloud,
            pool,
            leave,
            spec,
        }
    }

    pub(crate) async fn run(self) {
        let boot = self.cloud.pass(self.cloud.config.boot_time);
        if self.leave.run_until_cancelled(boot).await.is_some() {
            self.work().await;
        }
        self.remove();
    }

    /// From the end of the boot until the instance may be removed.
    async fn work(&self) {
        let started = Instant::now();
        match self.cloud.config.runner.start(&self.spec) {
            Ok(mut running) => {
                self.mark_running(running.pid());
                let Some(exit) = self.leave.run_until_cancelled(running.exited()).await else {
                    running.stop(grace(&self.cloud)).await;
                    return;
                };
                let state = if exit.clean {
                    InstanceState::Stopped
                } else {
                    InstanceState::Error
                };
                self.mark_failed(state, &exit.description);
            }
            Err(error) => self.mark_failed(InstanceState::Error, &error.to_string()),
        }
        let delay = self.replacement_delay(started.elapsed());
        // Either way it is removed; leaving only makes it sooner.
        let _ = self
            .leave
            .run_until_cancelled(self.cloud.clock.pass(delay))
            .await;
    }

    fn mark_running(&self, pid: Option<u32>) {
        let mut state = self.cloud.state();
        if let Some(instance) = state.instances.get_mut(&self.spec.id) {
            instance.booted = true;
            instance.pid = pid;
            if instance.stays() {
                instance.state = InstanceState::Running;
            }
        }
        load_balancers::publish_member(&state, self.spec.id);
        drop(state);
        tracing::info!(instance = %self.spec.name, ip = %self.spec.ip, pid, "instance runs");
    }

    /// It stays a load balancer's target: finding out is the health check's work.
    fn mark_failed(&self, to: InstanceState, why: &str) {
        tracing::warn!(instance = %self.spec.name, %why, "instance ended on its own; its pool replaces it");
        let mut state = self.cloud.state();
        if let Some(instance) = state.instances.get_mut(&self.spec.id) {
            instance.pid = None;
            if instance.stays() {
                instance.state = to;
                instance.failure = Some(why.to_owned());
            }
        }
    }

    /// One operation time, doubled for each member in a row that died at once.
    fn replacement_delay(&self, lived: Duration) -> Duration {
        let mut state = self.cloud.state();
        let Some(pool) = state.pools.get_mut(&self.pool) else {
            return Duration::ZERO;
        };
        if lived >= self.cloud.at_speed(STABLE) {
            pool.early_deaths = 0;
        }
        let delay = delay_after(self.cloud.operation_time(), pool.early_deaths);
        pool.early_deaths = pool.early_deaths.saturating_add(1);
        delay
    }

    fn remove(&self) {
        let id = self.spec.id;
        self.cloud.addresses().release(self.spec.ip);
        let mut state = self.cloud.state();
        // What ended on its own is a target until now.
        instances::make_leave(&mut state, id);
        load_balancers::publish_member(&state, id);
        let Some(instance) = state.instances.remove(&id) else {
            return;
        };
        instance.gone.cancel();
        let Some(pool) = state.pools.get_mut(&self.pool) else {
            return;
        };
        pool.forget(instance.place);
        if pool.state != PoolState::Destroying && !self.cloud.stopping.is_cancelled() {
            pools::fill(&self.cloud, &mut state, self.pool);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_come_ever_later_up_to_a_bound() {
        let delays = [0, 1, 2, 5, 6, u32::MAX].map(|n| delay_after(Duration::from_secs(3), n));
        assert_eq!(delays.map(|delay| delay.as_secs()), [3, 6, 12, 96, 96, 96]);
    }
}
