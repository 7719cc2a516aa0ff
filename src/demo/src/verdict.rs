//! Whether a run showed what it set out to show: named checks, each with its figures, the outcome
//! and its exit code.

mod disturbance;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

use self::disturbance::{
    disturbances, ended_early, kept_from_growing, kept_from_shrinking, why_lost,
};
use super::{
    aftermath::aftermaths,
    done::Done,
    machine::MachineTime,
    report::Totals,
    scenario::Kind,
    summary::millis,
    timeline::{Direction, Timeline},
};

/// The size a pool must have reached for the run to count as growth.
pub(crate) const GROWN: u32 = 3;

/// Stamps are whole milliseconds, so a gap may read one millisecond short.
const STAMP: Duration = Duration::from_millis(1);

/// How long latency is looked at before the end of a step, at speed 1.
const AT_THE_END: Duration = Duration::from_secs(50);

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What must hold, as a sentence about a good run.
    pub name: String,
    /// Whether it held.
    pub pass: bool,
    /// What was seen.
    pub figures: String,
    /// Whether a machine that is too busy can make it fail.
    #[serde(default)]
    pub needs_cpu: bool,
    /// Why nothing can be said, whatever was seen: what a person did to the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<String>,
}

impl Check {
    /// Whether it was judged, and did not hold.
    pub(crate) fn failed(&self) -> bool {
        !self.pass && self.not_judged.is_none()
    }
}

/// What a run showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check held.
    Passed,
    /// A check did not hold.
    Failed,
    /// Nothing failed that could be judged, and something could not: this machine was too busy, or
    /// a person changed what the check is about.
    NotJudged,
    /// A person ended the run before its end, and nothing had failed by then.
    EndedEarly,
}

impl Outcome {
    /// 0 for a run that passed, 1 for one that failed, 3 for one that was not judged, 130 for one
    /// that a person ended.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Passed => ExitCode::SUCCESS,
            Self::Failed => ExitCode::FAILURE,
            Self::NotJudged => NOT_JUDGED.into(),
            Self::EndedEarly => STOPPED.into(),
        }
    }
}

/// The exit code of a demo that could not show everything, because this machine was too busy or a
/// person changed the run.
pub const NOT_JUDGED: u8 = 3;

/// The exit code of a demo that a person stopped before its end.
pub const STOPPED: u8 = 130;

/// All checks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Verdict {
    /// The checks, in the order of the scenario.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// Judges a run. What was not seen does not count as done: a run without a sample or a request
    /// fails.
    pub(crate) fn of(run: &Timeline, totals: &Totals) -> Self {
        let mut checks = vec![
            grew(run),
            came_back(run),
            kept_the_cooldown(run),
            lost_nothing(run, totals),
            latency_is_normal(run),
        ];
        checks.extend(match run.settings.scenario {
            Kind::Brief => Some(changed_by_one(run)),
            Kind::Severity | Kind::Spike => Some(took_a_step_that_fits(run)),
            Kind::Schedule => Some(grew_before_the_load(run)),
        });
        checks.extend(held_through_interventions(run));
        Self { checks }
    }

    /// Whether every check held.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }

    /// What the checks mean on a machine that gave the instances this CPU time. A check that needs
    /// none fails on any; of the others nothing is known on a machine that gave too little.
    pub(crate) fn outcome(&self, machine: &MachineTime, ended_early: bool) -> Outcome {
        let too_busy = machine.is_too_short();
        let mut failed = self.checks.iter().filter(|check| check.failed());
        if failed.any(|check| !check.needs_cpu || !too_busy) {
            Outcome::Failed
        } else if ended_early {
            Outcome::EndedEarly
        } else if too_busy || !self.passed() {
            Outcome::NotJudged
        } else {
            Outcome::Passed
        }
    }
}

pub(crate) fn check(name: &str, pass: bool, figures: String) -> Check {
    Check {
        name: name.to_owned(),
        pass,
        figures,
        needs_cpu: true,
        not_judged: None,
    }
}

