//! Lays the screen out and draws its words; the panels draw themselves.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    charts,
    footer::Footer,
    help,
    parts::{BLUE, GREEN, GREY, ORANGE, clock, cut, panel, split},
    pool,
};
use crate::{
    aftermath::aftermaths,
    done::times,
    timeline::{Direction, Timeline},
};

/// Below this the panels would show nothing.
const LEAST: (u16, u16) = (50, 14);

/// The most columns of a decision, before its explanation.
const LONGEST_DECISION: usize = 20;

/// A line of the panel of decisions.
struct Row<'a> {
    at: Duration,
    colour: Color,
    text: &'a str,
    explanation: Cow<'a, str>,
}

/// Everything the screen shows.
pub(super) struct View<'a> {
    pub(super) run: &'a Timeline,
    pub(super) elapsed: Duration,
    pub(super) footer: &'a Footer,
    pub(super) is_help_shown: bool,
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
            Constraint::Length(self.footer.height(area.width)),
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
        self.footer.draw(frame, footer, self.run);
        if self.is_help_shown {
            help::draw(frame, area);
        }
    }

    fn header(&self, frame: &mut Frame<'_>, area: Rect) {
        let settings = &self.run.settings;
        let phase = self
            .run
            .phase()
            .map_or("starting", |phase| phase.label.as_str());
        let mut left = vec![
            " Autoscaler demo ".bold().reversed(),
            format!("  {}  ", clock(self.elapsed)).into(),
            phase.to_owned().bold().fg(BLUE),
        ];
        let factor = self.run.load_factor(usize::MAX);
        if (factor - 1.0).abs() > 1e-9 {
            left.push(format!(" {}", times(factor)).bold().fg(ORANGE));
        }
        if self.run.latest().is_some_and(|sample| sample.paused) {
            left.extend(["  ".into(), " agent paused ".bold().reversed().fg(ORANGE)]);
        }
        let left = Line::from(left);
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

    /// All decisions and what a person did, the newest first.
    fn rows(&self) -> Vec<Row<'_>> {
        let decisions = self.run.decisions.iter().map(|decision| Row {
            at: decision.at,
            colour: action_colour(self.run, decision.at),
            text: &decision.text,
            explanation: explanation(&decision.reason).into(),
        });
        let events = self.run.interventions.iter().zip(aftermaths(self.run));
        let interventions = events.map(|(event, came)| Row {
            at: event.at,
            colour: BLUE,
            text: "key",
            explanation: match came.text.as_str() {
                "" => event.done.to_string().into(),
                text => format!("{}  {} {text}", event.done, came.mark()).into(),
            },
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
                cut(&row.explanation, room).into(),
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
