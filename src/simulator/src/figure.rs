//! One trace as a figure: the load, the members in service and the requests that missed the SLO,
//! ours beside two rivals.

use ::figure::{Anchor, Canvas, Scale, escape, number, text_width, thin};

use crate::{
    clairvoyant::needed,
    competition::{Result, TraceResults},
    contender::Contender,
    measure::{BUCKET, Record},
    settings::WorldSettings,
    time::{Micros, seconds, times},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 822.0;
const TOP: f64 = 64.0;
const HEADING: f64 = 26.0;
const HEIGHT: f64 = 130.0;
const GAP: f64 = 16.0;
const INK: f64 = 20.0;
/// Requests are counted by minutes.
const BUCKETS: usize = 6;
/// The lines of the three policies.
const CLASSES: [&str; 3] = ["ours", "first", "second"];

/// A legend's entry: its text and its class.
type Entry<'a> = (String, &'a str);

/// The figure of a trace, as SVG source; `None` when none of ours took part.
pub fn figure(results: &TraceResults, world: &WorldSettings) -> Option<String> {
    let shown = shown(&results.results)?;
    let end = seconds(results.trace.duration());
    let unit = if end > 4.0 * 3600.0 { 3600.0 } else { 60.0 };
    let mut plot = Plot {
        canvas: Canvas::default(),
        time: Scale::linear((0.0, end), (LEFT, RIGHT)).in_units_of(unit),
        top: TOP,
    };
    let height = TOP + 3.0 * (HEADING + HEIGHT + GAP) + 40.0;
    plot.open(results, &shown, height);
    plot.load(results, world);
    plot.members(&shown);
    plot.misses(&shown);
    plot.time_axis(unit);
    plot.canvas.raw("</svg>");
    Some(plot.canvas.finish())
}

/// The first of ours, and the two rivals that the table's readers ask for first.
fn shown(results: &[Result]) -> Option<Vec<&Result>> {
    let ours = results.iter().find(|result| result.contender.is_ours())?;
    let wanted = [Contender::Hpa(60), Contender::AwsTarget(60)];
    let is_wanted = |result: &&Result| wanted.contains(&result.contender);
    let is_other =
        |result: &&Result| !result.contender.is_ours() && !wanted.contains(&result.contender);
    let rivals = results.iter().filter(is_wanted);
    let rivals = rivals.chain(results.iter().filter(is_other));
    Some([ours].into_iter().chain(rivals.take(2)).collect())
}

struct Plot {
    canvas: Canvas,
    time: Scale,
    /// Where the next panel begins.
    top: f64,
}

