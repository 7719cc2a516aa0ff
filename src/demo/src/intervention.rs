//! What the person at the screen does to the run by a key, each time a real fault.

use exoscale::models::InstanceState;
use local_cloud::{Fault, FaultKind, LocalCloud};
use rustix::process::{Pid, Signal, kill_process};

use super::environment::Environment;

/// More calls than a run makes: the fault stays until it is taken away.
const ALL_CALLS: u32 = u32::MAX;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intervention {
    /// Kill the process of a running instance.
    KillInstance,
    /// Have every call of the API fail, or work again.
    BreakApi,
    /// Stop the rule evaluator, or start it anew.
    CutMonitoring,
    /// Kill the agent and start it again.
    RestartAgent,
}

impl Environment {
    /// Does it, and says what was done.
    pub(super) async fn intervene(&mut self, intervention: Intervention) -> String {
        match intervention {
            Intervention::KillInstance => kill_instance(&self.cloud),
            Intervention::BreakApi => break_or_mend(&self.cloud).to_owned(),
            Intervention::CutMonitoring if self.monitoring.cut_or_mend() => {
                "monitoring cut".to_owned()
            }
            Intervention::CutMonitoring => "monitoring mended".to_owned(),
            Intervention::RestartAgent => match self.agent.restart().await {
                Ok(()) => "agent killed and started again".to_owned(),
                Err(error) => format!("agent killed, and not started again: {error}"),
            },
        }
    }
}

/// Kills the oldest instance that runs.
fn kill_instance(cloud: &LocalCloud) -> String {
    let status = cloud.status();
    let members = status.pools.iter().flat_map(|pool| &pool.members);
    let mut running = members.filter(|member| member.state == InstanceState::Running);
    let victim = running.find_map(|member| {
        let pid = Pid::from_raw(member.pid?.cast_signed())?;
        Some((member, pid))
    });
    let Some((member, pid)) = victim else {
        return "no instance to kill".to_owned();
    };
    let name = member.name.rsplit('-').next().unwrap_or(&member.name);
    match kill_process(pid, Signal::KILL) {
        Ok(()) => format!("instance {name} killed"),
        Err(error) => format!("instance {name} not killed: {error}"),
    }
}

fn break_or_mend(cloud: &LocalCloud) -> &'static str {
    let faults = cloud.faults();
    if faults.left().is_empty() {
        faults.add(Fault::new("*", ALL_CALLS, FaultKind::Fail));
        "API broken: every call fails"
    } else {
        faults.clear();
        "API mended"
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
        assert_eq!(break_or_mend(&cloud), "API broken: every call fails");
        assert_eq!(cloud.faults().left()[0].count, ALL_CALLS);
        assert_eq!(break_or_mend(&cloud), "API mended");
        assert!(cloud.faults().left().is_empty());
        assert_eq!(kill_instance(&cloud), "no instance to kill");
        cloud.stop().await;
    }
}
