//! The backends that respond, and those that left.

use loadtest::{BackendProgress, Progress};
use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::{Color, Modifier, Style},
    widgets::{Block, Borders, Row, Table},
};

/// A backend silent for this many ticks has left.
const SILENT_TICKS: u32 = 3;
/// A title and the columns' heads.
pub(super) const BACKENDS_HEAD: u16 = 2;

pub(super) fn draw_backends(frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
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
            backend.response.show(backend.response.p99),
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
