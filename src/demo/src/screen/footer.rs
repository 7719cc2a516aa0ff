//! The end of the screen: alerts and failures in short, notes, and where everything is.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
};

use super::parts::{GREEN, GREY, ORANGE, cut, split};
use crate::timeline::{Direction, Timeline};

/// What the last lines say besides the run's state.
#[derive(Debug, Default)]
pub(super) struct Footer {
    /// The agent's page.
    pub(super) page: String,
    /// More important than the state, such as what is being waited for.
    pub(super) note: Option<String>,
    /// How the run ended, while everything is kept.
    pub(super) outcome: Option<String>,
    /// Where everything is, while it is kept.
    pub(super) places: Vec<(&'static str, String)>,
}

impl Footer {
    pub(super) fn new(page: &str) -> Self {
        Self {
            page: page.to_owned(),
            ..Self::default()
        }
    }

    /// The lines of places in so many columns.
    fn rows(&self, columns: u16) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for (name, url) in &self.places {
            let place = format!("{name} {url}");
            match rows.last_mut() {
                Some(row) if width(row) + 2 + width(&place) < usize::from(columns) => {
                    *row = format!("{row}  {place}");
                }
                _ => rows.push(format!(" {place}")),
            }
        }
        rows
    }

    pub(super) fn height(&self, columns: u16) -> u16 {
        1 + self.rows(columns).len() as u16
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, run: &Timeline) {
        let rows = self.rows(area.width);
        let heights = std::iter::repeat_n(Constraint::Length(1), 1 + rows.len());
        let lines = Layout::vertical(heights).split(area);
        self.state(frame, lines[0], run);
        for (row, area) in rows.into_iter().zip(&lines[1..]) {
            frame.render_widget(Line::from(row).bold(), *area);
        }
    }

    /// The state in short and the agent's page; a note is more important than the state.
    fn state(&self, frame: &mut Frame<'_>, area: Rect, run: &Timeline) {
        let page = if self.places.is_empty() {
            format!("{} ", self.page)
        } else {
            String::new()
        };
        let right = match (&self.note, self.places.is_empty()) {
            (Some(_), _) => page,
            (None, true) => format!("{page}?: keys q: end "),
            (None, false) => "?: keys q: end everything ".to_owned(),
        };
        let right = Line::from(right).bold();
        let mut left = vec![Span::raw(" ")];
        let room = usize::from(area.width).saturating_sub(right.width() + 2);
        if let Some(words) = self.note.as_ref().or(self.outcome.as_ref()) {
            left.push(cut(words, room).bold());
        } else {
            left.extend([
                alert(run, Direction::Up, "▲", ORANGE),
                "  ".into(),
                alert(run, Direction::Down, "▼", GREEN),
            ]);
            if let Some(sample) = run.latest() {
                let failed = Span::raw(format!("failed {}", sample.failed));
                left.push("  ".into());
                left.push(if sample.failed > 0 {
                    failed.bold().fg(ORANGE)
                } else {
                    failed
                });
            }
        }
        split(frame, area, Line::from(left), right);
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn alert(run: &Timeline, rule: Direction, sign: &str, colour: Color) -> Span<'static> {
    if run.fires(rule) {
        let style = Style::new()
            .fg(colour)
            .add_modifier(Modifier::BOLD | Modifier::REVERSED);
        Span::styled(format!(" {sign} alert "), style)
    } else {
        Span::styled(format!("{sign} no alert"), GREY)
    }
}
