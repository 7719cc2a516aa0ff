//! The last tick and the whole run in numbers.

use loadtest::{Latency, Progress, show_nanos};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, Table},
};

/// Five rows of latencies and five of counts, below a title.
pub(super) const NUMBERS_HEIGHT: u16 = 11;
/// Conditions shown; the ones that fail are first.
pub(super) const MAX_VERDICTS: usize = 3;
/// The longest name of a row of latencies, and a space.
const LABEL_WIDTH: u16 = 10;

pub(super) fn draw_numbers(frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
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