fn grew(run: &Timeline) -> Check {
    let wanted = GROWN.max(run.settings.min_size + 1);
    let peak = run.peak_size();
    check(
        &format!("grew to at least {wanted} instances"),
        peak >= wanted,
        format!(
            "{peak} healthy at the peak, the limit is {}",
            run.settings.max_size
        ),
    )
    .unless(kept_from_growing(run))
}

fn changed_by_one(run: &Timeline) -> Check {
    let most = run
        .actions
        .iter()
        .map(|action| action.from.abs_diff(action.to));
    let most = most.max().unwrap_or(0);
    Check {
        // A machine that is busy makes no step larger.
        needs_cpu: most <= 1,
        ..check(
            "changed one member at a time",
            most == 1,
            format!("{most} at most"),
        )
    }
    .unless(kept_from_growing(run).filter(|_| most == 0))
}

/// The first action after a jump of the load adds two at least.
fn took_a_step_that_fits(run: &Timeline) -> Check {
    let ups = run
        .actions
        .iter()
        .filter(|action| action.direction == Direction::Up);
    let first = ups
        .map(|action| action.to.saturating_sub(action.from))
        .next();
    check(
        "first action fitted the jump",
        first.is_some_and(|added| added >= 2),
        first.map_or_else(|| "none".to_owned(), |added| format!("it added {added}")),
    )
    .unless(kept_from_growing(run))
}

/// The schedule made the pool larger, and its members served before the load came.
fn grew_before_the_load(run: &Timeline) -> Check {
    let load = run.phases.iter().find(|phase| phase.first_step);
    let load = load.map_or(Duration::MAX, |phase| phase.at);
    let by_schedule = run
        .actions
        .iter()
        .find(|action| action.reason == "scheduled");
    let wanted = by_schedule.map_or(u32::MAX, |action| action.to);
    let served = run.samples.iter().find(|sample| sample.healthy >= wanted);
    let ahead = served.and_then(|sample| load.checked_sub(sample.at));
    check(
        "grew before the load came",
        ahead.is_some(),
        ahead.map_or_else(
            || "the members did not serve in time".to_owned(),
            |ahead| format!("{:.1} s before it", ahead.as_secs_f64()),
        ),
    )
    .unless(kept_from_growing(run))
}

fn came_back(run: &Timeline) -> Check {
    let least = run.settings.min_size;
    let size = run.final_size();
    let figures = size.map_or_else(
        || "nothing was seen".to_owned(),
        |size| format!("{size} at the end, minimum {least}"),
    );
    // A pool that never had to grow is at its minimum, too.
    check("came back to the minimum", size == Some(least), figures)
        .unless(kept_from_shrinking(run))
        .only_without(ended_early(run))
}

fn kept_the_cooldown(run: &Timeline) -> Check {
    let cooldown = run.settings.cooldown;
    let gap = min_gap(run);
    let (decided, made) = (run.actions.len(), run.resizes.len());
    let mut figures = if decided == made {
        format!("{made} changes")
    } else {
        format!("{decided} decided, {made} seen by the cloud")
    };
    if let Some(gap) = gap {
        let (gap, cooldown) = (gap.as_secs_f64(), cooldown.as_secs_f64());
        figures = format!("{figures}, at least {gap:.3} s apart ({cooldown} s)");
    }
    let kept = gap.is_none_or(|gap| gap + STAMP >= cooldown);
    // A decision may have died with the agent, or its call have met an API that was just broken.
    let events = run.interventions.iter().map(|event| &event.done);
    let mut events =
        events.filter(|done| matches!(done, Done::AgentRestarted { .. } | Done::ApiBroken));
    let unheard = events
        .next()
        .map(|done| format!("a change may be uncounted: {done}"));
    Check {
        // A decision may go unheard on a busy machine. Two actions in a cooldown have no excuse.
        needs_cpu: kept,
        ..check("kept the cooldown", decided == made && kept, figures)
    }
    .unless(unheard.filter(|_| kept))
}

