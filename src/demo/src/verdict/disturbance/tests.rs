//! Verdicts on runs that a person changed.

use super::*;
use crate::{
    example::{example_run, example_totals},
    machine::MachineTime,
    report::Totals,
    timeline::InterventionEvent,
    verdict::{Outcome, Verdict},
};

const QUIET: MachineTime = MachineTime {
    had: 98.0,
    lacked: 2.0,
};

fn event(at: Duration, done: Done) -> InterventionEvent {
    InterventionEvent {
        at,
        took: Duration::ZERO,
        done,
    }
}

/// The start of the phase with this number, and a moment after it.
fn in_phase(run: &Timeline, number: usize) -> Duration {
    run.phases[number].at + Duration::from_secs(1)
}

/// The checks that were not judged, each with the reason, and the outcome.
fn open_checks(run: &Timeline, totals: &Totals) -> (Vec<(String, String)>, Outcome) {
    let verdict = Verdict::of(run, totals);
    let outcome = verdict.outcome(&QUIET, run.ended_early);
    let open = verdict.checks.into_iter();
    let open = open.filter_map(|check| Some((check.name, check.not_judged?)));
    (open.collect(), outcome)
}

fn small(run: &mut Timeline) {
    let samples = run.samples.iter_mut();
    samples.for_each(|sample| sample.healthy = sample.healthy.min(2));
}

#[test]
fn what_holds_in_spite_of_everything_passes() {
    let mut run = example_run();
    let at = in_phase(&run, 1);
    let end = at + Duration::from_millis(200);
    run.interventions = vec![
        event(at, Done::MonitoringCut),
        event(end, Done::MonitoringMended),
        event(end, Done::LoadChanged { factor: 1.25 }),
        event(end, Done::LoadChanged { factor: 1.0 }),
    ];
    assert_eq!(
        open_checks(&run, &example_totals()),
        (vec![], Outcome::Passed)
    );
}

#[test]
fn a_pool_that_was_kept_from_growing_is_not_judged_for_it() {
    let grew = "grew to at least 3 instances".to_owned();
    for (done, reason) in [
        (Done::ApiBroken, "you broke the API"),
        (Done::MonitoringCut, "you cut monitoring"),
        (Done::Paused, "you paused the agent"),
        (Done::LoadChanged { factor: 0.5 }, "you had the load ×0.50"),
    ] {
        let mut run = example_run();
        small(&mut run);
        (run.actions, run.resizes) = Default::default();
        run.interventions = vec![event(in_phase(&run, 1), done)];
        let (open, outcome) = open_checks(&run, &example_totals());
        assert!(
            open.contains(&(grew.clone(), reason.to_owned())),
            "{open:?}"
        );
        assert_eq!(outcome, Outcome::NotJudged, "{reason}");
    }
    // More load, a kill and a restart keep no pool from growing.
    for done in [
        Done::LoadChanged { factor: 1.5 },
        Done::InstanceKilled {
            name: "x".to_owned(),
        },
    ] {
        let mut run = example_run();
        small(&mut run);
        run.interventions = vec![event(in_phase(&run, 1), done)];
        assert_eq!(open_checks(&run, &example_totals()).1, Outcome::Failed);
    }
}

#[test]
fn a_step_at_less_than_the_planned_load_says_nothing_of_latency() {
    let normal = "latency normal after each step";
    let mut run = example_run();
    let at = in_phase(&run, 2);
    run.interventions = vec![
        event(at, Done::LoadChanged { factor: 0.75 }),
        event(
            at + Duration::from_secs(1),
            Done::LoadChanged { factor: 1.0 },
        ),
    ];
    let (open, outcome) = open_checks(&run, &example_totals());
    assert_eq!(
        open,
        [(normal.to_owned(), "you had the load ×0.75".to_owned())]
    );
    assert_eq!(outcome, Outcome::NotJudged);

    // A step that was slow fails, unless something was done in it or in the one before.
    let slow = |run: &mut Timeline, number: usize| {
        let (from, to) = (run.phases[number].at, run.phases[number + 1].at);
        let samples = run.samples.iter_mut();
        let samples = samples.filter(|sample| sample.at >= from && sample.at < to);
        samples.for_each(|sample| sample.p99_ms = Some(9_000.0));
    };
    for (number, outcome) in [
        (1, Outcome::Failed),
        (2, Outcome::NotJudged),
        (3, Outcome::NotJudged),
    ] {
        let mut run = example_run();
        slow(&mut run, number);
        run.interventions = vec![
            event(in_phase(&run, 2), Done::Paused),
            event(in_phase(&run, 2), Done::Resumed),
        ];
        assert_eq!(
            open_checks(&run, &example_totals()).1,
            outcome,
            "step {number}"
        );
    }
}

