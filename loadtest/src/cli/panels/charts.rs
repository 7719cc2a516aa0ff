//! The rates and response times of the last minutes, as curves.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Color, Style},
    symbols::Marker,
    widgets::{Axis, Block, Chart, Dataset, GraphType},
};

use crate::cli::history::History;

pub(super) fn draw_rates(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let asked = history.curve(|tick| Some(tick.asked));
    let started = history.curve(|tick| Some(tick.started));
    let succeeded = history.curve(|tick| Some(tick.succeeded));
    let title = " requests/s: target sent ok ".to_owned();
    let curves = [
        ("target", Color::Yellow, &asked),
        ("sent", Color::Blue, &started),
        ("ok", Color::Green, &succeeded),
    ];
    draw_chart(frame, area, title, &curves, history.span());
}

pub(super) fn draw_latency(frame: &mut Frame<'_>, area: Rect, history: &History) {
    let p99 = history.curve(|tick| tick.p99);
    let p90 = history.curve(|tick| tick.p90);
    let p50 = history.curve(|tick| tick.p50);
    let title = " response time, ms: p50 p90 p99 ".to_owned();
    let curves = [
        ("p99", Color::Red, &p99),
        ("p90", Color::Yellow, &p90),
        ("p50", Color::Green, &p50),
    ];
    draw_chart(frame, area, title, &curves, history.span());
}

type Plotted<'a> = (&'static str, Color, &'a Vec<(f64, f64)>);

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: String,
    curves: &[Plotted<'_>],
    span: [f64; 2],
) {
    let high = curves
        .iter()
        .flat_map(|(_, _, points)| points.iter())
        .map(|point| point.1)
        .fold(1.0, f64::max);
    let datasets = curves.iter().map(|(name, color, points)| {
        Dataset::default()
            .name(*name)
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(*color))
            .data(points)
    });
    let x = Axis::default()
        .bounds(span)
        .labels([format!("{:.0}s", span[0]), format!("{:.0}s", span[1])]);
    let y = Axis::default()
        .bounds([0.0, high * 1.1])
        .labels(["0".to_owned(), format!("{:.0}", high * 1.1)]);
    frame.render_widget(
        Chart::new(datasets.collect())
            .block(Block::bordered().title(title))
            .x_axis(x)
            .y_axis(y),
        area,
    );
}
