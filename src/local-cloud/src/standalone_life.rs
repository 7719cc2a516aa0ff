//! The life of an instance of no pool: off, then each time it is switched on a boot and a process.

use std::{future::Future, net::Ipv4Addr, sync::Arc};

use exoscale::{ids::InstanceId, models::InstanceState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    cloud::{Cloud, State},
    instances,
    runner::InstanceSpec,
    standalone::Power,
    templates,
};

/// One instance's life, a task of its own.
pub(crate) struct Life {
    cloud: Arc<Cloud>,
    id: InstanceId,
    ip: Ipv4Addr,
    leave: CancellationToken,
    wanted: watch::Receiver<Power>,
}

impl Life {
    pub(crate) fn new(
        cloud: Arc<Cloud>,
        id: InstanceId,
        ip: Ipv4Addr,
        leave: CancellationToken,
        wanted: watch::Receiver<Power>,
    ) -> Self {
        Self {
            cloud,
            id,
            ip,
            leave,
            wanted,
        }
    }

    pub(crate) async fn run(mut self) {
        while self.switched_on().await {
            self.session().await;
        }
        self.cloud.addresses().release(self.ip);
        if let Some(instance) = self.cloud.state().instances.remove(&self.id) {
            // Whoever waits for it to run or to end sees that it is gone.
            if let Some(own) = instance.standalone {
                own.running.cancel();
                own.ended.cancel();
            }
            instance.gone.cancel();
        }
    }

    /// Waits until it is to run; false when it is to leave.
    async fn switched_on(&mut self) -> bool {
        let on = self.wanted.wait_for(|power| *power != Power::Off);
        let on = self.leave.run_until_cancelled(on).await;
        on.is_some_and(|on| on.is_ok())
    }

    /// From the switch until it has ended.
    async fn session(&mut self) {
        self.wanted.mark_unchanged();
        let boot = self.cloud.pass(self.cloud.config.boot_time);
        if self.until_switched(boot).await.is_none() {
            return self.mark_off();
        }
        let Some(spec) = self.spec() else { return };
        match self.cloud.config.runner.start(&spec) {
            Ok(mut running) => {
                self.mark_running(&spec, running.pid());
                match self.until_switched(running.exited()).await {
                    None => {
                        running.stop(instances::grace(&self.cloud)).await;
                        self.mark_off();
                    }
                    Some(exit) if exit.clean => {
                        self.mark_ended(InstanceState::Stopped, &exit.description);
                    }
                    Some(exit) => self.mark_ended(InstanceState::Error, &exit.description),
                }
            }
            Err(error) => self.mark_ended(InstanceState::Error, &error.to_string()),
        }
    }

    /// The result, unless it is to leave or was switched before.
    async fn until_switched<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.leave.cancelled() => None,
            _ = self.wanted.changed() => None,
            result = work => Some(result),
        }
    }

    /// As it is set now: a boot reads settings that were changed since the last one.
    fn spec(&self) -> Option<InstanceSpec> {
        let state = self.cloud.state();
        let instance = state.instances.get(&self.id)?;
        Some(InstanceSpec {
            id: self.id,
            name: instance.name.clone(),
            template: templates::name(&state, instance.settings.template),
            plain: instance.settings.is_plain(),
            ip: self.ip,
            metadata_url: self.cloud.metadata_url(self.id),
            environment: self.cloud.environment_of_instances(),
        })
    }

    fn mark_running(&self, spec: &InstanceSpec, pid: Option<u32>) {
        let mut state = self.cloud.state();
        if let Some(instance) = state.instances.get_mut(&self.id) {
            instance.booted = true;
            instance.pid = pid;
            instance.failure = None;
            if instance.state == InstanceState::Starting {
                instance.state = InstanceState::Running;
                if let Some(own) = &instance.standalone {
                    own.running.cancel();
                }
            }
        }
        drop(state);
        tracing::info!(instance = %spec.name, ip = %spec.ip, pid, "instance runs");
    }

    /// It was switched off, or on again at once.
    fn mark_off(&self) {
        self.end(None, |_, power| match power {
            Power::Off => InstanceState::Stopped,
            Power::On(_) => InstanceState::Starting,
        });
    }

    /// It ended on its own, and stays off until somebody starts it.
    fn mark_ended(&self, to: InstanceState, why: &str) {
        tracing::warn!(instance = %self.id, %why, "instance ended on its own");
        self.end(Some(why), |sender, _| {
            sender.send_replace(Power::Off);
            to
        });
    }

    fn end(
        &self,
        failure: Option<&str>,
        to: impl FnOnce(&watch::Sender<Power>, Power) -> InstanceState,
    ) {
        let mut state = self.cloud.state();
        let state: &mut State = &mut state;
        let Some(instance) = state.instances.get_mut(&self.id) else {
            return;
        };
        instance.pid = None;
        instance.failure = failure.map(str::to_owned);
        let stays = instance.stays();
        if let Some(own) = &instance.standalone {
            let power = *own.power.borrow();
            let next = to(&own.power, power);
            let starts = next == InstanceState::Starting;
            if stays {
                instance.state = next;
            }
            own.ended.cancel();
            if !starts {
                own.running.cancel();
            }
        }
    }
}
