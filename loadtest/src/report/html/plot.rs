//! Line charts and stacked areas as HTML with SVG. They know nothing of runs.

use std::fmt::Write as _;

use super::{
    axis::{Axis, Scale},
    escape,
};

/// Both sides of a plot, in the units of its SVG, which is stretched to its place on the page.
const SIDE: f64 = 1000.0;
/// Lines can be told apart by these alone.
pub(super) const STROKES: [&str; 6] = ["bold", "dashes", "dots", "dashdot", "long", ""];
/// Colours that can be told apart, on light and dark ground: variables in `page.css`.
pub(super) const COLORS: usize = 8;
/// A part of a stack that is nowhere as high as this part of the plot has no room for its number.
const ROOM: f64 = 0.07;

/// What several charts have in common: their places from left to right.
#[derive(Clone, Debug)]
pub(super) struct Across {
    pub(super) axis: Axis,
    /// The values at these places.
    pub(super) at: Vec<f64>,
    /// Places of thin lines from top to bottom.
    pub(super) borders: Vec<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) color: usize,
    /// How it is stroked, beside its colour.
    pub(super) stroke: &'static str,
    /// A value for each place; none makes a gap.
    pub(super) points: Vec<Option<f64>>,
    /// How each value is shown to readers.
    pub(super) shown: Vec<String>,
}

/// A chart with its legend.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) y: Scale,
    pub(super) stacked: bool,
    pub(super) lines: Vec<Line>,
}

impl Chart {
    /// Writes the chart. Its lines are numbered from `first`, by which the script finds them.
    pub(super) fn write(
        &self,
        out: &mut String,
        across: &Across,
        first: usize,
    ) -> std::fmt::Result {
        writeln!(
            out,
            "<figure>\n<figcaption><h2>{}</h2><p>{}</p></figcaption>",
            escape(self.title),
            escape(self.note)
        )?;
        self.write_legend(out, first)?;
        let sums = self.sums(across.at.len());
        let drawn = if self.stacked { &sums } else { &self.lines };
        let values = drawn.iter().flat_map(|line| &line.points);
        let up = Axis::new(self.y, values.flatten().copied());
        writeln!(
            out,
            "<div class=\"plot\">\n<svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
            escape(self.title)
        )?;
        let flat = |part: f64| (1.0 - part) * SIDE;
        for (part, _) in up.marks() {
            writeln!(
                out,
                "<path class=\"grid\" d=\"M0 {:.1}H{SIDE}\"/>",
                flat(part)
            )?;
        }
        for border in &across.borders {
            let at = across.axis.part(*border) * SIDE;
            writeln!(out, "<path class=\"stage\" d=\"M{at:.1} 0V{SIDE}\"/>")?;
        }
        for (place, line) in self.lines.iter().enumerate() {
            let below = place.checked_sub(1).map(|place| &sums[place]);
            let path = if self.stacked {
                area(across, &up, &sums[place], below)
            } else {
                stroke(across, &up, line)
            };
            let kind = if self.stacked { "area" } else { "stroke" };
            writeln!(
                out,
                "<path data-line=\"{}\" class=\"{kind} {}\" style=\"--c:var(--c{})\" d=\"{path}\"/>",
                first + place,
                line.stroke,
                line.color
            )?;
        }
        writeln!(out, "</svg>")?;
        for (part, label) in up.marks() {
            writeln!(
                out,
                "<span class=\"y\" style=\"bottom:{:.2}%\">{label}</span>",
                part * 100.0
            )?;
        }
        for (part, label) in across.axis.marks() {
            writeln!(
                out,
                "<span class=\"x\" style=\"left:{:.2}%\">{label}</span>",
                part * 100.0
            )?;
        }
        if self.stacked {
            self.write_tags(out, across, &up, &sums, first)?;
        }
        writeln!(out, "<i class=\"cross\" hidden></i>\n</div>\n</figure>")
    }

    fn write_legend(&self, out: &mut String, first: usize) -> std::fmt::Result {
        writeln!(
            out,
            "<div class=\"legend\" role=\"group\" aria-label=\"{}: lines shown\">",
            escape(self.title)
        )?;
        // The top of a stack is the top of its legend.
        let mut places: Vec<usize> = (0..self.lines.len()).collect();
        if self.stacked {
            places.reverse();
        }
        for place in places {
            let line = &self.lines[place];
            let (sample, number) = if self.stacked {
                let sample = "<path class=\"area\" d=\"M0 0H30V12H0Z\"/>".to_owned();
                (sample, format!("{} ", place + 1))
            } else {
                let sample = format!("<path class=\"stroke {}\" d=\"M4 6H26\"/>", line.stroke);
                (sample, String::new())
            };
            writeln!(
                out,
                "<button type=\"button\" aria-pressed=\"true\" data-line=\"{}\"><svg viewBox=\"0 0 30 12\" style=\"--c:var(--c{})\" aria-hidden=\"true\">{sample}</svg><bdi>{number}{}</bdi> <span class=\"value\"></span></button>",
                first + place,
                line.color,
                escape(&line.name)
            )?;
        }
        writeln!(out, "</div>")
    }

    /// Each line on top of those before it.
    fn sums(&self, places: usize) -> Vec<Line> {
        let mut sum = vec![0.0; places];
        let on_top = |line: &Line| {
            for (sum, value) in sum.iter_mut().zip(&line.points) {
                *sum += value.unwrap_or(0.0);
            }
            Line {
                points: sum.iter().copied().map(Some).collect(),
                ..line.clone()
            }
        };
        self.lines.iter().map(on_top).collect()
    }

