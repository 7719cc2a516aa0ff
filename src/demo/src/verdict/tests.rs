//! Verdicts on runs that a model made up.

use super::*;
use crate::{
    example::{example_run, example_totals},
    timeline::Sample,
};

fn failing(run: &Timeline, totals: &Totals) -> Vec<String> {
    let verdict = Verdict::of(run, totals);
    verdict
        .checks
        .into_iter()
        .filter(Check::failed)
        .map(|check| check.name)
        .collect()
}

fn never_above_two(run: &Timeline) -> Timeline {
    let mut small = run.clone();
    small
        .samples
        .iter_mut()
        .for_each(|sample| sample.healthy = sample.healthy.min(2));
    small
}

fn with_actions_too_close(run: &Timeline) -> Timeline {
    let mut hasty = run.clone();
    hasty.actions[1].at = hasty.actions[0].at + hasty.settings.cooldown.mul_f64(0.99);
    hasty
}

#[test]
fn a_good_run_passes() {
    let verdict = Verdict::of(&example_run(), &example_totals());
    assert!(verdict.passed(), "{verdict:?}");
    assert_eq!(verdict.outcome(&QUIET, false), Outcome::Passed);
    // The pool may have grown because the members got too little.
    assert_eq!(verdict.outcome(&BUSY, false), Outcome::NotJudged);
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
fn a_busy_machine_is_judged_by_what_needs_no_cpu_and_a_quiet_one_by_everything() {
    let (run, totals) = (example_run(), example_totals());
    let small = never_above_two(&run);
    let mut stuck = run.clone();
    stuck
        .samples
        .iter_mut()
        .for_each(|sample| sample.running = 2);
    let mut unheard = run.clone();
    unheard.actions.pop();
    let hasty = with_actions_too_close(&run);
    let mut secret = small.clone();
    secret.resizes[1] = secret.resizes[0] + secret.settings.cooldown.mul_f64(0.99);
    let lossy = Totals {
        failed_requests: 1,
        ..totals
    };
    let mut slow = run.clone();
    at_the_end_of_the_last_step(&mut slow, |sample| sample.p99_ms = Some(11_000.0));
    let nothing = Timeline::new(run.settings.clone());
    for (name, run, totals, when_busy) in [
        ("small", &small, totals, Outcome::NotJudged),
        ("stuck", &stuck, totals, Outcome::NotJudged),
        ("unheard", &unheard, totals, Outcome::NotJudged),
        ("slow", &slow, totals, Outcome::NotJudged),
        ("lossy", &run, lossy, Outcome::NotJudged),
        ("nothing", &nothing, Totals::default(), Outcome::NotJudged),
        ("hasty", &hasty, totals, Outcome::Failed),
        ("secret", &secret, lossy, Outcome::Failed),
    ] {
        let verdict = Verdict::of(run, &totals);
        assert_eq!(
            verdict.outcome(&BUSY, false),
            when_busy,
            "{name}: {verdict:?}"
        );
        assert_eq!(
            verdict.outcome(&QUIET, false),
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

    let small = never_above_two(&run);
    assert_eq!(failing(&small, &totals), ["grew to at least 3 instances"]);

    let mut stuck = run.clone();
    stuck
        .samples
        .last_mut()
        .expect("the example has samples")
        .running = 2;
    assert_eq!(failing(&stuck, &totals), ["came back to the minimum"]);

    let hasty = with_actions_too_close(&run);
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
    assert_eq!(verdict.outcome(&QUIET, false), Outcome::Failed);
    assert_eq!(
        failing(&run, &Totals::default()).len(),
        5,
        "only the cooldown was kept"
    );
}

/// Changes the last five seconds of the last step.
fn at_the_end_of_the_last_step(run: &mut Timeline, change: impl Fn(&mut Sample)) {
    let end = run.phases.last().expect("the example has phases").at;
    let from = end.saturating_sub(Duration::from_secs(5));
    let samples = run.samples.iter_mut();
    samples
        .filter(|sample| sample.at >= from && sample.at < end)
        .for_each(change);
}

#[test]
fn a_step_that_ends_slow_or_without_answers_fails_and_a_slow_boot_does_not() {
    let totals = example_totals();
    let failing = |change: fn(&mut Timeline)| {
        let mut run = example_run();
        change(&mut run);
        failing(&run, &totals)
    };
    let normal = "latency normal after each step";
    let with_p99 = |p99: Option<f64>| {
        let mut run = example_run();
        at_the_end_of_the_last_step(&mut run, |sample| {
            sample.p99_ms = p99;
            sample.cpu = Some(1.0);
        });
        Verdict::of(&run, &totals).outcome(&QUIET, false)
    };
    assert_eq!(with_p99(Some(11_000.0)), Outcome::Failed);
    assert_eq!(with_p99(Some(801.0)), Outcome::Failed);
    assert_eq!(with_p99(None), Outcome::Failed);
    assert_eq!(with_p99(Some(800.0)), Outcome::Passed);

    // The first step counts as much as the last.
    let first = |run: &mut Timeline| {
        let end = run.phases[2].at;
        let from = end.saturating_sub(Duration::from_secs(5));
        let samples = run.samples.iter_mut();
        let samples = samples.filter(|sample| sample.at >= from && sample.at < end);
        samples.for_each(|sample| sample.p99_ms = Some(2_000.0));
    };
    assert_eq!(failing(first), [normal]);
    // What waits while members boot, one slow tick, and the quiet end say nothing of the steps.
    let boot = |run: &mut Timeline| {
        let at = run.phases[1].at;
        let booting = at..at + Duration::from_secs(9);
        let samples = run.samples.iter_mut();
        let samples = samples.filter(|sample| booting.contains(&sample.at));
        samples.for_each(|sample| sample.p99_ms = Some(30_000.0));
    };
    assert!(failing(boot).is_empty());
    let one_tick = |run: &mut Timeline| {
        let end = run.phases[2].at;
        let sample = run.samples.iter_mut().rfind(|sample| sample.at < end);
        sample.expect("there is one").p99_ms = Some(30_000.0);
    };
    assert!(failing(one_tick).is_empty());
    let quiet = |run: &mut Timeline| {
        let last = run.samples.last_mut();
        last.expect("there is one").p99_ms = None;
    };
    assert!(failing(quiet).is_empty());
}
