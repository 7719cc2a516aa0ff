//! What is said of interventions in a run that a model made up.

use super::*;
use crate::{example::example_run, timeline::MemberSample};

const TOOK: Duration = Duration::from_millis(100);

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn event(at: f64, done: Done) -> InterventionEvent {
    InterventionEvent {
        at: secs(at),
        took: TOOK,
        done,
    }
}

/// The example with these events; what came of each.
fn of_events(run: &Timeline, events: Vec<InterventionEvent>) -> Vec<Aftermath> {
    let mut run = run.clone();
    run.interventions = events;
    aftermaths(&run)
}

/// The scale-out of the example with this number, in seconds.
fn scale_out(run: &Timeline, place: usize) -> f64 {
    run.actions[place].at.as_secs_f64()
}

#[test]
fn a_killed_instance_is_replaced_when_the_pool_is_whole_without_it() {
    let mut run = example_run();
    let member = run.samples[0].members[0].clone();
    let (first, other) = (
        member.name.clone(),
        MemberSample {
            name: "other".to_owned(),
            ..member
        },
    );
    for sample in &mut run.samples {
        sample.desired = 1;
        let members = match sample.at.as_secs_f64() {
            at if at < 10.5 => vec![MemberSample {
                name: first.clone(),
                ..other.clone()
            }],
            at if at < 17.0 => Vec::new(),
            _ => vec![other.clone()],
        };
        sample.healthy = members.len() as u32;
        sample.members = members;
    }
    let kill = || {
        event(
            10.0,
            Done::InstanceKilled {
                name: first.clone(),
            },
        )
    };
    let came = &of_events(&run, vec![kill()])[0];
    assert_eq!(came.text, "replaced after 7.0 s; no request lost");
    assert_eq!((came.held, came.mark()), (Some(true), "✓"));

    let mut lossy = run.clone();
    let later = lossy.samples.iter_mut().filter(|s| s.at > secs(10.6));
    later.for_each(|sample| sample.failed = 1);
    let came = &of_events(&lossy, vec![kill()])[0];
    assert_eq!(came.text, "replaced after 7.0 s; 1 request lost");

    let mut gone = run.clone();
    gone.samples
        .iter_mut()
        .filter(|s| s.at > secs(10.6))
        .for_each(|s| s.healthy = 0);
    let came = &of_events(&gone, vec![kill()])[0];
    assert!(
        came.text.starts_with("not replaced yet, after "),
        "{came:?}"
    );
    assert_eq!((came.held, came.mark()), (Some(false), "✗"));
    gone.samples.retain(|sample| sample.at < secs(12.0));
    gone.phases.clear();
    (gone.actions, gone.alerts, gone.decisions) = Default::default();
    let came = &of_events(&gone, vec![kill()])[0];
    assert_eq!((came.held, came.mark()), (None, "·"), "too soon to say");
}

#[test]
fn a_pause_and_a_broken_api_hold_when_the_cloud_saw_no_change() {
    let run = example_run();
    let change = scale_out(&run, 1);
    for (begin, end) in [
        (Done::Paused, Done::Resumed),
        (Done::ApiBroken, Done::ApiMended),
    ] {
        let around = vec![
            event(change - 1.0, begin.clone()),
            event(change + 1.0, end.clone()),
        ];
        let came = &of_events(&run, around)[0];
        assert_eq!(came.held, Some(false), "{came:?}");
        assert!(came.text.contains("changed once"), "{came:?}");

        let ahead = vec![event(change - 2.0, begin.clone()), event(change - 0.5, end)];
        let came = of_events(&run, ahead);
        assert_eq!(came[0].held, Some(true), "{came:?}");
        assert!(
            came[0].text.starts_with("for 1.4 s: nothing changed"),
            "{came:?}"
        );
        // The alert that made the change fired by then.
        assert_eq!(came[1].text, "acted on what waited: 2 → 3 after 0.5 s");
        assert_eq!(came[1].held, Some(true));

        let to_the_end = vec![event(run.end().as_secs_f64() - 1.0, begin)];
        let came = &of_events(&run, to_the_end)[0];
        assert!(
            came.text.starts_with("for 0.9 s so far: nothing"),
            "{came:?}"
        );
    }
    // An agent may act on the order before the key is done.
    let at = change - TOOK.as_secs_f64() / 2.0;
    let events = vec![event(at - 2.0, Done::Paused), event(at, Done::Resumed)];
    let came = &of_events(&run, events)[1];
    assert!(
        came.text.starts_with("acted on what waited: 2 → 3"),
        "{came:?}"
    );
    // What was sent while the order was on its way is not the pause's.
    let at = change - TOOK.as_secs_f64() / 2.0;
    let came = &of_events(
        &run,
        vec![event(at, Done::Paused), event(at + 2.0, Done::Resumed)],
    )[0];
    assert_eq!(came.held, Some(true), "{came:?}");
}

