//! The charts: CPU use with its thresholds, load, latency; over the last fifteen cooldowns. Each
//! label stands in the row of its value.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Stylize as _},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Block, Borders, Chart, Dataset, GraphType, Paragraph},
};

use super::parts::{BLUE, GREEN, GREY, ORANGE, PURPLE, clock, panel};
use crate::{
    summary::millis,
    timeline::{Sample, Timeline},
};

/// How much of the past a chart shows, in cooldowns.
const SPAN: u32 = 15;

type Points = Vec<(f64, f64)>;

/// The words beside a value of the vertical axis.
type Label = (f64, Line<'static>);

/// One line of a chart.
struct Curve {
    colour: Color,
    marker: Marker,
    points: Points,
}

impl Curve {
    fn line(colour: Color, points: Points) -> Self {
        Self {
            colour,
            marker: Marker::Braille,
            points,
        }
    }
}

pub(super) fn cpu(frame: &mut Frame<'_>, area: Rect, run: &Timeline, elapsed: Duration) {
    let average = run.latest().and_then(|sample| sample.cpu);
    let (upper, lower) = (
        run.settings.upper_threshold * 100.0,
        run.settings.lower_threshold * 100.0,
    );
    let title = Line::from(vec![
        " CPU ".bold(),
        Span::styled(
            average.map_or_else(|| "? ".to_owned(), |cpu| format!("{:.0} % ", cpu * 100.0)),
            BLUE,
        ),
        Span::styled(format!("▲ over {upper:.0} "), ORANGE),
        Span::styled(format!("▼ under {lower:.0} "), GREEN),
    ]);
    let times = span(run, elapsed);
    let level = |value: f64, colour| Curve {
        colour,
        marker: Marker::Dot,
        points: vec![(times[0], value), (times[1], value)],
    };
    let curves = vec![
        level(upper, ORANGE),
        level(lower, GREEN),
        Curve::line(
            BLUE,
            points(run, times, |sample| sample.cpu.map(|cpu| cpu * 100.0)),
        ),
    ];
    let label = |value: f64, colour| (value, Line::from(format!("{value:.0}")).fg(colour));
    let labels = vec![
        label(upper, ORANGE),
        label(lower, GREEN),
        label(0.0, GREY),
        label(100.0, GREY),
        label(50.0, GREY),
    ];
    chart(frame, area, title, &curves, times, (100.0, labels));
}

pub(super) fn load(frame: &mut Frame<'_>, area: Rect, run: &Timeline, elapsed: Duration) {
    let latest = run.latest();
    let number =
        |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.1}"));
    let title = Line::from(vec![
        " Load ".bold(),
        Span::styled(
            format!("{} ", number(latest.map(|sample| sample.achieved_rate))),
            BLUE,
        ),
        "of ".into(),
        format!("{} req/s", number(latest.map(|sample| sample.asked_rate))).into(),
        latest
            .map_or_else(
                || " ".to_owned(),
                |sample| format!(", {} in flight ", sample.in_flight),
            )
            .into(),
    ]);
    let times = span(run, elapsed);
    let curves = vec![
        Curve::line(GREY, points(run, times, |sample| Some(sample.asked_rate))),
        Curve::line(
            BLUE,
            points(run, times, |sample| Some(sample.achieved_rate)),
        ),
    ];
    let top = ceiling(&curves);
    chart(
        frame,
        area,
        title,
        &curves,
        times,
        (top, ends(top, format!("{top:.0}"))),
    );
}

pub(super) fn latency(frame: &mut Frame<'_>, area: Rect, run: &Timeline, elapsed: Duration) {
    let latest = run.latest();
    let show = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), millis);
    let title = Line::from(vec![
        " Latency ".bold(),
        Span::styled(
            format!("p50 {} ", show(latest.and_then(|sample| sample.p50_ms))),
            BLUE,
        ),
        Span::styled(
            format!("p99 {} ", show(latest.and_then(|sample| sample.p99_ms))),
            PURPLE,
        ),
    ]);
    let times = span(run, elapsed);
    let curves = vec![
        Curve::line(PURPLE, points(run, times, |sample| sample.p99_ms)),
        Curve::line(BLUE, points(run, times, |sample| sample.p50_ms)),
    ];
    let top = ceiling(&curves);
    let label = if top < 1000.0 {
        format!("{top:.0} ms")
    } else {
        format!("{:.1} s", top / 1000.0)
    };
    chart(frame, area, title, &curves, times, (top, ends(top, label)));
}

/// From when to when, in seconds since the start.
fn span(run: &Timeline, elapsed: Duration) -> [f64; 2] {
    let width = (run.settings.cooldown * SPAN).max(Duration::from_secs(1));
    let end = elapsed.max(width);
    [end.saturating_sub(width).as_secs_f64(), end.as_secs_f64()]
}

