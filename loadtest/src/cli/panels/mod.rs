//! What the live screen shows, drawn from one tick and the last minutes.

mod backends;
mod charts;
mod numbers;

use loadtest::{Plan, Progress};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    widgets::{Gauge, Paragraph},
};

use super::history::History;
use backends::{BACKENDS_HEAD, draw_backends};
use charts::{draw_latency, draw_rates};
use numbers::{MAX_VERDICTS, NUMBERS_HEIGHT, draw_numbers};

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
    let label = if progress.planned < Plan::LONGEST {
        format!("{elapsed:.0} of {planned:.0} s")
    } else {
        format!("{elapsed:.0} s")
    };
    let gauge = Gauge::default()
        .ratio(part)
        .label(label)
        .gauge_style(Style::new().fg(Color::Blue).bg(Color::Black));
    frame.render_widget(gauge, area);
}

#[cfg(test)]
mod tests;
