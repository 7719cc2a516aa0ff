//! Whether a run showed what it set out to show: named checks, each with its figures, the outcome
//! and its exit code.

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    machine::MachineTime,
    report::Totals,
    scenario::Kind,
    timeline::{Direction, Timeline},
};

/// The size a pool must have reached for the run to count as growth.
pub(crate) const GROWN: u32 = 3;

/// Stamps are whole milliseconds, so a gap may read one millisecond short.
const STAMP: Duration = Duration::from_millis(1);

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
}

/// What a run showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check held.
    Passed,
    /// A check did not hold.
    Failed,
    /// A check did not hold, and this machine was too busy for it: nothing is known of the pool.
    NotJudged,
}

impl Outcome {
    /// 0 for a run that passed, 1 for one that failed, 3 for one that was not judged.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Passed => ExitCode::SUCCESS,
            Self::Failed => ExitCode::FAILURE,
            Self::NotJudged => NOT_JUDGED.into(),
        }
    }
}

/// The exit code of a demo that could not show anything, because this machine was too busy.
pub const NOT_JUDGED: u8 = 3;

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
            lost_nothing(totals),
        ];
        checks.extend(match run.settings.scenario {
            Kind::Brief => Some(changed_by_one(run)),
            Kind::Severity | Kind::Spike => Some(took_a_step_that_fits(run)),
            Kind::Schedule => Some(grew_before_the_load(run)),
        });
        Self { checks }
    }

    /// Whether every check held.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }

    /// What the checks mean on a machine that gave the instances this CPU time. A check that needs
    /// none fails on any.
    pub(crate) fn outcome(&self, machine: &MachineTime) -> Outcome {
        let mut failed = self.checks.iter().filter(|check| !check.pass).peekable();
        if failed.peek().is_none() {
            Outcome::Passed
        } else if machine.is_too_short() && failed.all(|check| check.needs_cpu) {
            Outcome::NotJudged
        } else {
            Outcome::Failed
        }
    }
}

