//! What the live screen shows, drawn from one tick and the last minutes.

use loadtest::{BackendProgress, Latency, Progress, show_nanos};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    symbols::Marker,
    text::{Line, Span},
    widgets::{
        Axis, Block, Borders, Cell, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table,
    },
};

use super::history::History;

/// A backend silent for this many ticks has left.
const SILENT_TICKS: u32 = 3;
/// Five rows of latencies and five of counts, below a title.
const NUMBERS_HEIGHT: u16 = 11;
/// Conditions shown; the ones that fail are first.
const MAX_VERDICTS: usize = 3;
/// A title and the columns' heads.
const BACKENDS_HEAD: u16 = 2;
/// The longest name of a row of latencies, and a space.
const LABEL_WIDTH: u16 = 10;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    title: &str,
    progress: &Progress,
    history: &History,
    stopping: bool,
) {
    let backends = u16::try_from(progress.backends.len()).unwrap_or(u16::MAX);
    let verdicts = progress.verdicts.len().min(MAX_VERDICTS) as u16;
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(NUMBERS_HEIGHT + verdicts),
        Constraint::Length(backends.clamp(1, (frame.area().height / 8).max(2)) + BACKENDS_HEAD),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [head, bar, numbers, pool, charts, foot] = rows.areas(frame.area());
    frame.render_widget(
        Paragraph::new(title).style(Style::new().add_modifier(Modifier::BOLD)),
        head,
    );
    draw_bar(frame, bar, progress);
    draw_numbers(frame, numbers, progress);
    draw_backends(frame, pool, progress);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]);
    let [left, right] = halves.areas(charts);
    draw_rates(frame, left, history);
    draw_latency(frame, right, history);
    let hint = if stopping {
        "ending: waiting for requests under way; again to end at once"
    } else {
        "q or Ctrl-C ends the run with its report"
    };
    frame.render_widget(
        Paragraph::new(hint).style(Style::new().fg(Color::DarkGray)),
        foot,
    );
}

fn draw_bar(frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
    let (elapsed, planned) = (
        progress.elapsed.as_secs_f64(),
        progress.planned.as_secs_f64(),
    );
    let part = if planned > 0.0 {
        (elapsed / planned).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let gauge = Gauge::default()
        .ratio(part)
        .label(format!("{elapsed:.0} of {planned:.0} s"))
        .gauge_style(Style::new().fg(Color::Blue).bg(Color::Black));
    frame.render_widget(gauge, area);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let asked = history.curve(|tick| Some(tick.asked));
    let started = history.curve(|tick| Some(tick.started));
    let succeeded = history.curve(|tick| Some(tick.succeeded));
    let title = " requests/s: target sent ok ".to_owned();
    let curves = [
        ("target", Color::Yellow, &asked),
        ("sent", Color::Blue, &started),
        ("ok", Color::Green, &succeeded),
    ];
    draw_chart(frame, area, title, &curves, history.span());
}

fn draw_latency(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let p99 = history.curve(|tick| tick.p99);
    let p90 = history.curve(|tick| tick.p90);
    let p50 = history.curve(|tick| tick.p50);
    let title = " response time, ms: p50 p90 p99 ".to_owned();
    let curves = [
        ("p99", Color::Red, &p99),
        ("p90", Color::Yellow, &p90),
        ("p50", Color::Green, &p50),
    ];
    draw_chart(frame, area, title, &curves, history.span());
}

type Plotted<'a> = (&'static str, Color, &'a Vec<(f64, f64)>);

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: String,
    curves: &[Plotted<'_>],
    span: [f64; 2],
) {
    let high = curves
        .iter()
        .flat_map(|(_, _, points)| points.iter())
        .map(|point| point.1)
        .fold(1.0, f64::max);
    let datasets = curves.iter().map(|(name, color, points)| {
        Dataset::default()
            .name(*name)
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(*color))
            .data(points)
    });
    let x = Axis::default()
        .bounds(span)
        .labels([format!("{:.0}s", span[0]), format!("{:.0}s", span[1])]);
    let y = Axis::default()
        .bounds([0.0, high * 1.1])
        .labels(["0".to_owned(), format!("{:.0}", high * 1.1)]);
    frame.render_widget(
        Chart::new(datasets.collect())
            .block(Block::bordered().title(title))
            .x_axis(x)
            .y_axis(y),
        area,
    );
}

