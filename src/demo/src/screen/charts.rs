//! The charts: CPU use with its thresholds, load, latency; over the last fifteen windows.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Rect},
    style::{Color, Stylize as _},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Chart, Dataset, GraphType},
};

use super::parts::{BLUE, GREEN, GREY, ORANGE, PURPLE, panel};
use crate::{
    summary::millis,
    timeline::{Sample, Timeline},
};

/// How much of the past a chart shows, in windows.
const SPAN: u32 = 15;

type Points = Vec<(f64, f64)>;

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
    let labels = if area.height >= 14 {
        vec!["0", "20", "40", "60", "80", "100"]
    } else {
        vec!["0", "50", "100"]
    };
    chart(
        frame,
        area,
        title,
        &curves,
        times,
        (100.0, labels.into_iter().map(Into::into).collect()),
    );
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
        format!("{} req/s ", number(latest.map(|sample| sample.asked_rate))).into(),
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
        (top, vec!["0".into(), format!("{top:.0}").into()]),
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
    chart(
        frame,
        area,
        title,
        &curves,
        times,
        (top, vec!["0".into(), label.into()]),
    );
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

/// Draws lines from zero to a greatest value, the later ones over the earlier.
fn chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: Line<'_>,
    curves: &[Curve],
    times: [f64; 2],
    (top, labels): (f64, Vec<Line<'static>>),
) {
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
    let vertical = Axis::default()
        .style(GREY)
        .bounds([0.0, top])
        .labels(labels)
        .labels_alignment(Alignment::Right);
    let chart = Chart::new(datasets)
        .block(panel(title))
        .legend_position(None)
        .x_axis(Axis::default().style(GREY).bounds(times))
        .y_axis(vertical);
    frame.render_widget(chart, area);
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
