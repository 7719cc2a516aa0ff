//! The pool's panel: its size as a bar, and each member with its state and CPU use.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::parts::{BLUE, GREEN, GREY, ORANGE, cut, panel};
use crate::timeline::{MemberSample, MemberState, RunSettings, Sample, Timeline};

/// Columns of a member's row besides its name and gauge: sign, state, percentage, and the spaces
/// between.
const FIXED: usize = 3 + 1 + 9 + 6;
const LONGEST_NAME: usize = 16;
const SHORTEST_GAUGE: usize = 4;
const LONGEST_GAUGE: usize = 40;
/// The most signs with spaces between them.
const SPACED: u32 = 8;
/// The parts of a block that a gauge's end can show, in eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, run: &Timeline) {
    let settings = &run.settings;
    let title = Line::from(vec![
        " Pool ".bold(),
        Span::styled(
            format!("{} to {} instances ", settings.min_size, settings.max_size),
            GREY,
        ),
    ]);
    let block = panel(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(sample) = run.latest() else {
        frame.render_widget(Line::styled(" no instance yet", GREY), inner);
        return;
    };
    let mut lines = vec![size_bar(sample, settings)];
    let rows = usize::from(inner.height).saturating_sub(1);
    let shown = if sample.members.len() > rows {
        rows.saturating_sub(1)
    } else {
        rows
    };
    let width = usize::from(inner.width);
    let names = sample
        .members
        .iter()
        .map(|member| member.name.chars().count());
    let room = width
        .saturating_sub(FIXED + SHORTEST_GAUGE)
        .min(LONGEST_NAME);
    let name_width = names.max().unwrap_or(0).min(room);
    let members = sample.members.iter().take(shown);
    lines.extend(members.map(|member| row(member, settings, name_width, width)));
    let rest = sample.members.len().saturating_sub(shown);
    if rest > 0 {
        lines.push(Line::styled(format!("   and {rest} more"), GREY));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// A sign for each member, then for what is wanted and not there, then for the room up to the
/// greatest size.
fn size_bar(sample: &Sample, settings: &RunSettings) -> Line<'static> {
    let missing = sample.desired.saturating_sub(sample.members.len() as u32);
    let room = settings.max_size.saturating_sub(sample.desired);
    let space = if settings.max_size.max(sample.desired) <= SPACED {
        " "
    } else {
        ""
    };
    let mut spans = vec![Span::raw(" ")];
    spans.extend(sample.members.iter().map(|member| {
        let (sign, colour) = look(member.state);
        Span::styled(format!("{sign}{space}"), colour)
    }));
    spans.push(Span::raw(format!("◌{space}").repeat(missing as usize)));
    spans.push(Span::styled(
        format!("·{space}").repeat(room as usize),
        GREY,
    ));
    let words = if sample.desired == sample.healthy {
        format!(" {} healthy", sample.healthy)
    } else {
        format!(" {} healthy, {} desired", sample.healthy, sample.desired)
    };
    spans.push(words.bold());
    Line::from(spans)
}

fn row(
    member: &MemberSample,
    settings: &RunSettings,
    name_width: usize,
    width: usize,
) -> Line<'static> {
    let (sign, colour) = look(member.state);
    let gauge_width = width.saturating_sub(FIXED + name_width).min(LONGEST_GAUGE);
    let mut spans = vec![
        Span::styled(format!(" {sign} "), colour),
        format!("{:<name_width$} ", cut(&member.name, name_width)).into(),
        Span::styled(format!("{:<9}", member.state), GREY),
    ];
    match member.cpu {
        Some(cpu) => {
            let style = Style::new().fg(cpu_colour(cpu, settings));
            spans.push(Span::styled(
                gauge(cpu, gauge_width),
                style.bg(Color::Indexed(238)),
            ));
            spans.push(format!(" {:3.0} %", cpu * 100.0).into());
        }
        None => spans.push(Span::styled(
            format!("{:>1$} %", "?", gauge_width + 4),
            GREY,
        )),
    }
    Line::from(spans)
}

fn look(state: MemberState) -> (&'static str, Color) {
    match state {
        MemberState::Starting => ("○", GREY),
        MemberState::Running => ("◐", BLUE),
        MemberState::Healthy => ("●", GREEN),
        MemberState::Draining => ("◑", ORANGE),
        MemberState::Stopping => ("×", ORANGE),
    }
}

fn cpu_colour(cpu: f64, settings: &RunSettings) -> Color {
    match cpu {
        cpu if cpu > settings.upper_threshold => ORANGE,
        cpu if cpu < settings.lower_threshold => GREEN,
        _ => BLUE,
    }
}

/// A bar of this many columns, filled to an eighth of a column.
fn gauge(share: f64, columns: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * columns as f64 * 8.0).round() as usize;
    let bar = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
    format!("{bar:<columns$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_always_has_its_width() {
        assert_eq!(gauge(0.0, 4), "    ");
        assert_eq!(gauge(0.5, 4), "██  ");
        assert_eq!(gauge(0.53, 4), "██▏ ");
        assert_eq!(gauge(7.0, 4), "████");
        assert_eq!(gauge(f64::NAN, 4), "    ");
    }
}
