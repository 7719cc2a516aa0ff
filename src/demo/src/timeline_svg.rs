//! The run as a figure: `timeline.svg`, four panels over one time axis with the decisions marked
//! through all of them.
//!
//! One file without script, font or image from elsewhere, on its own white paper so that it reads
//! on a dark page too. The colours are told apart with any colour vision (Okabe and Ito, 2008; Tol,
//! 2021).

mod panels;

use std::{fs, io, path::Path, time::Duration};

use figure::{Anchor, Canvas, PAD, Placed, Scale, escape, number, text_width};

pub(super) use self::panels::{Frame, Ink, Panel};
use super::{
    report::Totals,
    summary::{duration, thousands},
    timeline::{Direction, Timeline},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 822.0;
/// The top of the row of phase names, under the title.
const PHASES: f64 = 64.0;
const ROW: f64 = 16.0;
const HEADING: f64 = 22.0;
const GAP: f64 = 16.0;
const HEIGHTS: [f64; 4] = [112.0, 132.0, 104.0, 132.0];

/// Writes the figure of a run.
pub(crate) fn write(run: &Timeline, totals: &Totals, path: &Path) -> io::Result<()> {
    fs::write(path, timeline_svg(run, totals))
}

/// The figure of a run, as SVG source.
pub(crate) fn timeline_svg(run: &Timeline, totals: &Totals) -> String {
    let end = run.end().as_secs_f64().max(1.0);
    // A run of some minutes reads best in seconds, a long one in minutes.
    let unit = if end > 600.0 { 60.0 } else { 1.0 };
    let time = Scale::linear((0.0, end), (LEFT, RIGHT)).in_units_of(unit);
    let marks = marks(run);
    let placed = placed_marks(&marks, &time);
    let (frames, headings) = frames(figure::rows(&placed));
    let bottom = frames[3].bottom;
    let height = bottom + 52.0;

    let mut canvas = Canvas::default();
    open(&mut canvas, run, height);
    titles(&mut canvas, run, totals);
    phases(&mut canvas, run, &time, bottom);
    for (number, (frame, heading)) in frames.into_iter().zip(headings).enumerate() {
        let mut panel = Panel {
            canvas: &mut canvas,
            frame,
            heading,
            time: &time,
        };
        match number {
            0 => panel.load(run),
            1 => panel.cpu(run),
            2 => panel.size(run),
            _ => panel.latency(run),
        }
    }
    draw_marks(&mut canvas, &marks, &placed, &frames);
    time_axis(&mut canvas, &time, unit, bottom);
    canvas.raw("</svg>");
    canvas.finish()
}

/// The plots' places, and the baselines of their headings. The labels of the decisions stand in
/// `rows` rows between the first heading and its plot, so that their lines cross no text.
fn frames(rows: usize) -> ([Frame; 4], [f64; 4]) {
    let mut top = PHASES + ROW + 6.0;
    let mut headings = [0.0; 4];
    let mut place = 0;
    let frames = HEIGHTS.map(|height| {
        headings[place] = top + HEADING - 7.0;
        let strip = if place == 0 {
            rows as f64 * ROW + 2.0
        } else {
            0.0
        };
        let frame = Frame {
            left: LEFT,
            right: RIGHT,
            top: top + HEADING + strip,
            bottom: top + HEADING + strip + height,
        };
        top = frame.bottom + GAP;
        place += 1;
        frame
    });
    (frames, headings)
}

fn open(canvas: &mut Canvas, run: &Timeline, height: f64) {
    canvas.raw(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">"#
    ));
    canvas.raw(format_args!(
        r#"<title id="title">{}</title>"#,
        escape(&title(run))
    ));
    let scenario: Vec<String> = run
        .actions
        .iter()
        .map(|action| {
            format!(
                "{} s: {}",
                number(action.at.as_secs_f64()),
                action_label(action.from, action.to)
            )
        })
        .collect();
    canvas.raw(format_args!(
        r#"<desc id="description">{}</desc>"#,
        escape(&scenario.join("; "))
    ));
    canvas.raw(format_args!(
        "<style>\n{}</style>",
        include_str!("timeline_svg/style.css")
    ));
    canvas.raw(format_args!(
        r#"<rect class="paper" x="0.5" y="0.5" width="{}" height="{}" rx="6"/>"#,
        WIDTH - 1.0,
        height - 1.0
    ));
}

fn title(run: &Timeline) -> String {
    format!(
        "A pool of {} to {} instances under a load that rises and falls",
        run.settings.min_size, run.settings.max_size
    )
}

fn titles(canvas: &mut Canvas, run: &Timeline, totals: &Totals) {
    canvas.text("title", (LEFT, 32.0), Anchor::Start, &title(run));
    let settings = &run.settings;
    let failed = match totals.failed_requests {
        0 => "none failed".to_owned(),
        count => format!("{} failed", thousands(count)),
    };
    let ended = if run.ended_early {
        format!(" · ended early after {}", cooldown(run.end()))
    } else {
        String::new()
    };
    let subtitle = format!(
        "{} requests, {failed} · {} changes of size, at most one in {} · scenario {}, speed {} · CPU source: {}{ended}",
        thousands(totals.requests),
        run.actions.len(),
        cooldown(settings.cooldown),
        settings.scenario,
        settings.speed,
        settings.cpu_source
    );
    canvas.text("subtitle", (LEFT, 50.0), Anchor::Start, &subtitle);
}

fn cooldown(time: Duration) -> String {
    duration(time.as_secs_f64()).replace(".0 s", " s")
}