#[test]
fn a_scale_in_in_the_blind_holds_only_by_an_alert_that_still_lived() {
    let run = example_run();
    let scale_in = run
        .actions
        .iter()
        .find(|action| action.direction == Direction::Down);
    let at = scale_in.expect("there is one").at.as_secs_f64();
    let lifetime = run.settings.alert_lifetime.as_secs_f64();
    let of = |from: f64| {
        let events = vec![
            event(from, Done::MonitoringCut),
            event(at + 1.0, Done::MonitoringMended),
        ];
        of_events(&run, events).remove(0)
    };
    let came = of(at - 1.0);
    assert_eq!(came.held, Some(true), "{came:?}");
    assert!(came.text.contains("by an alert from before"), "{came:?}");
    let came = of(at - lifetime - 1.0);
    assert_eq!(came.held, Some(false), "{came:?}");
    let came = of(at + 0.5);
    assert!(came.text.contains("did not scale in blind"), "{came:?}");
}

#[test]
fn a_killed_agent_keeps_its_request_and_the_cooldown() {
    let run = example_run();
    let between = f64::midpoint(scale_out(&run, 0), scale_out(&run, 1));
    let killed = |waited, waits| {
        vec![event(
            between,
            Done::AgentRestarted {
                waited,
                waits,
                back_after: secs(0.4),
            },
        )]
    };
    let came = |run: &Timeline, events| of_events(run, events).remove(0);
    let good = came(&run, killed(true, true));
    assert!(
        good.text
            .starts_with("back after 0.4 s; pending request survived; cooldown kept (")
    );
    assert_eq!(good.held, Some(true));
    assert_eq!(came(&run, killed(true, false)).held, Some(false));
    assert_eq!(
        came(&run, killed(false, false)).held,
        Some(true),
        "the cooldown"
    );

    let mut hasty = run.clone();
    hasty.resizes[1] = hasty.resizes[0] + hasty.settings.cooldown.mul_f64(0.9);
    hasty.interventions = vec![];
    let at = hasty.resizes[0].as_secs_f64() + 0.1;
    let events = vec![event(
        at,
        Done::AgentRestarted {
            waited: true,
            waits: true,
            back_after: TOOK,
        },
    )];
    let came = came(&hasty, events);
    assert_eq!(came.held, Some(false), "{came:?}");
    assert!(came.text.contains("cooldown broken"), "{came:?}");
}

#[test]
fn another_load_says_what_was_asked_and_what_the_pool_did() {
    let run = example_run();
    let change = scale_out(&run, 1);
    let more = change - 1.0;
    let phase = run.phases.iter().rfind(|phase| phase.at <= secs(more));
    let rate = phase.expect("there is one").rate;
    let came = &of_events(&run, vec![event(more, Done::LoadChanged { factor: 1.25 })])[0];
    let words = format!("{rate:.1} to {:.1} req/s, 2 → 3 after 0.9 s", rate * 1.25);
    assert_eq!((came.text.as_str(), came.held), (words.as_str(), None));
    let back = vec![
        event(more, Done::LoadChanged { factor: 1.25 }),
        event(more + 0.5, Done::LoadChanged { factor: 1.0 }),
    ];
    let came = of_events(&run, back);
    assert!(came[0].text.ends_with("no change of size"), "{came:?}");
    let words = format!("{:.1} to {rate:.1} req/s, ", rate * 1.25);
    assert!(came[1].text.starts_with(&words), "{came:?}");
}