impl Plot {
    fn open(&mut self, results: &TraceResults, shown: &[&Result], height: f64) {
        let names: Vec<String> = shown.iter().map(|one| one.contender.to_string()).collect();
        let title = format!("{}: {}", results.trace.name, names.join(", "));
        let of = |result: &&Result| {
            let figures = &result.figures;
            let (cost, missed) = (figures.cost, figures.missed_percent);
            format!("{}: cost {cost:.2}, missed {missed:.2} %", result.contender)
        };
        let subtitle: Vec<String> = shown.iter().map(of).collect();
        let subtitle = subtitle.join(" · ");
        self.canvas.raw(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">"#
        ));
        self.canvas.raw(format_args!(
            r#"<title id="title">{}</title><desc id="description">{}</desc>"#,
            escape(&title),
            escape(&subtitle)
        ));
        self.canvas.raw(format_args!(
            "<style>\n{}</style>",
            include_str!("figure/style.css")
        ));
        self.canvas.raw(format_args!(
            r#"<rect class="paper" x="0.5" y="0.5" width="{}" height="{}" rx="6"/>"#,
            WIDTH - 1.0,
            height - 1.0
        ));
        self.canvas
            .text("title", (LEFT, 32.0), Anchor::Start, &title);
        self.canvas
            .text("subtitle", (LEFT, 50.0), Anchor::Start, &subtitle);
    }

    fn load(&mut self, results: &TraceResults, world: &WorldSettings) {
        let trace = &results.trace;
        let needed = needed(trace, world);
        let most = needed.iter().copied().max().unwrap_or(1);
        let scale = self.panel(
            "a Load",
            "servers",
            f64::from(most),
            &[
                ("offered load".to_owned(), "load"),
                ("members needed".to_owned(), "needed"),
            ],
        );
        let at = |place: usize| times(place, trace.segment);
        let load = trace
            .load
            .iter()
            .enumerate()
            .map(|(place, load)| (at(place), *load));
        let load = self.steps(load, trace.duration(), &scale);
        self.canvas.path("load", &[load]);
        let needed = needed.iter().enumerate();
        let needed = needed.map(|(place, needed)| (at(place), f64::from(*needed)));
        let needed = self.steps(needed, trace.duration(), &scale);
        self.canvas.path("needed", &[needed]);
        self.close();
    }

    fn members(&mut self, shown: &[&Result]) {
        let most = shown.iter().flat_map(|one| &one.record.members);
        let most = most.map(|members| members.serving).max().unwrap_or(1);
        let scale = self.panel(
            "b Members in service",
            "members",
            f64::from(most),
            &legend(shown),
        );
        for (result, class) in shown.iter().zip(CLASSES).rev() {
            let members = result.record.members.iter();
            let members = members.map(|members| (members.at, f64::from(members.serving)));
            let line = self.steps(members, result.record.end, &scale);
            self.canvas.path(class, &[line]);
        }
        self.close();
    }

    fn misses(&mut self, shown: &[&Result]) {
        let scale = self.panel("c Requests that missed the SLO", "%", 100.0, &legend(shown));
        for (result, class) in shown.iter().zip(CLASSES).rev() {
            let line = by_minutes(&result.record);
            let line = line.map(|(at, share)| (self.time.at(seconds(at)), scale.at(share)));
            self.canvas.path(class, &[thin(&line.collect::<Vec<_>>())]);
        }
        self.close();
    }

    /// Begins a panel: its heading, legend and vertical axis.
    fn panel(&mut self, heading: &str, unit: &str, most: f64, legend: &[Entry<'_>]) -> Scale {
        let (letter, name) = heading.split_once(' ').unwrap_or_default();
        let y = self.top + HEADING - 9.0;
        self.canvas
            .text("heading", (LEFT, y), Anchor::Start, letter);
        self.canvas
            .text("heading", (LEFT + 16.0, y), Anchor::Start, name);
        let mut x = RIGHT;
        for (text, class) in legend.iter().rev() {
            x -= text_width(text) + INK + 6.0;
            self.canvas
                .path(class, &[vec![(x, y - 4.0), (x + INK, y - 4.0)]]);
            self.canvas
                .text("legend", (x + INK + 6.0, y), Anchor::Start, text);
            x -= 14.0;
        }
        let (top, bottom) = (self.top + HEADING, self.top + HEADING + HEIGHT);
        let scale = Scale::from_zero(most, (bottom, top));
        for value in scale.ticks(5) {
            let y = scale.at(value);
            if y > top + 0.5 && y < bottom - 0.5 {
                self.canvas.line("grid", (LEFT, y), (RIGHT, y));
            }
            self.canvas.line("mark", (LEFT - 4.0, y), (LEFT, y));
            self.canvas
                .text("tick", (LEFT - 8.0, y + 4.0), Anchor::End, &number(value));
        }
        self.canvas
            .upright_text("axis", (20.0, f64::midpoint(top, bottom)), unit);
        scale
    }

    /// Ends a panel: its frame, over all that touches it.
    fn close(&mut self) {
        let top = self.top + HEADING;
        for value in self.time.ticks(12) {
            let x = self.time.at(value);
            self.canvas
                .line("mark", (x, top + HEIGHT), (x, top + HEIGHT + 4.0));
        }
        self.canvas
            .rect("frame", (LEFT, top), (RIGHT - LEFT, HEIGHT));
        self.top = top + HEIGHT + GAP;
    }

    fn time_axis(&mut self, unit: f64) {
        let bottom = self.top - GAP;
        for value in self.time.ticks(12) {
            let x = self.time.at(value);
            self.canvas.text(
                "tick",
                (x, bottom + 17.0),
                Anchor::Middle,
                &number(value / unit),
            );
        }
        let name = if unit > 60.0 { "h" } else { "min" };
        let title = format!("time since the start ({name})");
        let middle = f64::midpoint(LEFT, RIGHT);
        self.canvas
            .text("axis", (middle, bottom + 36.0), Anchor::Middle, &title);
    }

    /// A line that holds each value until the next.
    fn steps(
        &self,
        values: impl Iterator<Item = (Micros, f64)>,
        end: Micros,
        scale: &Scale,
    ) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (at, value) in values {
            let (x, y) = (self.time.at(seconds(at)), scale.at(value));
            if let Some((_, level)) = points.last().copied() {
                points.push((x, level));
            }
            points.push((x, y));
        }
        if let Some((_, level)) = points.last().copied() {
            points.push((self.time.at(seconds(end)), level));
        }
        thin(&points)
    }
}

fn legend(shown: &[&Result]) -> Vec<Entry<'static>> {
    let names = shown.iter().map(|result| result.contender.to_string());
    names.zip(CLASSES).collect()
}

/// Percent of each minute's requests that missed, in the middle of the minute.
fn by_minutes(record: &Record) -> impl Iterator<Item = (Micros, f64)> + '_ {
    let minutes = record.buckets.chunks(BUCKETS).enumerate();
    minutes.filter_map(|(place, minute)| {
        let offered: u32 = minute.iter().map(|bucket| bucket.offered).sum();
        let missed: u32 = minute.iter().map(|bucket| bucket.missed).sum();
        let length = times(BUCKETS, BUCKET);
        let middle = times(place, length) + length / 2;
        (offered > 0).then(|| (middle, 100.0 * f64::from(missed) / f64::from(offered)))
    })
}