    /// Writes each part's number where the part is highest.
    fn write_tags(
        &self,
        out: &mut String,
        across: &Across,
        up: &Axis,
        sums: &[Line],
        first: usize,
    ) -> std::fmt::Result {
        for place in 0..self.lines.len() {
            let top = |at: usize| up.part(sums[place].points[at].unwrap_or(0.0));
            let floor = |at: usize| {
                let below = place
                    .checked_sub(1)
                    .and_then(|below| sums[below].points[at]);
                up.part(below.unwrap_or(0.0))
            };
            // With its neighbours, so that it stands in no peak.
            let height = |at: usize| {
                let near = at.saturating_sub(1)..=(at + 1).min(across.at.len() - 1);
                near.map(|at| top(at) - floor(at)).fold(1.0, f64::min)
            };
            // Of places as high as the highest, the middle one.
            let highest = (0..across.at.len()).map(height).fold(0.0, f64::max);
            let places: Vec<usize> = (0..across.at.len())
                .filter(|at| height(*at) > highest * 0.9)
                .collect();
            let Some(at) = places.get(places.len() / 2).filter(|_| highest >= ROOM) else {
                continue;
            };
            writeln!(
                out,
                "<span class=\"tag\" data-line=\"{}\" style=\"left:{:.2}%;bottom:{:.2}%\">{}</span>",
                first + place,
                across.axis.part(across.at[*at]) * 100.0,
                f64::midpoint(top(*at), floor(*at)) * 100.0,
                place + 1
            )?;
        }
        Ok(())
    }
}

fn stroke(across: &Across, up: &Axis, line: &Line) -> String {
    let mut path = String::new();
    let points: Vec<_> = across.at.iter().zip(&line.points).collect();
    for run in points.split(|(_, value)| value.is_none()) {
        for (place, (at, value)) in run.iter().enumerate() {
            let step = if place == 0 { 'M' } else { 'L' };
            let (x, y) = point(across, up, **at, value.unwrap_or(0.0));
            // Writing to a String cannot fail, here and below.
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        if run.len() == 1 {
            // A line of no length, whose round ends show.
            path.push_str("h0");
        }
    }
    path
}

fn area(across: &Across, up: &Axis, top: &Line, below: Option<&Line>) -> String {
    let floor = |place: usize| below.and_then(|line| line.points[place]).unwrap_or(0.0);
    let over = across.at.iter().zip(&top.points);
    let over = over.map(|(at, value)| point(across, up, *at, value.unwrap_or(0.0)));
    let under = across.at.iter().enumerate().rev();
    let under = under.map(|(place, at)| point(across, up, *at, floor(place)));
    let mut path = String::new();
    for (place, (x, y)) in over.chain(under).enumerate() {
        let step = if place == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{step}{x:.1} {y:.1}");
    }
    path + "Z"
}

fn point(across: &Across, up: &Axis, at: f64, value: f64) -> (f64, f64) {
    let flat = (1.0 - up.part(value)) * SIDE;
    (across.axis.part(at) * SIDE, flat)
}

#[cfg(test)]
mod tests {
    use super::{Across, Axis, Chart, Line, Scale};

    fn line(name: &str, points: &[Option<f64>]) -> Line {
        Line {
            name: name.to_owned(),
            color: 0,
            stroke: "",
            points: points.to_vec(),
            shown: Vec::new(),
        }
    }

    fn draw(stacked: bool, lines: Vec<Line>) -> String {
        let across = Across {
            axis: Axis::new(Scale::Seconds, [0.0, 2.0].into_iter()),
            at: vec![0.0, 1.0, 2.0],
            borders: Vec::new(),
        };
        let chart = Chart {
            title: "t",
            note: "",
            y: Scale::Linear,
            stacked,
            lines,
        };
        let mut out = String::new();
        chart.write(&mut out, &across, 7).expect("written");
        out
    }

    #[test]
    fn names_are_escaped_and_every_number_is_finite() {
        let lines = vec![
            line("<b>", &[Some(0.0), None, Some(f64::MAX)]),
            line("none", &[None, None, None]),
        ];
        for stacked in [true, false] {
            let text = draw(stacked, lines.clone());
            assert!(text.contains("&lt;b&gt;") && !text.contains("<b>"));
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn a_gap_breaks_the_line_and_a_lone_point_is_seen() {
        let text = draw(false, vec![line("a", &[Some(5.0), None, Some(10.0)])]);
        assert!(text.contains("d=\"M0.0 500.0h0M1000.0 0.0h0\""), "{text}");
    }

    #[test]
    fn parts_of_a_stack_stand_on_each_other_and_have_numbers() {
        let text = draw(
            true,
            vec![
                line("a", &[Some(5.0), Some(5.0), Some(5.0)]),
                line("b", &[Some(5.0), Some(5.0), Some(0.0)]),
                line("c", &[Some(0.0), Some(0.0), Some(5.0)]),
            ],
        );
        assert!(
            text.contains(
                "d=\"M0.0 500.0L500.0 500.0L1000.0 500.0L1000.0 1000.0L500.0 1000.0L0.0 1000.0Z\""
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "d=\"M0.0 0.0L500.0 0.0L1000.0 500.0L1000.0 500.0L500.0 500.0L0.0 500.0Z\""
            ),
            "{text}"
        );
        assert!(
            text.contains("left:0.00%;bottom:75.00%\">2</span>"),
            "{text}"
        );
        assert!(!text.contains("\">3</span>"), "a peak has no room: {text}");
    }
}