fn points(run: &Timeline, times: [f64; 2], value: impl Fn(&Sample) -> Option<f64>) -> Points {
    run.samples
        .iter()
        .map(|sample| (sample.at.as_secs_f64(), value(sample)))
        .skip_while(|(at, _)| *at < times[0])
        .filter_map(|(at, value)| Some((at, value?)))
        .collect()
}

/// A round number over everything drawn: 1, 2, 3 or 5 times a power of ten.
fn ceiling(curves: &[Curve]) -> f64 {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let most = points
        .map(|(_, y)| *y)
        .filter(|y| y.is_finite())
        .fold(1.0, f64::max);
    let power = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 3.0, 5.0, 10.0]
        .map(|mantissa| mantissa * power)
        .into_iter()
        .find(|top| *top >= most)
        .unwrap_or(most)
}

/// The labels of an axis that starts at zero.
fn ends(top: f64, label: String) -> Vec<Label> {
    vec![
        (top, Line::from(label).fg(GREY)),
        (0.0, Line::from("0").fg(GREY)),
    ]
}

/// Draws lines from zero to a greatest value, the later ones over the earlier; of two labels for
/// one row the first.
fn chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: Line<'_>,
    curves: &[Curve],
    times: [f64; 2],
    (top, labels): (f64, Vec<Label>),
) {
    let block = panel(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let gutter = labels.iter().map(|(_, label)| label.width()).max();
    let [plot, bottom] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    let columns = [
        Constraint::Length(gutter.unwrap_or(0) as u16),
        Constraint::Fill(1),
    ];
    let [gutter, plot] = Layout::horizontal(columns).areas(plot);
    let [_, bottom] = Layout::horizontal(columns).areas(bottom);
    for (value, label) in labels.into_iter().rev() {
        if let Some(row) = row_of(value, top, gutter) {
            frame.render_widget(Paragraph::new(label).alignment(Alignment::Right), row);
        }
    }
    let datasets = curves
        .iter()
        .map(|curve| {
            Dataset::default()
                .marker(curve.marker)
                .graph_type(GraphType::Line)
                .style(curve.colour)
                .data(&curve.points)
        })
        .collect();
    let edge = Block::new().borders(Borders::LEFT).border_style(GREY);
    let chart = Chart::new(datasets)
        .block(edge)
        .legend_position(None)
        .x_axis(Axis::default().bounds(times))
        .y_axis(Axis::default().bounds([0.0, top]));
    frame.render_widget(chart, plot);
    time_axis(frame, bottom, times);
}

/// The row of the gutter in which the plot beside it draws a value.
fn row_of(value: f64, top: f64, gutter: Rect) -> Option<Rect> {
    let last = gutter.height.checked_sub(1)?;
    let down = ((1.0 - value / top) * f64::from(last)).round().max(0.0) as u16;
    Some(Rect {
        y: gutter.y + down.min(last),
        height: 1,
        ..gutter
    })
}

/// When the plot begins and ends, and what of.
fn time_axis(frame: &mut Frame<'_>, area: Rect, times: [f64; 2]) {
    let at = |seconds: f64| clock(Duration::from_secs_f64(seconds.max(0.0)));
    let words = [
        (Alignment::Left, format!("└{}", at(times[0]))),
        (Alignment::Center, "time, min:s".to_owned()),
        (Alignment::Right, at(times[1])),
    ];
    for (alignment, words) in words {
        let words = Line::from(words).fg(GREY);
        frame.render_widget(Paragraph::new(words).alignment(alignment), area);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example_run;

    #[test]
    fn the_ceiling_is_round_and_over_everything() {
        for (most, expected) in [
            (0.0, "1"),
            (1.0, "1"),
            (29.0, "30"),
            (31.0, "50"),
            (2100.0, "3000"),
        ] {
            let top = ceiling(&[Curve::line(BLUE, vec![(0.0, most)])]);
            assert_eq!(top.to_string(), expected);
        }
    }

    #[test]
    fn a_chart_shows_the_latest_windows_only() {
        let run = example_run();
        let width = run.settings.cooldown * SPAN;
        let [from, to] = span(&run, Duration::from_secs(3)).map(Duration::from_secs_f64);
        assert_eq!((from, to), (Duration::ZERO, width));
        let times = span(&run, width * 2);
        assert_eq!(times.map(Duration::from_secs_f64), [width, width * 2]);
        assert!(
            points(&run, times, |_| Some(0.0))
                .iter()
                .all(|(at, _)| *at >= times[0])
        );
    }
}
