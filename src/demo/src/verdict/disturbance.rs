//! What a person did that keeps a check from saying anything of the pool. Such a check is not
//! judged, and says why, rather than fail or pass for the wrong reason; what held in spite of it
//! still passes.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::Check;
use crate::{
    aftermath::lost_with_instances,
    done::{Done, times},
    timeline::Timeline,
};

/// Why nothing is said of what comes after the end.
pub(super) const ENDED_EARLY: &str = "you ended the run early";

/// Something that a person did, for as long as it was in force.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Disturbance<'a> {
    pub(super) from: Duration,
    pub(super) to: Duration,
    done: &'a Done,
}

/// All of them, in order.
pub(super) fn disturbances(run: &Timeline) -> Vec<Disturbance<'_>> {
    let events = run.interventions.iter().enumerate();
    let disturbances = events.filter_map(|(place, event)| {
        let from = event.at;
        let mut later = run.interventions[place + 1..].iter();
        let ending = later.find(|other| other.done.ends(&event.done));
        let to = match &event.done {
            Done::ApiBroken | Done::MonitoringCut | Done::Paused | Done::LoadChanged { .. } => {
                ending.map_or(Duration::MAX, |other| other.at)
            }
            Done::InstanceKilled { .. } | Done::AgentRestarted { .. } => from + event.took,
            Done::ApiMended | Done::MonitoringMended | Done::Resumed | Done::Nothing(_) => {
                return None;
            }
        };
        // The planned load again is none.
        let is_planned = event
            .done
            .load_factor()
            .is_some_and(|factor| (factor - 1.0).abs() < 1e-9);
        (!is_planned).then_some(Disturbance {
            from,
            to,
            done: &event.done,
        })
    });
    disturbances.collect()
}

impl Disturbance<'_> {
    /// Whether it was in force at any time between these.
    pub(super) fn is_within(&self, from: Duration, to: Duration) -> bool {
        self.from < to && self.to > from
    }

    /// Whether the pool cannot grow meanwhile, or need not.
    pub(super) fn hinders_growth(&self) -> bool {
        let is_stopped = matches!(
            self.done,
            Done::ApiBroken | Done::MonitoringCut | Done::Paused
        );
        is_stopped || self.lowers_load()
    }

    /// Whether a step of the load asks for less than planned.
    pub(super) fn lowers_load(&self) -> bool {
        self.done.load_factor().is_some_and(|factor| factor < 1.0)
    }

    /// Whether the pool shrinks later for it, or not at all.
    pub(super) fn hinders_shrinking(&self) -> bool {
        self.done.load_factor().is_none_or(|factor| factor > 1.0)
    }

    pub(super) fn reason(&self) -> String {
        match self.done {
            Done::ApiBroken => "you broke the API".to_owned(),
            Done::MonitoringCut => "you cut monitoring".to_owned(),
            Done::Paused => "you paused the agent".to_owned(),
            Done::InstanceKilled { .. } => "you killed an instance".to_owned(),
            Done::AgentRestarted { .. } => "you killed the agent".to_owned(),
            Done::LoadChanged { factor } => format!("you had the load {}", times(*factor)),
            done => done.to_string(),
        }
    }
}

impl Check {
    /// Says nothing instead of failing, where there is a reason.
    pub(super) fn unless(mut self, reason: Option<String>) -> Self {
        if !self.pass {
            self.not_judged = reason;
        }
        self
    }

    /// Says nothing, whatever was seen, where there is a reason.
    pub(super) fn only_without(mut self, reason: Option<String>) -> Self {
        if reason.is_some() {
            self.pass = false;
            self.not_judged = reason;
        }
        self
    }
}

/// Why the pool may not have grown as planned.
pub(super) fn kept_from_growing(run: &Timeline) -> Option<String> {
    let mut found = disturbances(run).into_iter();
    let hindered = found.find(Disturbance::hinders_growth);
    hindered
        .map(|found| found.reason())
        .or_else(|| ended_early(run))
}

/// Why the pool may not have shrunk in the last phase.
pub(super) fn kept_from_shrinking(run: &Timeline) -> Option<String> {
    let began = run.phases.last().map_or(Duration::ZERO, |phase| phase.at);
    let mut found = disturbances(run).into_iter();
    let hindered = found.find(|one| one.is_within(began, run.end()) && one.hinders_shrinking());
    hindered.map(|found| found.reason())
}

pub(super) fn ended_early(run: &Timeline) -> Option<String> {
    run.ended_early.then(|| ENDED_EARLY.to_owned())
}

/// Why requests failed, where all that did are explained: by an instance that was killed with them,
/// or by a load that the largest pool cannot carry.
pub(super) fn why_lost(run: &Timeline, failed: u64) -> Option<String> {
    let most = f64::from(run.settings.max_size) / run.settings.service_time.as_secs_f64();
    let is_changed = |at| {
        let mut found = disturbances(run).into_iter();
        found.any(|one| one.done.load_factor().is_some() && one.from <= at && at < one.to)
    };
    let mut samples = run.samples.iter();
    if let Some(over) = samples.find(|one| one.asked_rate > most && is_changed(one.at)) {
        return Some(format!(
            "you asked for {:.0} req/s, the largest pool serves {most:.0}",
            over.asked_rate
        ));
    }
    // The last of them fail after the last sample.
    let unsampled = failed.saturating_sub(run.samples.last().map_or(0, |last| last.failed));
    let at_the_end = run.interventions.iter().any(|event| {
        let is_kill = matches!(event.done, Done::InstanceKilled { .. });
        is_kill && event.at + run.settings.cooldown >= run.end()
    });
    let with_instances = lost_with_instances(run, Duration::ZERO, Duration::MAX)
        + if at_the_end { unsampled } else { 0 };
    (failed > 0 && with_instances == failed)
        .then(|| "they were on instances that you killed".to_owned())
}