fn draw_numbers(frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
    let row = |name: &'static str, latency: &Latency| {
        let values = [
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.max,
        ];
        let shown = if latency.count > 0 {
            values.map(show_nanos)
        } else {
            values.map(|_| "-".to_owned())
        };
        let times = shown.map(|time| Cell::from(Line::from(time).right_aligned()));
        Row::new([Cell::from(name)].into_iter().chain(times))
    };
    let block = Block::new()
        .borders(Borders::TOP)
        .title(format!(" {} ", last(progress)));
    let [table_area, text_area] =
        Layout::vertical([Constraint::Length(5), Constraint::Min(0)]).areas(block.inner(area));
    frame.render_widget(block, area);
    let heads = ["p50", "p90", "p99", "p99.9", "max"].map(|name| Line::from(name).right_aligned());
    let header = Row::new([Line::default()].into_iter().chain(heads))
        .style(Style::new().add_modifier(Modifier::BOLD));
    let rows = [
        row("response", &progress.response),
        row("service", &progress.service),
        row("send lag", &progress.send_lag),
        row("whole run", &progress.response_total),
    ];
    // Of one fixed width each: a column that may grow takes from its neighbours where it is narrow.
    let widths = [
        Constraint::Length(LABEL_WIDTH),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    frame.render_widget(Table::new(rows, widths).header(header), table_area);
    frame.render_widget(Paragraph::new(counts(progress)), text_area);
}

/// What was counted since the start, in lines.
fn counts(progress: &Progress) -> Vec<Line<'static>> {
    let accounts = &progress.accounts;
    let mut failures = vec![Span::raw(format!("failed {}", progress.failed_total))];
    failures.extend(
        progress
            .failures
            .iter()
            .map(|(failure, count)| Span::raw(format!("  {failure} {count}"))),
    );
    let color = if progress.failed_total > 0 {
        Color::Red
    } else {
        Color::Reset
    };
    let statuses = progress.total.statuses.iter();
    let statuses: Vec<String> = statuses
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    let mut lines = vec![
        Line::from(format!(
            "per second: target {:.0}  sent {:.0}  ok {:.0}",
            progress.asked, progress.started, progress.succeeded
        )),
        Line::from(format!(
            "scheduled {}  sent {}  late {}  skipped {}",
            accounts.scheduled, accounts.sent, accounts.late, accounts.skipped
        )),
        Line::from(format!(
            "in flight {}  overdue {}  connections {}  cpu {:.0} %",
            progress.in_flight,
            progress.backlog,
            progress.connections,
            progress.busiest_worker * 100.0
        )),
        Line::from(format!(
            "ok {}  status {}",
            progress.total.ok,
            if statuses.is_empty() {
                "none".to_owned()
            } else {
                statuses.join(", ")
            }
        )),
        Line::from(failures).style(Style::new().fg(color)),
    ];
    let mut verdicts: Vec<_> = progress.verdicts.iter().collect();
    verdicts.sort_by_key(|verdict| !verdict.failed);
    lines.extend(verdicts.into_iter().take(MAX_VERDICTS).map(|verdict| {
        let (word, color) = if verdict.failed {
            ("FAIL", Color::Red)
        } else {
            ("pass", Color::Green)
        };
        let text = format!(
            "{word}  fail if {}  now {}",
            verdict.fail_if, verdict.measured
        );
        Line::from(text).style(Style::new().fg(color))
    }));
    lines
}

/// Names the time that the numbers are about.
fn last(progress: &Progress) -> String {
    let length = progress.tick_length;
    if length.is_zero() || (0.95..1.05).contains(&length.as_secs_f64()) {
        "last second".to_owned()
    } else {
        format!("last {}", show_nanos(length.as_nanos() as u64))
    }
}

fn draw_backends(frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
    let silent = |backend: &BackendProgress| {
        progress.elapsed.saturating_sub(backend.last_seen) > progress.tick_length * SILENT_TICKS
    };
    let present = progress
        .backends
        .iter()
        .filter(|backend| !silent(backend))
        .count();
    // Those that respond first, then the ones that left, the last to leave first.
    let mut backends: Vec<&BackendProgress> = progress.backends.iter().collect();
    backends.sort_by_key(|backend| {
        (
            silent(backend),
            silent(backend).then_some(std::cmp::Reverse(backend.last_seen)),
        )
    });
    let rows = backends.into_iter().map(|backend| {
        let state = if silent(backend) {
            format!("left {:.0}s", backend.last_seen.as_secs_f64())
        } else {
            format!("since {:.0}s", backend.first_seen.as_secs_f64())
        };
        let fresh = progress.elapsed.saturating_sub(backend.first_seen)
            <= progress.tick_length * SILENT_TICKS;
        let color = match (silent(backend), fresh) {
            (true, _) => Color::DarkGray,
            (false, true) => Color::Green,
            (false, false) => Color::Reset,
        };
        let cells = [
            backend.name.to_string(),
            backend.answers.to_string(),
            show_nanos(backend.response.p99),
            state,
        ];
        Row::new(cells).style(Style::new().fg(color))
    });
    let header = Row::new(["backend", "responses", "p99", ""])
        .style(Style::new().add_modifier(Modifier::BOLD));
    let widths = [
        Constraint::Length(32),
        Constraint::Length(10),
        Constraint::Length(9),
        Constraint::Length(12),
    ];
    let block = Block::new().borders(Borders::TOP).title(format!(
        " {present} {} responding ",
        if present == 1 { "backend" } else { "backends" }
    ));
    frame.render_widget(Table::new(rows, widths).header(header).block(block), area);
}

#[cfg(test)]
mod tests {
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
}
