//! What stands on the screen, at the usual sizes and at odd ones.

use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    done::Done,
    example::example_run,
    timeline::{DecisionLine, InterventionEvent},
};

const PAGE: &str = "http://127.0.0.1:54321/";

fn drawn(run: &Timeline, note: Option<&str>, width: u16, height: u16) -> Vec<String> {
    let footer = Footer {
        note: note.map(str::to_owned),
        ..Footer::new(PAGE)
    };
    drawn_with(run, &footer, false, (width, height))
}

fn drawn_with(
    run: &Timeline,
    footer: &Footer,
    is_help_shown: bool,
    (width, height): (u16, u16),
) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    let view = View {
        run,
        elapsed: run.end(),
        footer,
        is_help_shown,
    };
    terminal
        .draw(|frame| view.draw(frame))
        .expect("a test terminal");
    let buffer = terminal.backend().buffer();
    (0..height)
        .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect())
        .collect()
}

/// The example as it was after this many of its samples.
fn at_sample(count: usize) -> Timeline {
    let mut run = example_run();
    run.samples.truncate(count);
    let now = run.samples.last().expect("the example has samples").at;
    run.phases.retain(|phase| phase.at <= now);
    run.actions.retain(|action| action.at <= now);
    run.alerts.retain(|alert| alert.at <= now);
    run.decisions.retain(|decision| decision.at <= now);
    run
}

fn assert_shows(screen: &[String], words: &[&str]) {
    for words in words {
        assert!(
            screen.iter().any(|line| line.contains(words)),
            "{words} in\n{}",
            screen.join("\n")
        );
    }
}

#[test]
fn everything_is_on_the_screen_at_every_usual_size() {
    let run = at_sample(240);
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let screen = drawn(&run, None, width, height);
        assert_shows(
            &screen,
            &[
                "Autoscaler demo",
                "00:59",
                "step 3 · 29.0 req/s",
                "speed fast · CPU source built-in",
                "127.0.10.1",
                "healthy",
                "starting",
                "4 healthy",
                "req/s",
                "p50",
                "p99",
                "▲ alert",
                "▼ no alert",
                "failed 0",
                "4→5",
                "average CPU",
                "in flight",
                "time, min:s",
                PAGE,
                "?: keys q: end",
            ],
        );
        let newest = screen.iter().position(|line| line.contains("4→5"));
        assert!(
            newest < screen.iter().position(|line| line.contains("3→4")),
            "the newest is first"
        );
    }
}

#[test]
fn a_note_replaces_the_help_on_keys() {
    let screen = drawn(
        &at_sample(50),
        Some("stopping: draining 2 instances"),
        80,
        24,
    );
    assert_shows(&screen, &["stopping: draining 2 instances", PAGE]);
    assert!(!screen.concat().contains("q: end"));
}

#[test]
fn a_decision_and_its_explanation_never_run_together() {
    let mut run = at_sample(240);
    for (text, reason) in [
        ("4→5", "high_load: an alert asks for more members"),
        (
            "waiting at 5 (up)",
            "window: less than one cooldown has passed",
        ),
        ("a decision that has no end in sight", "code: why"),
    ] {
        let last = run.decisions.last().expect("the example decides").clone();
        run.decisions.push(DecisionLine {
            text: text.to_owned(),
            reason: reason.to_owned(),
            ..last
        });
    }
    run.interventions.push(InterventionEvent {
        at: run.end(),
        took: Duration::ZERO,
        done: Done::Nothing("API broken".to_owned()),
    });
    let screen = drawn(&run, None, 80, 24);
    assert_shows(
        &screen,
        &[
            "key                   API broken",
            "waiting at 5 (up)     less than one cooldown has passed",
            "a decision that has…  why",
            "4→5                   an alert asks for more members",
        ],
    );
}

