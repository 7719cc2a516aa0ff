//! What the person at the screen does to the run by a key, each time a real fault or a real order.

use std::time::Duration;

use exoscale::models::InstanceState;
use local_cloud::{Fault, FaultKind, LocalCloud};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    done::{Done, times},
    environment::Environment,
};

/// More calls than a run makes: the fault stays until it is taken away.
const ALL_CALLS: u32 = u32::MAX;

/// One key press changes the load by this part of the planned one.
const LOAD_STEP: f64 = 0.25;
/// The least and the most load, as parts of the planned one: some requests always tell how the pool
/// does, and twice the load is more than the largest pool carries.
const LOAD_RANGE: [f64; 2] = [0.25, 2.0];

/// How long an agent that is back may take to say what it remembers.
const REMEMBERS_WITHIN: Duration = Duration::from_secs(2);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intervention {
    /// Kill the process of a running instance.
    KillInstance,
    /// Have every call of the API fail, or work again.
    BreakApi,
    /// Stop whoever evaluates the rules, or start it again.
    CutMonitoring,
    /// Kill the agent and start it again.
    RestartAgent,
    /// Order the agent to change nothing, or take the order back.
    PauseAgent,
    /// A step more load.
    MoreLoad,
    /// A step less load.
    LessLoad,
}

impl Environment {
    /// Does it, and says what was done.
    pub(super) async fn intervene(&mut self, intervention: Intervention) -> Done {
        match intervention {
            Intervention::KillInstance => kill_instance(&self.cloud),
            Intervention::BreakApi => break_or_mend(&self.cloud),
            Intervention::CutMonitoring if self.monitoring.cut_or_mend() => Done::MonitoringCut,
            Intervention::CutMonitoring => Done::MonitoringMended,
            Intervention::RestartAgent => self.restart_agent().await,
            Intervention::PauseAgent => self.pause_or_resume().await,
            Intervention::MoreLoad => self.change_load(LOAD_STEP),
            Intervention::LessLoad => self.change_load(-LOAD_STEP),
        }
    }

    async fn restart_agent(&mut self) -> Done {
        let waits = async |of: &Self| {
            let status = of.agent.status(&of.client).await;
            status.is_ok_and(|status| status.waits_to_grow())
        };
        let waited = waits(self).await;
        let began = Instant::now();
        if let Err(error) = self.agent.restart().await {
            return Done::Nothing(format!("agent killed, and not started again: {error}"));
        }
        let back_after = began.elapsed();
        // It answers before it has taken up what its journal holds.
        let remembers = async {
            let mut looks = interval(Duration::from_millis(50));
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !waits(self).await {
                looks.tick().await;
            }
        };
        let within = if waited {
            REMEMBERS_WITHIN
        } else {
            Duration::ZERO
        };
        Done::AgentRestarted {
            waited,
            waits: timeout(within, remembers).await.is_ok(),
            back_after,
        }
    }

    async fn pause_or_resume(&self) -> Done {
        let paused = match self.agent.status(&self.client).await {
            Ok(status) => status.is_paused(),
            Err(error) => return Done::Nothing(format!("the agent does not answer: {error}")),
        };
        match self.agent.pause(&self.client, !paused).await {
            Ok(()) if paused => Done::Resumed,
            Ok(()) => Done::Paused,
            Err(error) => Done::Nothing(format!("the agent did not take the order: {error}")),
        }
    }

    fn change_load(&self, by: f64) -> Done {
        let Some(factor) = &self.load_factor else {
            return Done::Nothing("the load stays: three pools are to have the same".to_owned());
        };
        let [least, most] = LOAD_RANGE;
        let (before, wanted) = (factor.get(), factor.get() + by);
        if wanted < least || wanted > most {
            let bound = if by > 0.0 { "most" } else { "least" };
            return Done::Nothing(format!("load stays {}, the {bound}", times(before)));
        }
        factor.set(wanted);
        Done::LoadChanged { factor: wanted }
    }
}

/// Kills the oldest instance that runs.
fn kill_instance(cloud: &LocalCloud) -> Done {
    let status = cloud.status();
    let members = status.pools.iter().flat_map(|pool| &pool.members);
    let mut running = members.filter(|member| member.state == InstanceState::Running);
    let victim = running.find_map(|member| {
        let pid = Pid::from_raw(member.pid?.cast_signed())?;
        Some((member, pid))
    });
    let Some((member, pid)) = victim else {
        return Done::Nothing("no instance to kill".to_owned());
    };
    let name = member.name.rsplit('-').next().unwrap_or(&member.name);
    match kill_process(pid, Signal::KILL) {
        Ok(()) => Done::InstanceKilled {
            name: name.to_owned(),
        },
        Err(error) => Done::Nothing(format!("instance {name} not killed: {error}")),
    }
}

fn break_or_mend(cloud: &LocalCloud) -> Done {
    let faults = cloud.faults();
    if faults.left().is_empty() {
        faults.add(Fault::new("*", ALL_CALLS, FaultKind::Fail));
        Done::ApiBroken
    } else {
        faults.clear();
        Done::ApiMended
    }
}

#[cfg(test)]
mod tests {
    use local_cloud::LocalCloudConfig;

    use super::*;

    #[tokio::test]
    async fn the_same_key_breaks_and_mends_the_api() {
        let cloud = LocalCloud::start(LocalCloudConfig::without_processes()).await;
        let cloud = cloud.expect("it starts");
        assert_eq!(break_or_mend(&cloud), Done::ApiBroken);
        assert_eq!(cloud.faults().left()[0].count, ALL_CALLS);
        assert_eq!(break_or_mend(&cloud), Done::ApiMended);
        assert!(cloud.faults().left().is_empty());
        let nobody = Done::Nothing("no instance to kill".to_owned());
        assert_eq!(kill_instance(&cloud), nobody);
        cloud.stop().await;
    }
}
