//! What stands on the screen, drawn without a terminal.

use std::time::Duration;

use loadtest::{BackendProgress, Failure, Latency, Progress, Verdict};
use ratatui::{Terminal, backend::TestBackend};

use super::draw;
use crate::cli::history::History;

fn screen(progress: &Progress, width: u16, height: u16) -> String {
    let mut history = History::default();
    history.push(progress);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| draw(frame, "GET http://h/", progress, &history, false))
        .expect("drawn");
    terminal.backend().to_string()
}

fn progress() -> Progress {
    let backend = |name: &str, first: u64, last: u64| BackendProgress {
        name: name.into(),
        answers: 25,
        response: Latency {
            count: 25,
            p99: 3_000_000,
            ..Latency::default()
        },
        first_seen: Duration::from_secs(first),
        last_seen: Duration::from_secs(last),
    };
    Progress {
        tick: 30,
        elapsed: Duration::from_secs(30),
        planned: Duration::from_secs(60),
        tick_length: Duration::from_secs(1),
        asked: 50.0,
        started: 49.0,
        response: Latency {
            count: 49,
            p50: 1_500_000,
            ..Latency::default()
        },
        failures: [(Failure::Refused, 2)].into(),
        failed_total: 2,
        backends: vec![backend("i-gone", 1, 10), backend("i-new", 29, 30)],
        ..Progress::default()
    }
}

#[test]
fn shows_what_matters() {
    let shown = screen(&progress(), 120, 30);
    for part in [
        "30 of 60 s",
        "target 50  sent 49",
        "refused 2",
        "1 backend responding",
        "i-new",
        "since 29s",
        "left 10s",
        "1.50ms",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
}

#[test]
fn every_number_is_whole_in_80_columns() {
    let mut progress = progress();
    progress.accounts.scheduled = 194;
    (progress.total.ok, progress.connections) = (193, 256);
    progress.total.statuses = [(200, 193), (503, 2)].into();
    progress.verdicts = vec![
        Verdict {
            fail_if: "errors>0.1%".to_owned(),
            failed: false,
            measured: "0.000%".to_owned(),
        },
        Verdict {
            fail_if: "p99>500ms".to_owned(),
            failed: true,
            measured: "612ms".to_owned(),
        },
    ];
    progress.send_lag = Latency {
        count: 49,
        p50: 123_400_000,
        p90: 1_500_000_000,
        p99: 100_000_000_000,
        p999: 100_000_000_000,
        max: 100_000_000_000,
        ..Latency::default()
    };
    let shown = screen(&progress, 80, 24);
    for part in [
        " last second ",
        "response      1.50ms",
        "service            -",
        "send lag       123ms     1.50s      100s      100s      100s",
        "whole run",
        "scheduled 194  sent 0  late 0  skipped 0",
        "in flight 0  overdue 0  connections 256  cpu 0 %",
        "ok 193  status 200: 193, 503: 2",
        "failed 2  refused 2",
        "per second: target 50  sent 49  ok 0",
        "i-new",
        "since 29s",
        "left 10s",
        "FAIL  fail if p99>500ms  now 612ms",
        "pass  fail if errors>0.1%  now 0.000%",
        "requests/s: target sent ok",
        "response time, ms",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
}

#[test]
fn draws_on_any_size_and_before_the_first_tick() {
    for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
        screen(&progress(), width, height);
        screen(&Progress::default(), width, height);
    }
}
