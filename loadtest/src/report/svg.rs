//! Line charts as SVG text. They know nothing of runs.

use std::fmt::Write as _;

use crate::text::show_nanos;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 28.0;

/// How an axis turns values into positions and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero, with plain numbers.
    Linear,
    /// Seconds from zero.
    Seconds,
    /// Nanoseconds, by powers of ten.
    LogNanos,
    /// Quantiles, by the number of nines: 0 %, 90 %, 99 %, …
    Nines,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// An index into the page's palette.
    pub(super) color: usize,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether the area below is filled.
    pub(super) filled: bool,
}

/// A chart with its legend.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) lines: Vec<Line>,
}

struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values
            .map(|value| place(scale, value))
            .filter(|value| value.is_finite())
        {
            (low, high) = (low.min(value), high.max(value));
        }
        match scale {
            Scale::LogNanos => {
                let low = if low.is_finite() { low.floor() } else { 3.0 };
                Self {
                    scale,
                    low,
                    high: high.ceil().max(low + 1.0),
                }
            }
            Scale::Linear => Self {
                scale,
                low: 0.0,
                high: if high > 0.0 { high * 1.05 } else { 1.0 },
            },
            Scale::Seconds | Scale::Nines => Self {
                scale,
                low: 0.0,
                high: if high > 0.0 { high } else { 1.0 },
            },
        }
    }

    /// Where a value lies, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        ((place(self.scale, value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Labelled positions.
    fn marks(&self) -> Vec<(f64, String)> {
        let span = self.high - self.low;
        match self.scale {
            Scale::LogNanos | Scale::Nines => {
                let decades = self.low.ceil() as i32..=(self.high + 1e-9).floor() as i32;
                let label = |decade: i32| match self.scale {
                    Scale::LogNanos => show_nanos(10_f64.powi(decade) as u64)
                        .replace(".00", "")
                        .replace(".0", ""),
                    _ => format!("{}%", 100.0 - 10_f64.powi(2 - decade)),
                };
                decades
                    .map(|decade| ((f64::from(decade) - self.low) / span, label(decade)))
                    .collect()
            }
            Scale::Linear | Scale::Seconds => {
                let step = round_step(span / 6.0);
                let unit = if self.scale == Scale::Seconds {
                    "s"
                } else {
                    ""
                };
                let count = (span / step).floor() as u32;
                (0..=count)
                    .map(|i| f64::from(i) * step)
                    .map(|value| {
                        (
                            value / span,
                            format!("{}{unit}", (value * 1e6).round() / 1e6),
                        )
                    })
                    .collect()
            }
        }
    }
}

fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear | Scale::Seconds => value,
        Scale::LogNanos => value.max(1.0).log10(),
        // Where the last request stands alone there is no further nine.
        Scale::Nines => -(1.0 - value).max(1e-7).log10(),
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|n| n * power)
        .find(|n| *n >= step)
        .unwrap_or(power * 10.0)
}

/// Makes a text safe to stand in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Chart {
    pub(super) fn draw(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::new(self.x, points().map(|point| point.0));
        let y = Axis::new(self.y, points().map(|point| point.1));
        writeln!(
            out,
            "<section><h2>{}</h2><p>{}</p>",
            escape(self.title),
            escape(self.note)
        )?;
        writeln!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(self.title)
        )?;
        write_marks(out, &x, &y)?;
        for line in &self.lines {
            line.write(out, &x, &y)?;
        }
        writeln!(out, "</svg><div class=\"legend\">")?;
        for line in &self.lines {
            writeln!(
                out,
                "<span><i class=\"c{}\"></i>{}</span>",
                line.color,
                escape(&line.name)
            )?;
        }
        writeln!(out, "</div></section>")
    }
}

fn write_marks(out: &mut String, x: &Axis, y: &Axis) -> std::fmt::Result {
    for (part, label) in y.marks() {
        let at = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
        let end = WIDTH - RIGHT;
        writeln!(out, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{end}\"/>")?;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            at + 4.0
        )?;
    }
    for (part, label) in x.marks() {
        let at = LEFT + part * (WIDTH - LEFT - RIGHT);
        writeln!(
            out,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            HEIGHT - 8.0
        )?;
    }
    Ok(())
}

impl Line {
    fn write(&self, out: &mut String, x: &Axis, y: &Axis) -> std::fmt::Result {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return Ok(());
        };
        let across = |value: f64| LEFT + x.part(value) * (WIDTH - LEFT - RIGHT);
        let up = |value: f64| HEIGHT - BOTTOM - y.part(value) * (HEIGHT - TOP - BOTTOM);
        let mut path = String::new();
        for (i, point) in self.points.iter().enumerate() {
            let step = if i == 0 { 'M' } else { 'L' };
            write!(path, "{step}{:.1} {:.1}", across(point.0), up(point.1))?;
        }
        let (color, name) = (self.color, escape(&self.name));
        let kind = if self.filled {
            let floor = HEIGHT - BOTTOM;
            let (left, right) = (across(first.0), across(last.0));
            write!(path, "L{right:.1} {floor}L{left:.1} {floor}Z")?;
            "area"
        } else {
            "line"
        };
        writeln!(
            out,
            "<path class=\"{kind} c{color}\" d=\"{path}\"><title>{name}</title></path>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Chart, Line, Scale};

    #[test]
    fn marks_are_round_numbers() {
        let labels = |scale, high: f64| -> Vec<String> {
            Axis::new(scale, [high / 100.0, high].into_iter())
                .marks()
                .into_iter()
                .map(|(_, label)| label)
                .collect()
        };
        assert_eq!(
            labels(Scale::Seconds, 60.0),
            ["0s", "10s", "20s", "30s", "40s", "50s", "60s"]
        );
        assert_eq!(labels(Scale::LogNanos, 1e9), ["10ms", "100ms", "1s"]);
        assert_eq!(labels(Scale::Nines, 0.999), ["0%", "90%", "99%", "99.9%"]);
    }

    #[test]
    fn names_are_escaped_and_every_number_is_finite() {
        let line = Line {
            name: "<b>".to_owned(),
            color: 0,
            points: vec![(0.0, 0.0), (1.0, f64::MAX)],
            filled: true,
        };
        let lines = vec![
            line,
            Line {
                name: "none".to_owned(),
                color: 1,
                points: Vec::new(),
                filled: false,
            },
        ];
        let text = Chart {
            title: "t",
            note: "",
            x: Scale::Seconds,
            y: Scale::LogNanos,
            lines,
        }
        .draw();
        assert!(text.contains("&lt;b&gt;") && !text.contains("<b>"));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
