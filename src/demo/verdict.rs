//! Whether a run showed what it set out to show: named checks, each with its figures, and the exit code.

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

use super::{report::Totals, timeline::Timeline};

/// The size a pool must have reached for the run to count as growth.
pub const GROWN: u32 = 3;

/// Stamps are whole milliseconds, so a gap may read one millisecond short.
const STAMP: Duration = Duration::from_millis(1);

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What must hold, as a sentence about a good run.
    pub name: String,
    /// Whether it held.
    pub pass: bool,
    /// What was seen.
    pub figures: String,
}

/// All checks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verdict {
    /// The checks, in the order in which the story is told.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// Judges a run. What was not seen does not count as done: a run without a sample or a request fails.
    pub fn of(run: &Timeline, totals: &Totals) -> Self {
        Self {
            checks: vec![
                grew(run),
                came_back(run),
                kept_the_window(run),
                lost_nothing(totals),
            ],
        }
    }

    /// Whether every check held.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }

    /// 0 when every check held, otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        if self.passed() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn check(name: &str, pass: bool, figures: String) -> Check {
    Check {
        name: name.to_owned(),
        pass,
        figures,
    }
}

fn grew(run: &Timeline) -> Check {
    let wanted = GROWN.max(run.settings.min_size + 1);
    let peak = run.peak_size();
    check(
        &format!("grew to at least {wanted} instances"),
        peak >= wanted,
        format!(
            "{peak} healthy at the peak, at most {} allowed",
            run.settings.max_size
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

fn kept_the_window(run: &Timeline) -> Check {
    let window = run.settings.window;
    let gap = min_gap(run);
    let (decided, made) = (run.actions.len(), run.resizes.len());
    let mut figures = if decided == made {
        format!("{made} changes")
    } else {
        format!("{decided} decided, {made} seen by the cloud")
    };
    if let Some(gap) = gap {
        let (gap, window) = (gap.as_secs_f64(), window.as_secs_f64());
        figures = format!("{figures}, at least {gap:.3} s apart ({window} s)");
    }
    check(
        "never acted twice in a window",
        decided == made && gap.is_none_or(|gap| gap + STAMP >= window),
        figures,
    )
}

fn lost_nothing(totals: &Totals) -> Check {
    check(
        "no request failed",
        totals.failed_requests == 0 && totals.requests > 0,
        format!("{} of {} failed", totals.failed_requests, totals.requests),
    )
}

/// The shortest time between two actions that followed each other, whether by the agent's stamps or by
/// the cloud's; `None` with fewer than two.
pub fn min_gap(run: &Timeline) -> Option<Duration> {
    let decided: Vec<Duration> = run.actions.iter().map(|action| action.at).collect();
    let gaps = |times: &[Duration]| times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min();
    gaps(&decided).into_iter().chain(gaps(&run.resizes)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::example::{example_run, example_totals};

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
        assert_eq!(verdict.exit_code(), ExitCode::SUCCESS);
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
        hasty.actions[1].at = hasty.actions[0].at + hasty.settings.window.mul_f64(0.99);
        assert_eq!(failing(&hasty, &totals), ["never acted twice in a window"]);

        let mut secret = run.clone();
        secret.resizes[1] = secret.resizes[0] + secret.settings.window.mul_f64(0.99);
        assert_eq!(failing(&secret, &totals), ["never acted twice in a window"]);
        secret.resizes.pop();
        assert_eq!(failing(&secret, &totals), ["never acted twice in a window"]);

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
        assert_eq!(verdict.exit_code(), ExitCode::FAILURE);
        assert_eq!(
            failing(&run, &Totals::default()).len(),
            3,
            "only the window was kept"
        );
    }
}