#[test]
fn a_pool_that_was_kept_from_shrinking_is_not_judged_for_it() {
    let last = example_run().phases.len() - 1;
    for (number, done, outcome) in [
        (last, Done::Paused, Outcome::NotJudged),
        (last, Done::LoadChanged { factor: 2.0 }, Outcome::NotJudged),
        (1, Done::LoadChanged { factor: 2.0 }, Outcome::NotJudged),
        (last, Done::LoadChanged { factor: 0.5 }, Outcome::Failed),
        (
            1,
            Done::InstanceKilled {
                name: "x".to_owned(),
            },
            Outcome::Failed,
        ),
        (last, Done::ApiMended, Outcome::Failed),
    ] {
        let mut run = example_run();
        run.samples.last_mut().expect("it has samples").running = 2;
        let text = format!("{done} in phase {number}");
        // After the last change of size, which a pause would have kept.
        let at = match number {
            1 => in_phase(&run, 1),
            _ => run.end().saturating_sub(Duration::from_millis(200)),
        };
        run.interventions = vec![event(at, done)];
        assert_eq!(open_checks(&run, &example_totals()).1, outcome, "{text}");
    }
}

#[test]
fn failures_are_excused_only_where_all_are_explained() {
    let failed = |failed_requests| Totals {
        failed_requests,
        ..example_totals()
    };
    let mut run = example_run();
    let at = in_phase(&run, 1);
    run.interventions = vec![event(
        at,
        Done::InstanceKilled {
            name: "x".to_owned(),
        },
    )];
    let later = run.samples.iter_mut().filter(|sample| sample.at > at);
    later.for_each(|sample| sample.failed = 2);
    let (open, outcome) = open_checks(&run, &failed(2));
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(
        open[0].1.contains("on instances that you killed"),
        "{open:?}"
    );
    assert_eq!(outcome, Outcome::NotJudged);
    assert_eq!(open_checks(&run, &failed(3)).1, Outcome::Failed, "one more");

    // Long after the kill it is to blame no more.
    let long_after = at + run.settings.cooldown + Duration::from_secs(1);
    let between = run
        .samples
        .iter_mut()
        .filter(|sample| sample.at < long_after);
    between.for_each(|sample| sample.failed = 0);
    assert_eq!(open_checks(&run, &failed(2)).1, Outcome::Failed);

    // Killed at the very end, with requests that no sample has any more.
    let mut ended = example_run();
    ended.interventions = vec![event(
        ended.end(),
        Done::InstanceKilled {
            name: "x".to_owned(),
        },
    )];
    assert_eq!(open_checks(&ended, &failed(1)).1, Outcome::NotJudged);

    // More than the largest pool serves: 5 instances with 12.5 requests/s each.
    let mut run = example_run();
    run.interventions = vec![event(at, Done::LoadChanged { factor: 2.0 })];
    assert_eq!(open_checks(&run, &failed(2)).1, Outcome::Failed);
    run.samples.last_mut().expect("it has samples").asked_rate = 63.0;
    assert_eq!(open_checks(&run, &failed(2)).1, Outcome::NotJudged);
    run.interventions.clear();
    assert_eq!(
        open_checks(&run, &failed(2)).1,
        Outcome::Failed,
        "as planned"
    );
}

#[test]
fn a_run_that_ended_early_says_what_was_seen_and_no_more() {
    let whole = example_run();
    let totals = example_totals();
    let until = |end: Duration| {
        let mut run = whole.clone();
        run.ended_early = true;
        run.phases.retain(|phase| phase.at <= end);
        run.samples.retain(|sample| sample.at <= end);
        run.actions.retain(|action| action.at <= end);
        run.alerts.retain(|alert| alert.at <= end);
        run.decisions.retain(|decision| decision.at <= end);
        run.resizes.retain(|resize| *resize <= end);
        run
    };
    let in_warm_up = until(Duration::from_secs(3));
    let (open, outcome) = open_checks(&in_warm_up, &totals);
    let names: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "grew to at least 3 instances",
        "came back to the minimum",
        "latency normal after each step",
        "changed one member at a time",
    ];
    assert_eq!((names, outcome), (expected.to_vec(), Outcome::EndedEarly));
    assert!(open.iter().all(|(_, why)| why == ENDED_EARLY), "{open:?}");

    // What was over by then is judged.
    let in_the_last_step = until(whole.phases[3].at + Duration::from_secs(10));
    let (open, outcome) = open_checks(&in_the_last_step, &totals);
    assert!(
        !open.iter().any(|(name, _)| name.starts_with("grew")),
        "{open:?}"
    );
    assert_eq!(outcome, Outcome::EndedEarly);
    let lossy = Totals {
        failed_requests: 1,
        ..totals
    };
    assert_eq!(open_checks(&in_the_last_step, &lossy).1, Outcome::Failed);
    let mut slow = in_the_last_step.clone();
    let (from, to) = (slow.phases[1].at, slow.phases[2].at);
    let samples = slow.samples.iter_mut();
    let samples = samples.filter(|sample| sample.at >= from && sample.at < to);
    samples.for_each(|sample| sample.p99_ms = Some(9_000.0));
    assert_eq!(open_checks(&slow, &totals).1, Outcome::Failed);
}