fn lost_nothing(run: &Timeline, totals: &Totals) -> Check {
    check(
        "no request failed",
        totals.failed_requests == 0 && totals.requests > 0,
        format!("{} of {} failed", totals.failed_requests, totals.requests),
    )
    .unless(why_lost(run, totals.failed_requests))
}

/// What is promised of each fault that a person made; absent when nobody made any.
fn held_through_interventions(run: &Timeline) -> Option<Check> {
    let held: Vec<bool> = aftermaths(run).iter().filter_map(|one| one.held).collect();
    let good = held.iter().filter(|held| **held).count();
    (!held.is_empty()).then(|| {
        check(
            "held through interventions",
            good == held.len(),
            format!("{good} of {} promises", held.len()),
        )
    })
}

/// At the end of each phase that needs a larger pool, members have worked off what waited while
/// they booted: requests take about as long as on an instance that is not busy.
fn latency_is_normal(run: &Timeline) -> Check {
    let limit_ms = run.settings.normal_latency().as_secs_f64() * 1000.0;
    let ends = run.phases.iter().skip(1).map(|phase| Some(phase.at));
    // The last phase ends with the run, unless a person ended it.
    let last = (!run.ended_early).then_some(Duration::MAX);
    let steps = run.phases.iter().zip(ends.chain([last]));
    let steps = steps.filter(|(phase, _)| phase.need > run.settings.min_size);
    let found = disturbances(run);
    let (mut worst, mut left_out) = (None, None);
    // What was done in the step before may still make this one slow.
    let mut from = Duration::ZERO;
    for (phase, end) in steps {
        let Some(end) = end else {
            left_out = left_out.or_else(|| ended_early(run));
            continue;
        };
        let p99 = p99_at_the_end(run, phase.at, end);
        let mut by = found.iter();
        let by = if p99 > limit_ms {
            by.find(|one| one.is_within(from, end))
        } else {
            by.find(|one| one.lowers_load() && one.is_within(phase.at, end))
        };
        match by {
            Some(by) => left_out = Some(by.reason()),
            None => worst = Some(worst.map_or(p99, |worst: f64| worst.max(p99))),
        }
        from = phase.at;
    }
    let figures = match worst {
        Some(worst) if worst.is_finite() => {
            format!("worst p99 {}, limit {}", millis(worst), millis(limit_ms))
        }
        Some(_) => "a step ended without answers".to_owned(),
        None => "no step was seen".to_owned(),
    };
    let pass = worst.is_some_and(|worst| worst <= limit_ms);
    let check = check("latency normal after each step", pass, figures);
    let reason = left_out.or_else(|| ended_early(run));
    // A step that was judged and was slow stays a failure.
    check.only_without(reason.filter(|_| pass || worst.is_none()))
}

/// The median of the ticks' p99 over the last part of a phase, in milliseconds. A tick in which
/// nothing was answered is the worst of all.
fn p99_at_the_end(run: &Timeline, start: Duration, end: Duration) -> f64 {
    let samples = run.samples.iter();
    let within = samples.filter(|sample| sample.at >= start && sample.at < end);
    let within: Vec<_> = within.collect();
    let last = within.last().map_or(start, |sample| sample.at);
    let from = last.saturating_sub(run.settings.speed.scale(AT_THE_END));
    let at_the_end = within.iter().filter(|sample| sample.at > from);
    let mut p99s: Vec<f64> = at_the_end
        .map(|sample| sample.p99_ms.unwrap_or(f64::INFINITY))
        .collect();
    p99s.sort_by(f64::total_cmp);
    p99s.get(p99s.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// The shortest time between two actions that followed each other, whether by the agent's stamps or
/// by the cloud's; `None` with fewer than two.
pub(crate) fn min_gap(run: &Timeline) -> Option<Duration> {
    let decided: Vec<Duration> = run.actions.iter().map(|action| action.at).collect();
    let gaps = |times: &[Duration]| times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min();
    gaps(&decided).into_iter().chain(gaps(&run.resizes)).min()
}
