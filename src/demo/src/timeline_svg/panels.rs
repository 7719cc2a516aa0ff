//! The four panels: load, CPU use, pool size, latency.

use figure::{Anchor, Canvas, Scale, number, text_width, thin};

use crate::timeline::{Direction, Sample, Timeline};

/// The place of a panel's plot on the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Frame {
    /// From the bottom to the top, a little inside so that a line at the end is not cut.
    fn vertical(&self) -> (f64, f64) {
        (self.bottom, self.top)
    }
}

/// A legend's sample of ink.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ink {
    Line,
    Fill,
}

/// The width of a legend's sample.
const INK: f64 = 20.0;

/// What each panel draws on.
pub(crate) struct Panel<'a> {
    pub(crate) canvas: &'a mut Canvas,
    pub(crate) frame: Frame,
    /// The baseline of the heading and the legend.
    pub(crate) heading: f64,
    pub(crate) time: &'a Scale,
}

type Points = Vec<(f64, f64)>;

impl Panel<'_> {
    pub(super) fn load(&mut self, run: &Timeline) {
        let rates = run
            .samples
            .iter()
            .map(|sample| sample.asked_rate.max(sample.achieved_rate));
        let scale = Scale::from_zero(rates.fold(1.0, f64::max), self.frame.vertical());
        self.head(
            "a Load",
            &[
                ("asked", "asked", Ink::Line),
                ("achieved", "achieved", Ink::Line),
            ],
        );
        self.axis(&scale, "requests per second", 5);
        self.steps("asked", run, &scale, |sample| sample.asked_rate);
        self.curve("achieved", run, &scale, |sample| Some(sample.achieved_rate));
        self.close();
    }

    pub(super) fn cpu(&mut self, run: &Timeline) {
        let scale = Scale::linear((0.0, 100.0), self.frame.vertical());
        self.head(
            "b CPU use",
            &[
                ("pool average", "average", Ink::Line),
                ("each member", "member", Ink::Line),
                ("alert “up” fires", "alert-up", Ink::Fill),
                ("alert “down” fires", "alert-down", Ink::Fill),
            ],
        );
        for (rule, class) in [(Direction::Up, "alert-up"), (Direction::Down, "alert-down")] {
            for (from, to) in run.firing_spans(rule) {
                let (from, to) = (
                    self.time.at(from.as_secs_f64()),
                    self.time.at(to.as_secs_f64()),
                );
                self.canvas.rect(
                    class,
                    (from, self.frame.top),
                    (to - from, self.frame.bottom - self.frame.top),
                );
            }
        }
        self.axis(&scale, "CPU (%)", 5);
        for name in member_names(run) {
            self.curve("member", run, &scale, |sample| {
                let member = sample.members.iter().find(|member| member.name == name)?;
                member.cpu.map(|cpu| cpu * 100.0)
            });
        }
        let (upper, lower) = (
            run.settings.upper_threshold * 100.0,
            run.settings.lower_threshold * 100.0,
        );
        self.reference(
            "upper",
            &scale,
            upper,
            &format!("scale out over {} %", number(upper)),
        );
        self.reference(
            "lower",
            &scale,
            lower,
            &format!("scale in under {} %", number(lower)),
        );
        self.curve("average", run, &scale, |sample| {
            sample.cpu.map(|cpu| cpu * 100.0)
        });
        self.close();
    }

    pub(super) fn size(&mut self, run: &Timeline) {
        let sizes = run
            .samples
            .iter()
            .map(|sample| sample.desired.max(sample.healthy));
        let greatest = sizes.max().unwrap_or(1).max(run.settings.max_size);
        let scale = Scale::linear((0.0, f64::from(greatest) + 0.4), self.frame.vertical());
        self.head(
            "c Pool size",
            &[
                ("desired", "desired", Ink::Line),
                ("healthy", "healthy", Ink::Fill),
            ],
        );
        self.axis(&scale, "instances", 6);
        let outline = self.staircase(run, &scale, |sample| f64::from(sample.healthy));
        if let (Some(first), Some(last)) = (outline.first(), outline.last()) {
            let (start, end) = ((first.0, self.frame.bottom), (last.0, self.frame.bottom));
            let area = [vec![start], outline.clone(), vec![end]].concat();
            self.canvas.path("healthy", &[area]);
        }
        let (min_size, max_size) = (run.settings.min_size, run.settings.max_size);
        self.reference(
            "bound",
            &scale,
            f64::from(max_size),
            &format!("maximum {max_size}"),
        );
        self.reference(
            "bound",
            &scale,
            f64::from(min_size),
            &format!("minimum {min_size}"),
        );
        self.steps("desired", run, &scale, |sample| f64::from(sample.desired));
        self.close();
    }

    pub(super) fn latency(&mut self, run: &Timeline) {
        let values = || {
            run.samples
                .iter()
                .flat_map(|sample| [sample.p50_ms, sample.p99_ms])
                .flatten()
                .filter(|value| *value > 0.0)
        };
        let (least, greatest) = (
            values().fold(f64::MAX, f64::min),
            values().fold(1.0, f64::max),
        );
        let wide = greatest / least > 8.0;
        let scale = if wide {
            Scale::logarithmic((least / 1.15, greatest * 1.15), self.frame.vertical())
        } else {
            Scale::from_zero(greatest, self.frame.vertical())
        };
        self.head(
            "d Latency",
            &[
                ("median (p50)", "p50", Ink::Line),
                ("99th percentile (p99)", "p99", Ink::Line),
            ],
        );
        self.axis(&scale, if wide { "ms, log scale" } else { "ms" }, 5);
        self.curve("p99", run, &scale, |sample| sample.p99_ms);
        self.curve("p50", run, &scale, |sample| sample.p50_ms);
        self.close();
    }

    /// The heading on the left and the legend on the right of the same line.
    pub(crate) fn head(&mut self, heading: &str, legend: &[(&str, &str, Ink)]) {
        let y = self.heading;
        let (letter, name) = heading.split_once(' ').unwrap_or_default();
        self.canvas
            .text("heading", (self.frame.left, y), Anchor::Start, letter);
        self.canvas
            .text("heading", (self.frame.left + 16.0, y), Anchor::Start, name);
        let mut x = self.frame.right;
        for (name, class, ink) in legend.iter().rev() {
            // The text's width is a guess, so it follows its ink: only the space between entries
            // shows the error.
            x -= text_width(name) + INK + 6.0;
            match ink {
                Ink::Line => self
                    .canvas
                    .path(class, &[vec![(x, y - 4.0), (x + INK, y - 4.0)]]),
                Ink::Fill => self.canvas.rect(class, (x, y - 9.0), (INK, 10.0)),
            }
            self.canvas
                .text("legend", (x + INK + 6.0, y), Anchor::Start, name);
            x -= 14.0;
        }
    }

    /// Grid lines and values on the left, and the axis' title.
    pub(crate) fn axis(&mut self, scale: &Scale, title: &str, ticks: usize) {
        let Frame {
            left,
            right,
            top,
            bottom,
        } = self.frame;
        for value in scale.ticks(ticks) {
            let y = scale.at(value);
            if y > top + 0.5 && y < bottom - 0.5 {
                self.canvas.line("grid", (left, y), (right, y));
            }
            self.canvas.line("mark", (left - 4.0, y), (left, y));
            self.canvas
                .text("tick", (left - 8.0, y + 4.0), Anchor::End, &number(value));
        }
        self.canvas
            .upright_text("axis", (20.0, f64::midpoint(top, bottom)), title);
    }

    /// A level across the plot, named in the right margin.
    fn reference(&mut self, class: &str, scale: &Scale, value: f64, name: &str) {
        let y = scale.at(value);
        self.canvas
            .line(class, (self.frame.left, y), (self.frame.right, y));
        self.canvas.text(
            &format!("note {class}-note"),
            (self.frame.right + 8.0, y + 4.0),
            Anchor::Start,
            name,
        );
    }

    /// A line that breaks where the value is not known.
    pub(crate) fn curve(
        &mut self,
        class: &str,
        run: &Timeline,
        scale: &Scale,
        value: impl Fn(&Sample) -> Option<f64>,
    ) {
        let mut runs: Vec<Points> = vec![Points::new()];
        for sample in &run.samples {
            match value(sample).filter(|value| value.is_finite()) {
                Some(value) => {
                    let point = (self.time.at(sample.at.as_secs_f64()), scale.at(value));
                    runs.last_mut()
                        .expect("there is always a run to extend")
                        .push(point);
                }
                None => runs.push(Points::new()),
            }
        }
        let runs: Vec<Points> = runs.iter().map(|run| thin(run)).collect();
        self.canvas.path(class, &runs);
    }

    pub(crate) fn steps(
        &mut self,
        class: &str,
        run: &Timeline,
        scale: &Scale,
        value: impl Fn(&Sample) -> f64,
    ) {
        let steps = self.staircase(run, scale, value);
        self.canvas.path(class, &[steps]);
    }

    /// A line that holds each value until the next sample; only its corners.
    fn staircase(&self, run: &Timeline, scale: &Scale, value: impl Fn(&Sample) -> f64) -> Points {
        let mut points = Points::new();
        for sample in &run.samples {
            let (x, y) = (
                self.time.at(sample.at.as_secs_f64()),
                scale.at(value(sample)),
            );
            match points.last() {
                Some((_, level)) if (level - y).abs() < 0.01 => {}
                Some((_, level)) => points.extend([(x, *level), (x, y)]),
                None => points.push((x, y)),
            }
        }
        if let (Some(sample), Some((_, level))) = (run.samples.last(), points.last().copied()) {
            points.push((self.time.at(sample.at.as_secs_f64()), level));
        }
        points
    }

    /// The frame, over everything that touches it, with the marks of the time axis.
    pub(crate) fn close(&mut self) {
        let Frame {
            left,
            right,
            top,
            bottom,
        } = self.frame;
        for value in self.time.ticks(10) {
            let x = self.time.at(value);
            self.canvas.line("mark", (x, bottom), (x, bottom + 4.0));
        }
        self.canvas
            .rect("frame", (left, top), (right - left, bottom - top));
    }
}

/// Every member that ever existed, in order of appearance.
fn member_names(run: &Timeline) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for member in run.samples.iter().flat_map(|sample| &sample.members) {
        if !names.contains(&member.name.as_str()) {
            names.push(&member.name);
        }
    }
    names
}