/// A stripe behind every other phase, and its name on top where there is room for it.
fn phases(canvas: &mut Canvas, run: &Timeline, time: &Scale, bottom: f64) {
    let starts = run.phases.iter().map(|phase| phase.at.as_secs_f64());
    let ends = starts.clone().skip(1).chain([f64::MAX]);
    for (place, ((phase, start), end)) in run.phases.iter().zip(starts).zip(ends).enumerate() {
        let (from, to) = (time.at(start), time.at(end));
        if place % 2 == 0 {
            canvas.rect("stripe", (from, PHASES), (to - from, bottom - PHASES));
        }
        let name = fitting(&phase.label, to - from);
        canvas.text(
            "phase",
            (f64::midpoint(from, to), PHASES + ROW - 3.0),
            Anchor::Middle,
            name,
        );
    }
}

/// The whole label, or the part before its first `·`, or nothing.
fn fitting(label: &str, room: f64) -> &str {
    let short = label.split('·').next().unwrap_or_default().trim();
    [label, short]
        .into_iter()
        .find(|text| text_width(text) + 4.0 < room)
        .unwrap_or_default()
}

fn action_label(from: u32, to: u32) -> String {
    let name = Direction::between(from, to).map_or("stay", Direction::action_name);
    format!("{from}→{to} {name}")
}

/// A line through every panel, with its words long and short.
struct Mark {
    at: f64,
    long: String,
    short: String,
    line: &'static str,
    text: &'static str,
}

/// The changes of size, and what a person did, in order of time.
fn marks(run: &Timeline) -> Vec<Mark> {
    let actions = run.actions.iter().map(|action| {
        let (line, text) = match action.direction {
            Direction::Up => ("out", "out-text"),
            Direction::Down => ("in", "in-text"),
        };
        Mark {
            at: action.at.as_secs_f64(),
            long: action_label(action.from, action.to),
            short: format!("{}→{}", action.from, action.to),
            line,
            text,
        }
    });
    let interventions = run.interventions.iter().map(|event| Mark {
        at: event.at.as_secs_f64(),
        long: event.done.to_string(),
        short: event.done.short(),
        line: "key",
        text: "key-text",
    });
    let mut marks: Vec<Mark> = actions.chain(interventions).collect();
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks
}

fn placed_marks(marks: &[Mark], time: &Scale) -> Vec<Placed> {
    let labels: Vec<_> = marks
        .iter()
        .map(|mark| (time.at(mark.at), mark.long.clone(), mark.short.clone()))
        .collect();
    figure::place(&labels)
}

/// A line through every panel for each mark, with its label above the first.
fn draw_marks(canvas: &mut Canvas, marks: &[Mark], placed: &[Placed], frames: &[Frame; 4]) {
    let rows = figure::rows(placed) as f64;
    for (mark, label) in marks.iter().zip(placed) {
        let row = frames[0].top - (rows - label.row as f64) * ROW;
        canvas.line(mark.line, (label.x, row), (label.x, frames[0].bottom));
        for frame in &frames[1..] {
            canvas.line(mark.line, (label.x, frame.top), (label.x, frame.bottom));
        }
        canvas.text(
            mark.text,
            (label.x + PAD, row + 10.0),
            Anchor::Start,
            &label.text,
        );
    }
}

fn time_axis(canvas: &mut Canvas, time: &Scale, unit: f64, bottom: f64) {
    for value in time.ticks(10) {
        canvas.text(
            "tick",
            (time.at(value), bottom + 17.0),
            Anchor::Middle,
            &number(value / unit),
        );
    }
    let name = if unit > 1.0 { "min" } else { "s" };
    let title = format!("time since the start ({name})");
    canvas.text(
        "axis",
        (f64::midpoint(LEFT, RIGHT), bottom + 36.0),
        Anchor::Middle,
        &title,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        done::Done,
        example::{example_run, example_totals},
        timeline::InterventionEvent,
    };

    #[test]
    fn the_figure_shows_all_panels_decisions_and_thresholds() {
        let svg = timeline_svg(&example_run(), &example_totals());
        for words in [
            ">Load<",
            ">CPU use<",
            ">Pool size<",
            ">Latency<",
            "2→3 scale out",
            "4→3 scale in",
            "scale out over 80 %",
            "scale in under 20 %",
            "time since the start (s)",
            "class=\"alert-up\"",
            "class=\"alert-down\"",
        ] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains("<script") && !svg.contains("href"));
        assert!(svg.len() < 300_000, "{} bytes", svg.len());
    }

    #[test]
    fn the_decisions_go_through_all_four_panels() {
        let run = example_run();
        let svg = timeline_svg(&run, &example_totals());
        assert_eq!(svg.matches("<line class=\"out\"").count(), 4 * 4);
        assert_eq!(svg.matches("<line class=\"in\"").count(), 4 * 4);
    }

    #[test]
    fn what_a_person_did_goes_through_all_four_panels_too() {
        let mut run = example_run();
        run.interventions.push(InterventionEvent {
            at: Duration::from_secs(30),
            took: Duration::ZERO,
            done: Done::ApiBroken,
        });
        let svg = timeline_svg(&run, &example_totals());
        assert_eq!(svg.matches("<line class=\"key\"").count(), 4);
        assert!(svg.contains("class=\"key-text\""), "{svg}");
    }

    #[test]
    fn hostile_names_and_empty_runs_still_make_a_figure() {
        let mut run = example_run();
        "<x> & \"y\"".clone_into(&mut run.settings.cpu_source);
        "a<b".clone_into(&mut run.phases[1].label);
        let svg = timeline_svg(&run, &example_totals());
        assert!(svg.contains("&lt;x&gt; &amp; &quot;y&quot;") && svg.contains("a&lt;b"));

        let empty = timeline_svg(&Timeline::new(run.settings), &Totals::default());
        assert!(empty.contains(">Latency<") && !empty.contains("NaN") && !empty.contains("inf"));
    }
}
