//! Writes the run down: takes what the cloud, the rule evaluator, the load and the agent know, and
//! keeps the [`Timeline`].

use std::{collections::HashSet, net::Ipv4Addr, time::Duration};

use exoscale::models::{HealthStatus, InstanceState};
use jiff::Timestamp;
use loadtest::Progress;
use local_cloud::{MemberStatus, Status};
use rule_evaluator::Readings;
use tokio::time::Instant;

use super::{
    agent_http::{AgentDecision, AgentStatus},
    done::Done,
    scenario::Phase,
    timeline::{
        Action, AlertChange, AlertEvent, DecisionLine, Direction, InterventionEvent, MemberSample,
        MemberState, PhaseStart, RunSettings, Sample, Timeline,
    },
};

/// The run's record and the clocks that it is kept by.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) run: Timeline,
    began: Instant,
    began_at: Timestamp,
    alerts_seen: usize,
    /// Rules that fire, by direction and place.
    firing: HashSet<(Direction, usize)>,
    decisions_seen: u64,
    /// Decisions from before the agent's last start were told by the one before.
    agent_began_at: Timestamp,
    /// Members that were healthy once: unhealthy again, they drain.
    served: HashSet<Ipv4Addr>,
}

impl Recorder {
    /// Begins a record now.
    pub(super) fn new(settings: RunSettings) -> Self {
        Self {
            run: Timeline::new(settings),
            began: Instant::now(),
            began_at: Timestamp::now(),
            alerts_seen: 0,
            firing: HashSet::new(),
            decisions_seen: 0,
            agent_began_at: Timestamp::UNIX_EPOCH,
            served: HashSet::new(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn phase(&mut self, phase: &Phase, first_step: bool) {
        self.run.phases.push(PhaseStart {
            at: self.elapsed(),
            label: phase.label.clone(),
            first_step,
            rate: phase.rate,
            need: phase.need,
        });
    }

    /// The scenario is over, and everything goes on under another load.
    pub(super) fn kept(&mut self, phase: &Phase) {
        self.phase(phase, false);
        // What was done to the load ended with it.
        self.run
            .interventions
            .retain(|event| event.done.load_factor().is_none());
    }

    /// Forgets samples and decisions that are older than this, so that a long look around takes no
    /// more memory.
    pub(super) fn forget_before(&mut self, age: Duration) {
        let from = self.elapsed().saturating_sub(age);
        let old = self.run.samples.partition_point(|sample| sample.at < from);
        // Not one by one: each time the rest moves.
        if old > 1000 {
            self.run.samples.drain(..old);
        }
    }

    /// Notes what a person began to do at this time, and has done now.
    pub(super) fn intervention(&mut self, at: Duration, done: Done) {
        match done {
            Done::AgentRestarted { .. } => self.agent_restarted(),
            Done::MonitoringCut | Done::MonitoringMended => self.alerts_forgotten(at),
            _ => {}
        }
        let took = self.elapsed().saturating_sub(at);
        let event = InterventionEvent { at, took, done };
        self.run.interventions.push(event);
    }

    /// From here on the rule evaluator knows of no alert that fired before.
    fn alerts_forgotten(&mut self, at: Duration) {
        self.alerts_seen = 0;
        self.firing.clear();
        for rule in [Direction::Up, Direction::Down] {
            if self.run.fires(rule) {
                self.run.alerts.push(AlertEvent {
                    at,
                    rule,
                    change: AlertChange::Resolved,
                });
            }
        }
    }

    /// From here on an agent decides that counts anew.
    fn agent_restarted(&mut self) {
        self.decisions_seen = 0;
        self.agent_began_at = Timestamp::now();
    }

    /// Notes what the agent says of itself.
    pub(super) fn agent(&mut self, status: &AgentStatus) {
        if let Some(sample) = self.run.samples.last_mut() {
            sample.paused = status.is_paused();
        }
    }

    /// Notes one tick.
    pub(super) fn sample(&mut self, cloud: &Status, readings: &Readings, load: &Progress) {
        let millis = |nanos: u64| nanos as f64 / 1e6;
        let answered = load.response.count > 0;
        let pool = cloud.pools.first();
        let members = pool.iter().flat_map(|pool| &pool.members);
        let members: Vec<MemberSample> = members
            .map(|member| self.member(member, cloud, readings))
            .collect();
        self.run.resizes = pool
            .iter()
            .flat_map(|pool| &pool.resizes)
            .filter_map(|resize| resize.at.duration_since(self.began_at).try_into().ok())
            .collect();
        let count = |states: &[MemberState]| {
            members
                .iter()
                .filter(|member| states.contains(&member.state))
                .count() as u32
        };
        let sample = Sample {
            at: self.elapsed(),
            asked_rate: load.asked,
            achieved_rate: load.succeeded,
            p50_ms: answered.then(|| millis(load.response.p50)),
            p99_ms: answered.then(|| millis(load.response.p99)),
            cpu: readings.average,
            desired: pool.map_or(0, |pool| pool.size),
            running: count(&[
                MemberState::Running,
                MemberState::Healthy,
                MemberState::Draining,
            ]),
            healthy: count(&[MemberState::Healthy]),
            members,
            in_flight: load.in_flight + load.backlog,
            failed: load.failed_total,
            // Until the agent is asked it does what it did.
            paused: self.run.latest().is_some_and(|sample| sample.paused),
        };
        self.run.samples.push(sample);
    }

    fn member(
        &mut self,
        member: &MemberStatus,
        cloud: &Status,
        readings: &Readings,
    ) -> MemberSample {
        let is_healthy = is_healthy(member.ip, cloud);
        if is_healthy {
            self.served.insert(member.ip);
        }
        let state = match member.state {
            InstanceState::Running if is_healthy => MemberState::Healthy,
            InstanceState::Running if self.served.contains(&member.ip) => MemberState::Draining,
            InstanceState::Running => MemberState::Running,
            InstanceState::Stopping | InstanceState::Destroying => MemberState::Stopping,
            _ => MemberState::Starting,
        };
        // Names differ in their last part only: `slow-app-1a2b3-vwxyz`.
        let name = member.name.rsplit('-').next().unwrap_or(&member.name);
        MemberSample {
            name: name.to_owned(),
            state,
            cpu: readings.observation.cpu_of(member.ip.into()),
        }
    }

    /// Notes alerts that are new since the last call.
    pub(super) fn alerts(&mut self, readings: &Readings) {
        for change in &readings.changes[self.alerts_seen.min(readings.changes.len())..] {
            let of_direction = |fires: &HashSet<(Direction, usize)>| {
                fires
                    .iter()
                    .filter(|(rule, _)| *rule == change.rule)
                    .count()
            };
            let before = of_direction(&self.firing);
            match change.change {
                AlertChange::Firing => self.firing.insert((change.rule, change.place)),
                AlertChange::Resolved => self.firing.remove(&(change.rule, change.place)),
            };
            // Of the rules of one direction, the first that fires and the last that ends.
            if (before == 0) != (of_direction(&self.firing) == 0) {
                self.run.alerts.push(AlertEvent {
                    at: change.at.saturating_duration_since(self.began),
                    rule: change.rule,
                    change: change.change,
                });
            }
        }
        self.alerts_seen = readings.changes.len();
    }

    /// Notes decisions that are new since the last call.
    pub(super) fn decisions(&mut self, decisions: &[AgentDecision]) {
        for decision in decisions {
            if decision.number <= self.decisions_seen || decision.at < self.agent_began_at {
                continue;
            }
            self.decisions_seen = decision.number;
            if decision.verdict == "quiet" {
                continue;
            }
            let since = decision.at.duration_since(self.began_at);
            let at = Duration::try_from(since).unwrap_or_default();
            self.run.decisions.push(DecisionLine {
                at,
                text: decision_text(decision),
                reason: format!("{}: {}", decision.reason, decision.text),
            });
            if let ("acted", Some(from), Some(to)) =
                (decision.verdict.as_str(), decision.from, decision.to)
                && let Some(direction) = Direction::between(from, to)
            {
                self.run.actions.push(Action {
                    at,
                    from,
                    to,
                    direction,
                    reason: decision.reason.clone(),
                });
            }
        }
    }

    /// Whether the pool is at its smallest size and at rest.
    pub(super) fn is_back_at_minimum(&self) -> bool {
        let min = self.run.settings.min_size;
        self.run.latest().is_some_and(|sample| {
            sample.desired == min && sample.members.len() == min as usize && sample.healthy == min
        })
    }
}

fn is_healthy(ip: Ipv4Addr, cloud: &Status) -> bool {
    let servers = cloud
        .balancers
        .iter()
        .flat_map(|b| &b.services)
        .flat_map(|s| &s.servers);
    servers
        .filter(|server| server.server.ip() == ip)
        .any(|server| server.status == HealthStatus::Success)
}

fn decision_text(decision: &AgentDecision) -> String {
    let AgentDecision {
        verdict,
        direction,
        from,
        to,
        ..
    } = decision;
    let direction = direction.as_deref().unwrap_or_default();
    let direction = match direction {
        "" => String::new(),
        named => format!(" ({named})"),
    };
    match (from, to) {
        (Some(from), Some(to)) if verdict == "acted" => format!("{from}→{to}"),
        (Some(from), Some(to)) => format!("{} {from}→{to}", verdict.replace('_', " ")),
        (Some(from), None) => format!("{} at {from}{direction}", in_words(verdict)),
        _ => format!("{}{direction}", in_words(verdict)),
    }
}

/// A verdict as a state of the pool: "held up" would read as a delay.
fn in_words(verdict: &str) -> String {
    match verdict {
        "held" => "waiting".to_owned(),
        "refused" => "not scaled".to_owned(),
        "control" => "order".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example_run;

    #[test]
    fn alerts_end_when_monitoring_is_cut_and_begin_anew_with_the_next() {
        let mut recorder = Recorder::new(example_run().settings);
        let firing = |at| Readings {
            changes: vec![rule_evaluator::RuleChange {
                at,
                place: 0,
                rule: Direction::Up,
                change: AlertChange::Firing,
            }],
            ..Readings::default()
        };
        let began = recorder.began;
        recorder.alerts(&firing(began));
        assert!(recorder.run.fires(Direction::Up));
        recorder.alerts_forgotten(Duration::from_secs(1));
        recorder.alerts(&Readings::default());
        assert!(!recorder.run.fires(Direction::Up));
        recorder.alerts(&firing(began + Duration::from_secs(2)));
        assert!(
            recorder.run.fires(Direction::Up),
            "it counts from the first"
        );
    }
}