pub(crate) fn check(name: &str, pass: bool, figures: String) -> Check {
    Check {
        name: name.to_owned(),
        pass,
        figures,
        needs_cpu: true,
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
}

fn came_back(run: &Timeline) -> Check {
    let least = run.settings.min_size;
    let size = run.final_size();
    let figures = size.map_or_else(
        || "nothing was seen".to_owned(),
        |size| format!("{size} at the end, minimum {least}"),
    );
    check("came back to the minimum", size == Some(least), figures)
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
    Check {
        // A decision may go unheard on a busy machine. Two actions in a cooldown have no excuse.
        needs_cpu: kept,
        ..check("kept the cooldown", decided == made && kept, figures)
    }
}

fn lost_nothing(totals: &Totals) -> Check {
    check(
        "no request failed",
        totals.failed_requests == 0 && totals.requests > 0,
        format!("{} of {} failed", totals.failed_requests, totals.requests),
    )
}

/// The shortest time between two actions that followed each other, whether by the agent's stamps or
/// by the cloud's; `None` with fewer than two.
pub(crate) fn min_gap(run: &Timeline) -> Option<Duration> {
    let decided: Vec<Duration> = run.actions.iter().map(|action| action.at).collect();
    let gaps = |times: &[Duration]| times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min();
    gaps(&decided).into_iter().chain(gaps(&run.resizes)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{example_run, example_totals};

    fn failing(run: &Timeline, totals: &Totals) -> Vec<String> {
        let verdict = Verdict::of(run, totals);
        verdict
            .checks
            .into_iter()
            .filter(|check| !check.pass)
            .map(|check| check.name)
            .collect()
    }

    #[test]
    fn a_good_run_passes() {
        let verdict = Verdict::of(&example_run(), &example_totals());
        assert!(verdict.passed(), "{verdict:?}");
        for machine in [QUIET, BUSY] {
            assert_eq!(verdict.outcome(&machine), Outcome::Passed);
        }
    }

    const QUIET: MachineTime = MachineTime {
        had: 98.0,
        lacked: 2.0,
    };
    const BUSY: MachineTime = MachineTime {
        had: 60.0,
        lacked: 40.0,
    };

    #[test]
    fn each_scenario_has_to_show_its_own() {
        let totals = example_totals();
        let of = |kind, change: fn(&mut Timeline)| {
            let mut run = example_run();
            run.settings.scenario = kind;
            change(&mut run);
            failing(&run, &totals)
        };
        let fitted = "first action fitted the jump";
        let by_two = |run: &mut Timeline| run.actions[0].to += 1;
        assert_eq!(of(Kind::Severity, |_| {}), [fitted]);
        assert_eq!(of(Kind::Spike, |run| run.actions.clear())[1..], [fitted]);
        assert!(of(Kind::Severity, by_two).is_empty());
        assert_eq!(of(Kind::Brief, by_two), ["changed one member at a time"]);
        let ahead = "grew before the load came";
        assert_eq!(of(Kind::Schedule, |_| {}), [ahead]);
        let early = |run: &mut Timeline| {
            run.actions[0].reason = "scheduled".to_owned();
            // The load that needs the second member is the second step.
            run.phases[1].first_step = false;
            run.phases[2].first_step = true;
        };
        assert!(of(Kind::Schedule, early).is_empty());
    }

    #[test]
    fn a_busy_machine_excuses_what_needs_its_cpu_and_a_quiet_one_nothing() {
        let (run, totals) = (example_run(), example_totals());
        let mut small = run.clone();
        small
            .samples
            .iter_mut()
            .for_each(|sample| sample.healthy = sample.healthy.min(2));
        let mut stuck = run.clone();
        stuck
            .samples
            .iter_mut()
            .for_each(|sample| sample.running = 2);
        let mut unheard = run.clone();
        unheard.actions.pop();
        let mut hasty = run.clone();
        hasty.actions[1].at = hasty.actions[0].at + hasty.settings.cooldown.mul_f64(0.99);
        let mut secret = small.clone();
        secret.resizes[1] = secret.resizes[0] + secret.settings.cooldown.mul_f64(0.99);
        let lossy = Totals {
            failed_requests: 1,
            ..totals
        };
        let nothing = Timeline::new(run.settings.clone());
        for (name, run, totals, when_busy) in [
            ("small", &small, totals, Outcome::NotJudged),
            ("stuck", &stuck, totals, Outcome::NotJudged),
            ("unheard", &unheard, totals, Outcome::NotJudged),
            ("lossy", &run, lossy, Outcome::NotJudged),
            ("nothing", &nothing, Totals::default(), Outcome::NotJudged),
            ("hasty", &hasty, totals, Outcome::Failed),
            ("secret", &secret, lossy, Outcome::Failed),
        ] {
            let verdict = Verdict::of(run, &totals);
            assert_eq!(verdict.outcome(&BUSY), when_busy, "{name}: {verdict:?}");
            assert_eq!(
                verdict.outcome(&QUIET),
                Outcome::Failed,
                "{name}: {verdict:?}"
            );
        }
    }

    #[test]
    fn each_outcome_has_its_own_exit_code() {
        let codes = [Outcome::Passed, Outcome::Failed, Outcome::NotJudged].map(Outcome::exit_code);
        assert_eq!(codes, [0, 1, 3].map(ExitCode::from));
    }

    #[test]
    fn each_check_fails_alone_on_its_own_fault() {
        let (run, totals) = (example_run(), example_totals());

        let mut small = run.clone();
        small
            .samples
            .iter_mut()
            .for_each(|sample| sample.healthy = sample.healthy.min(2));
        assert_eq!(failing(&small, &totals), ["grew to at least 3 instances"]);

        let mut stuck = run.clone();
        stuck
            .samples
            .last_mut()
            .expect("the example has samples")
            .running = 2;
        assert_eq!(failing(&stuck, &totals), ["came back to the minimum"]);

        let mut hasty = run.clone();
        hasty.actions[1].at = hasty.actions[0].at + hasty.settings.cooldown.mul_f64(0.99);
        assert_eq!(failing(&hasty, &totals), ["kept the cooldown"]);

        let mut secret = run.clone();
        secret.resizes[1] = secret.resizes[0] + secret.settings.cooldown.mul_f64(0.99);
        assert_eq!(failing(&secret, &totals), ["kept the cooldown"]);
        secret.resizes.pop();
        assert_eq!(failing(&secret, &totals), ["kept the cooldown"]);

        let lossy = Totals {
            failed_requests: 1,
            ..totals
        };
        assert_eq!(failing(&run, &lossy), ["no request failed"]);
    }

    #[test]
    fn a_run_that_saw_nothing_fails() {
        let run = Timeline::new(example_run().settings);
        let verdict = Verdict::of(&run, &Totals::default());
        assert_eq!(verdict.outcome(&QUIET), Outcome::Failed);
        assert_eq!(
            failing(&run, &Totals::default()).len(),
            4,
            "only the cooldown was kept"
        );
    }
}
