//! Lays the screen out and draws its words; the panels draw themselves.

#[cfg(test)]
mod tests;

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    charts,
    parts::{BLUE, GREEN, GREY, ORANGE, clock, cut, panel},
    pool,
};
use crate::timeline::{Direction, Timeline};

/// Below this the panels would show nothing.
const LEAST: (u16, u16) = (50, 14);

/// The most columns of a decision, before its explanation.
const LONGEST_DECISION: usize = 20;

/// A line of the panel of decisions.
struct Row<'a> {
    at: Duration,
    colour: Color,
    text: &'a str,
    explanation: &'a str,
}

/// Everything the screen shows.
pub(super) struct View<'a> {
    pub(super) run: &'a Timeline,
    pub(super) elapsed: Duration,
    pub(super) note: Option<&'a str>,
    /// The agent's page.
    pub(super) page: &'a str,
}

impl View<'_> {
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let text = format!(
                "Please make this window larger than {} × {}.",
                LEAST.0, LEAST.1
            );
            frame.render_widget(Paragraph::new(text).centered(), area);
            return;
        }
        let [header, top, middle, bottom, footer] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(9),
            Constraint::Fill(7),
            Constraint::Fill(6),
            Constraint::Length(1),
        ])
        .areas(area);
        let halves = [Constraint::Fill(1), Constraint::Fill(1)];
        let [pool_area, cpu_area] = Layout::horizontal(halves).areas(top);
        let [load_area, latency_area] = Layout::horizontal(halves).areas(middle);

        self.header(frame, header);
        pool::draw(frame, pool_area, self.run);
        charts::cpu(frame, cpu_area, self.run, self.elapsed);
        charts::load(frame, load_area, self.run, self.elapsed);
        charts::latency(frame, latency_area, self.run, self.elapsed);
        self.decisions(frame, bottom);
        self.footer(frame, footer);
    }

    fn header(&self, frame: &mut Frame<'_>, area: Rect) {
        let settings = &self.run.settings;
        let phase = self
            .run
            .phase()
            .map_or("starting", |phase| phase.label.as_str());
        let left = Line::from(vec![
            " Autoscaler demo ".bold().reversed(),
            format!("  {}  ", clock(self.elapsed)).into(),
            phase.to_owned().bold().fg(BLUE),
        ]);
        let source = format!("CPU source {} ", settings.cpu_source);
        let whole = format!("speed {} · {source}", settings.speed);
        let room = usize::from(area.width).saturating_sub(left.width() + 1);
        let right = if whole.chars().count() <= room {
            whole
        } else {
            source
        };
        split(frame, area, left, Line::from(right).fg(GREY));
    }

    /// The state in short and the agent's page; a note is more important than the state.
    fn footer(&self, frame: &mut Frame<'_>, area: Rect) {
        let right = if self.note.is_some() {
            format!("{} ", self.page)
        } else {
            format!("{} ?: keys q: stop ", self.page)
        };
        let right = Line::from(right).bold();
        let mut left = vec![Span::raw(" ")];
        if let Some(note) = self.note {
            let room = usize::from(area.width).saturating_sub(right.width() + 2);
            left.push(cut(note, room).bold());
        } else {
            left.extend([
                self.alert(Direction::Up, "▲", ORANGE),
                "  ".into(),
                self.alert(Direction::Down, "▼", GREEN),
            ]);
        }
        if let (Some(sample), None) = (self.run.latest(), self.note) {
            let failed = Span::raw(format!("failed {}", sample.failed));
            left.push("  ".into());
            left.push(if sample.failed > 0 {
                failed.bold().fg(ORANGE)
            } else {
                failed
            });
        }
        split(frame, area, Line::from(left), right);
    }

    fn alert(&self, rule: Direction, sign: &str, colour: Color) -> Span<'static> {
        if self.run.fires(rule) {
            let style = Style::new()
                .fg(colour)
                .add_modifier(Modifier::BOLD | Modifier::REVERSED);
            Span::styled(format!(" {sign} alert "), style)
        } else {
            Span::styled(format!("{sign} no alert"), GREY)
        }
    }

    /// All decisions and what a person did, the newest first.
    fn rows(&self) -> Vec<Row<'_>> {
        let decisions = self.run.decisions.iter().map(|decision| Row {
            at: decision.at,
            colour: action_colour(self.run, decision.at),
            text: &decision.text,
            explanation: explanation(&decision.reason),
        });
        let interventions = self.run.interventions.iter().map(|event| Row {
            at: event.at,
            colour: BLUE,
            text: "key",
            explanation: &event.text,
        });
        let mut rows: Vec<_> = decisions.chain(interventions).collect();
        rows.reverse();
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        rows
    }

    /// The latest decisions and what a person did.
    fn decisions(&self, frame: &mut Frame<'_>, area: Rect) {
        let block = panel(Line::from(" Decisions ".bold()));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let mut shown = self.rows();
        shown.truncate(inner.height.into());
        let widths = shown.iter().map(|row| row.text.chars().count());
        let width = widths.max().unwrap_or(0).min(LONGEST_DECISION);
        let lines = shown.into_iter().map(|row| {
            let text = format!("{:<width$}  ", cut(row.text, width));
            let start = format!(" {}  ", clock(row.at));
            let used = start.chars().count() + text.chars().count();
            let room = usize::from(inner.width).saturating_sub(used);
            Line::from(vec![
                Span::styled(start, GREY),
                Span::styled(text, Style::new().fg(row.colour).bold()),
                cut(row.explanation, room).into(),
            ])
        });
        let lines: Vec<Line<'_>> = lines.collect();
        let empty = Line::styled(" none yet: the load is within the thresholds", GREY);
        let lines = if lines.is_empty() { vec![empty] } else { lines };
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

/// A reason without its code, which the log and the report have.
fn explanation(reason: &str) -> &str {
    reason.split_once(": ").map_or(reason, |(_, text)| text)
}

/// The colour of the action made at this time; grey for a decision that changed nothing.
fn action_colour(run: &Timeline, at: Duration) -> Color {
    match run
        .actions
        .iter()
        .find(|action| action.at == at)
        .map(|action| action.direction)
    {
        Some(Direction::Up) => ORANGE,
        Some(Direction::Down) => GREEN,
        None => GREY,
    }
}

/// One line with words on both sides; the left ones win when there is no room for both.
fn split(frame: &mut Frame<'_>, area: Rect, left: Line<'_>, right: Line<'_>) {
    let room = usize::from(area.width).saturating_sub(left.width() + 1);
    if right.width() <= room {
        frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
    }
    let area = Rect {
        width: area.width.min(left.width() as u16),
        ..area
    };
    frame.render_widget(left, area);
}
