//! The comparison as a figure: latency and size of the three pools over one time axis, and under
//! them what each cost and missed.

use figure::{Anchor, Canvas, Scale, escape, number};

use super::{ComparedRun, Comparison};
use crate::{
    timeline::Timeline,
    timeline_svg::{Frame, Ink, Panel},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 912.0;
/// The plots of latency and size: top and bottom.
const LATENCY: (f64, f64) = (88.0, 248.0);
const SIZE: (f64, f64) = (288.0, 398.0);
/// The headings of the bars, and the rows under it.
const BARS: f64 = 470.0;
const ROW: f64 = 24.0;
const HEIGHT: f64 = BARS + 3.0 * ROW + 28.0;
/// The class of each pool's lines, in the order of [`Comparison::runs`].
const CLASSES: [&str; 3] = ["largest", "smallest", "autoscaled"];

/// The figure, as SVG source; the runs are in the order of [`Comparison::runs`].
pub(super) fn comparison_svg(comparison: &Comparison, runs: [&Timeline; 3]) -> String {
    let mut canvas = Canvas::default();
    open(&mut canvas, comparison);
    let end = runs.iter().map(|run| run.end().as_secs_f64());
    let end = end.fold(1.0, f64::max);
    let unit = if end > 600.0 { 60.0 } else { 1.0 };
    let time = Scale::linear((0.0, end), (LEFT, RIGHT)).in_units_of(unit);
    latency(&mut canvas, comparison, runs, &time);
    size(&mut canvas, comparison, runs, &time);
    for value in time.ticks(10) {
        let at = (time.at(value), SIZE.1 + 17.0);
        canvas.text("tick", at, Anchor::Middle, &number(value / unit));
    }
    let title = format!(
        "time since the start ({})",
        if unit > 1.0 { "min" } else { "s" }
    );
    let middle = (f64::midpoint(LEFT, RIGHT), SIZE.1 + 36.0);
    canvas.text("axis", middle, Anchor::Middle, &title);
    let middle = f64::midpoint(LEFT, RIGHT);
    bars(
        &mut canvas,
        comparison,
        "c Instance-hours",
        (LEFT, middle - 24.0),
        |run| (run.instance_hours, format!("{:.2}", run.instance_hours)),
    );
    let misses = format!(
        "d Misses: no good answer within {} s",
        comparison.miss_after_s
    );
    bars(
        &mut canvas,
        comparison,
        &misses,
        (middle + 24.0, RIGHT),
        |run| {
            let percent = run.missed_percent();
            (percent, format!("{percent:.1} % ({})", run.missed))
        },
    );
    canvas.raw("</svg>");
    canvas.finish()
}

fn open(canvas: &mut Canvas, comparison: &Comparison) {
    canvas.raw(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="figure-title figure-description">"#
    ));
    canvas.raw(format_args!(
        "<title id=\"figure-title\">The same load on three pools</title>\n\
         <desc id=\"figure-description\">{}</desc>\n<style>\n{}</style>",
        escape(&comparison.sentence),
        include_str!("figure.css")
    ));
    canvas.rect("paper", (0.5, 0.5), (WIDTH - 1.0, HEIGHT - 1.0));
    let title = "The same load on three pools";
    canvas.text("title", (LEFT, 32.0), Anchor::Start, title);
}

fn frame((top, bottom): (f64, f64)) -> Frame {
    Frame {
        left: LEFT,
        right: RIGHT,
        top,
        bottom,
    }
}

fn legend(comparison: &Comparison) -> [(String, &'static str, Ink); 3] {
    let names = comparison.runs().map(|(name, _)| name);
    let mut classes = CLASSES.into_iter();
    names.map(|name| (name, classes.next().unwrap_or_default(), Ink::Line))
}

fn latency(canvas: &mut Canvas, comparison: &Comparison, runs: [&Timeline; 3], time: &Scale) {
    let values = || {
        let samples = runs.iter().flat_map(|run| &run.samples);
        samples
            .filter_map(|sample| sample.p99_ms)
            .filter(|value| *value > 0.0)
    };
    let least = values().fold(1000.0, f64::min);
    let greatest = values().fold(1000.0, f64::max);
    let frame = frame(LATENCY);
    let scale = Scale::logarithmic((least / 1.15, greatest * 1.15), (LATENCY.1, LATENCY.0));
    let mut panel = Panel {
        canvas,
        frame,
        heading: LATENCY.0 - 14.0,
        time,
    };
    let legend = legend(comparison);
    let legend = legend
        .each_ref()
        .map(|(name, class, ink)| (name.as_str(), *class, *ink));
    panel.head("a Latency, 99th percentile", &legend);
    panel.axis(&scale, "ms, log scale", 5);
    let limit = scale.at(comparison.miss_after_s * 1000.0);
    panel.canvas.line("limit", (LEFT, limit), (RIGHT, limit));
    for (run, class) in runs.into_iter().zip(CLASSES) {
        panel.curve(class, run, &scale, |sample| sample.p99_ms);
    }
    panel.close();
}

fn size(canvas: &mut Canvas, comparison: &Comparison, runs: [&Timeline; 3], time: &Scale) {
    let most = comparison.runs().map(|(_, run)| run.max_size);
    let most = most.into_iter().max().unwrap_or(1);
    let scale = Scale::linear((0.0, f64::from(most) + 0.4), (SIZE.1, SIZE.0));
    let mut panel = Panel {
        canvas,
        frame: frame(SIZE),
        heading: SIZE.0 - 14.0,
        time,
    };
    panel.head("b Pool size, healthy members", &[]);
    panel.axis(&scale, "instances", 6);
    for (run, class) in runs.into_iter().zip(CLASSES) {
        panel.steps(class, run, &scale, |sample| f64::from(sample.healthy));
    }
    panel.close();
}

/// A bar for each pool, with its name before and its value behind it.
fn bars(
    canvas: &mut Canvas,
    comparison: &Comparison,
    heading: &str,
    (left, right): (f64, f64),
    value: impl Fn(&ComparedRun) -> (f64, String),
) {
    canvas.text("heading", (left, BARS), Anchor::Start, heading);
    let runs = comparison.runs();
    let most = runs.iter().map(|(_, run)| value(run).0);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let scale = Scale::linear((0.0, most), (left + 122.0, right - 84.0));
    for (place, ((name, run), class)) in runs.iter().zip(CLASSES).enumerate() {
        let middle = BARS + (place as f64 + 0.9) * ROW;
        let (length, words) = value(run);
        let (from, to) = (scale.at(0.0), scale.at(length));
        canvas.text("legend", (left, middle + 4.0), Anchor::Start, name);
        let class = format!("bar {class}-bar");
        canvas.rect(&class, (from, middle - 7.0), ((to - from).max(1.0), 14.0));
        canvas.text("legend", (to + 6.0, middle + 4.0), Anchor::Start, &words);
    }
}
