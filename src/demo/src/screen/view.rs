//! Lays the screen out and draws its words; the panels draw themselves.

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
        let right = format!(
            "speed {} · CPU source {} ",
            settings.speed, settings.cpu_source
        );
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

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{
        example::example_run,
        timeline::{DecisionLine, InterventionEvent},
    };

    const PAGE: &str = "http://127.0.0.1:54321/";

    fn drawn(run: &Timeline, note: Option<&str>, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
        let view = View {
            run,
            elapsed: run.end(),
            note,
            page: PAGE,
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
                    "?: keys q: stop",
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
        assert!(!screen.concat().contains("q: stop"));
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
            text: "API broken".to_owned(),
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
}