#[test]
fn a_pause_another_load_and_what_came_of_keys_are_on_the_screen() {
    let mut run = at_sample(240);
    let end = run.end();
    run.interventions = [Done::LoadChanged { factor: 1.25 }, Done::Paused]
        .map(|done| InterventionEvent {
            at: end,
            took: Duration::ZERO,
            done,
        })
        .to_vec();
    run.samples
        .last_mut()
        .expect("the example has samples")
        .paused = true;
    assert_shows(
        &drawn(&run, None, 80, 24),
        &[
            "req/s ×1.25   agent paused ",
            "agent paused  ✓ for 0.0 s so far",
        ],
    );
}

#[test]
fn the_help_names_every_key_at_the_usual_and_the_least_size() {
    let run = at_sample(240);
    for size in [(80, 24), (50, 14)] {
        let screen = drawn_with(&run, &Footer::new(PAGE), true, size);
        for (key, does) in help::KEYS {
            assert_shows(&screen, &[&format!("{key:<5}{does}")[..]]);
        }
    }
}

#[test]
fn a_demo_that_is_kept_says_where_everything_is_in_eighty_columns() {
    let run = at_sample(240);
    let places = [
        ("application", "http://127.1.0.1:48080/"),
        ("agent", "http://127.0.0.1:54321/"),
        ("local cloud", "http://127.0.0.1:43210/v2"),
        ("Prometheus", "http://127.0.0.1:54322"),
        ("Grafana", "http://127.0.0.1:54323/"),
    ];
    let footer = Footer {
        outcome: Some("This run: passed.".to_owned()),
        places: places.map(|(name, url)| (name, url.to_owned())).to_vec(),
        ..Footer::new(PAGE)
    };
    let screen = drawn_with(&run, &footer, false, (80, 24));
    for (name, url) in places {
        assert_shows(&screen, &[&format!("{name} {url}")]);
    }
    assert_shows(
        &screen,
        &["This run: passed.", "q: end everything", "Decisions"],
    );
}

#[test]
fn each_label_stands_beside_its_line() {
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        // Without a curve of CPU use only the thresholds are drawn.
        let mut run = at_sample(240);
        run.samples.iter_mut().for_each(|sample| sample.cpu = None);
        let screen = drawn(&run, None, width, height);
        let dotted: Vec<&String> = screen.iter().filter(|line| line.contains("••••")).collect();
        assert_eq!(dotted.len(), 2, "{}", screen.join("\n"));
        assert!(dotted[0].contains("80│••"), "{}", screen.join("\n"));
        assert!(dotted[1].contains("20│••"), "{}", screen.join("\n"));
    }
}

#[test]
fn where_cpu_use_comes_from_is_said_in_eighty_columns() {
    let mut run = at_sample(240);
    "Prometheus".clone_into(&mut run.settings.cpu_source);
    assert_shows(&drawn(&run, None, 80, 24), &["CPU source Prometheus"]);
}

#[test]
fn more_members_than_rows_are_counted() {
    let mut run = at_sample(240);
    let sample = run.samples.last_mut().expect("the example has samples");
    let member = sample.members[0].clone();
    sample.members = vec![member; 12];
    assert_shows(&drawn(&run, None, 80, 24), &["more"]);
}

#[test]
fn no_size_and_no_lack_of_data_is_a_problem() {
    let full = example_run();
    let empty = Timeline::new(full.settings.clone());
    for run in [&full, &empty] {
        for width in [1, 10, 50, 79, 80, 133] {
            for height in [1, 5, 14, 23, 60] {
                assert_eq!(drawn(run, None, width, height).len(), usize::from(height));
            }
        }
    }
    assert_shows(&drawn(&empty, None, 80, 24), &["starting", "none yet"]);
    assert_shows(&drawn(&empty, None, 40, 10), &["larger"]);
}

#[test]
fn long_texts_are_cut_with_a_sign() {
    assert_eq!(cut("abcdef", 6), "abcdef");
    assert_eq!(cut("abcdefg", 6), "abcde…");
}
