//! What is drawn of a run.

use std::{collections::BTreeSet, sync::Arc};

use hdrhistogram::Histogram;

use super::{
    axis::{Axis, Scale, seconds},
    plot::{Across, COLORS, Chart, Line, STROKES},
};
use crate::{
    record::{Failure, Latency, Point, Summary},
    text::show_nanos,
};

/// Backends drawn one by one; further ones are drawn together.
const MAX_BACKENDS: usize = 7;
/// Stages whose borders are drawn: those of a trace would cover everything.
const MAX_BORDERS: usize = 30;
/// Places on the axis of percentiles for each nine.
const PLACES_A_NINE: i32 = 10;

/// Charts over one axis.
pub(super) struct Group {
    /// The name by which the script finds the axis.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What the slider moves along.
    pub(super) moved: &'static str,
    pub(super) across: Across,
    /// What each place is called.
    pub(super) labels: Vec<String>,
    pub(super) charts: Vec<Chart>,
}

pub(super) fn groups(summary: &Summary) -> [Group; 2] {
    [over_time(summary), spectrum(summary)]
}

fn over_time(summary: &Summary) -> Group {
    // A last sliver of a tick would show as a wild rate.
    let points: Vec<&Point> = summary
        .series
        .iter()
        .filter(|point| point.seconds > 0.02)
        .collect();
    let ends = points.iter().map(|point| point.start + point.seconds);
    let borders = summary.stages.iter().skip(1).map(|stage| stage.start);
    let charts = [
        Some(rate(&points)),
        Some(latency(&points)),
        failures(&points),
        backends(summary, &points),
        Some(waiting(&points)),
    ];
    Group {
        name: "time",
        title: "Over time",
        moved: "Time",
        across: Across {
            axis: Axis::new(Scale::Seconds, ends),
            at: points
                .iter()
                .map(|point| point.start + point.seconds / 2.0)
                .collect(),
            borders: if summary.stages.len() <= MAX_BORDERS {
                borders.collect()
            } else {
                Vec::new()
            },
        },
        labels: points.iter().map(|point| moment(point)).collect(),
        charts: charts.into_iter().flatten().collect(),
    }
}

/// Names a part of the run.
fn moment(point: &Point) -> String {
    format!(
        "{} to {}",
        seconds(point.start),
        seconds(point.start + point.seconds)
    )
}

type Shown = fn(f64) -> String;

fn line(
    name: &str,
    color: usize,
    stroke: &'static str,
    shown: Shown,
    points: Vec<Option<f64>>,
) -> Line {
    let none = || "–".to_owned();
    Line {
        name: name.to_owned(),
        color,
        stroke,
        shown: points
            .iter()
            .map(|value| value.map_or_else(none, shown))
            .collect(),
        points,
    }
}

fn per_second(points: &[&Point], count: impl Fn(&Point) -> f64) -> Vec<Option<f64>> {
    points
        .iter()
        .map(|point| Some(count(point) / point.seconds))
        .collect()
}

fn show_rate(rate: f64) -> String {
    format!("{rate:.1}/s")
}

fn show_count(count: f64) -> String {
    format!("{count:.0}")
}

fn show_time(nanos: f64) -> String {
    show_nanos(nanos as u64)
}

/// Each line is narrower than the one that it covers: all three show where they are the same.
fn rate(points: &[&Point]) -> Chart {
    let asked = per_second(points, |point| point.asked);
    let started = per_second(points, |point| point.started as f64);
    let ok = per_second(points, |point| point.ok as f64);
    let mut lines = vec![
        line("target", 7, "band", show_rate, asked),
        line("sent", 0, "", show_rate, started),
        line("succeeded", 2, "beads", show_rate, ok),
    ];
    // A closed loop has no target.
    if points.iter().all(|point| point.asked <= 0.0) {
        lines.remove(0);
    }
    Chart {
        title: "Rate",
        note: "Requests per second: asked for by the profile, sent, and succeeded (a status below 400).",
        y: Scale::Linear,
        stacked: false,
        lines,
    }
}

fn latency(points: &[&Point]) -> Chart {
    type Read = fn(&Latency) -> u64;
    let quantiles: [(&str, usize, &str, Read); 5] = [
        ("max", 7, "dots", |latency| latency.max),
        ("p99.9", 3, "dashdot", |latency| latency.p999),
        ("p99", 1, "dashes", |latency| latency.p99),
        ("p90", 2, "long", |latency| latency.p90),
        ("p50", 0, "bold", |latency| latency.p50),
    ];
    let lines = quantiles.map(|(name, color, stroke, read)| {
        let value =
            |point: &&Point| (point.response.count > 0).then(|| read(&point.response) as f64);
        let values = points.iter().map(value).collect();
        line(name, color, stroke, show_time, values)
    });
    Chart {
        title: "Response time",
        note: "Percentiles of each interval, from the intended start, of successful responses and timeouts.",
        y: Scale::LogNanos,
        stacked: false,
        lines: lines.into(),
    }
}

fn failures(points: &[&Point]) -> Option<Chart> {
    let kinds: BTreeSet<Failure> = points
        .iter()
        .flat_map(|point| point.failures.keys().copied())
        .collect();
    let of_kind = |(place, kind): (usize, &Failure)| {
        let rates = per_second(points, |point| {
            point.failures.get(kind).copied().unwrap_or(0) as f64
        });
        // Vermilion first.
        let color = (place + 1) % (COLORS - 1);
        let stroke = STROKES[place % STROKES.len()];
        line(&kind.to_string(), color, stroke, show_rate, rates)
    };
    (!kinds.is_empty()).then(|| Chart {
        title: "Failures",
        note: "Failed requests per second, by kind.",
        y: Scale::Linear,
        stacked: false,
        lines: kinds.iter().enumerate().map(of_kind).collect(),
    })
}

fn backends(summary: &Summary, points: &[&Point]) -> Option<Chart> {
    let mut names = summary.backends.iter().map(|backend| &backend.name);
    if names.clone().all(|name| &**name == "-") {
        return None;
    }
    let of = |names: &[&Arc<str>]| {
        per_second(points, |point| {
            let answers = names.iter().filter_map(|name| point.backends.get(*name));
            answers.sum::<u64>() as f64
        })
    };
    let shown: Vec<&Arc<str>> = names.by_ref().take(MAX_BACKENDS).collect();
    let rest: Vec<&Arc<str>> = names.collect();
    let mut lines: Vec<Line> = shown
        .into_iter()
        .enumerate()
        .map(|(place, name)| line(name, place, "", show_rate, of(&[name])))
        .collect();
    if !rest.is_empty() {
        let name = format!("others ({})", rest.len());
        lines.push(line(&name, COLORS - 1, "", show_rate, of(&rest)));
    }
    Some(Chart {
        title: "Responses by backend",
        note: "Responses per second, stacked; a new area is a new backend.",
        y: Scale::Linear,
        stacked: true,
        lines,
    })
}

fn waiting(points: &[&Point]) -> Chart {
    let level = |read: fn(&Point) -> u64| -> Vec<Option<f64>> {
        points
            .iter()
            .map(|point| Some(read(point) as f64))
            .collect()
    };
    Chart {
        title: "Waiting",
        note: "At each interval's end: requests in flight, requests overdue because every connection was busy, open connections.",
        y: Scale::Linear,
        stacked: false,
        lines: vec![
            line(
                "connections",
                7,
                "long",
                show_count,
                level(|point| point.gauges.connections),
            ),
            line(
                "in flight",
                0,
                "",
                show_count,
                level(|point| point.gauges.in_flight),
            ),
            line(
                "overdue",
                1,
                "dots",
                show_count,
                level(|point| point.gauges.backlog),
            ),
        ],
    }
}

fn spectrum(summary: &Summary) -> Group {
    let histograms = &summary.histograms;
    let known = [
        ("response time", 0, "bold", &histograms.response),
        ("service time", 2, "dashes", &histograms.service),
        ("send lag", 1, "dots", &histograms.waits.send_lag),
    ];
    let requests = known.iter().map(|(.., histogram)| histogram.len()).max();
    // The last request has the quantile 1, which is infinitely many nines away.
    let nines = (requests.unwrap_or(0).max(1) as f64 * 2.0).log10().min(7.0);
    let last = (nines * f64::from(PLACES_A_NINE)).floor() as i32;
    let places = if requests > Some(0) { last + 1 } else { 0 };
    let at: Vec<f64> = (0..places)
        .map(|place| 1.0 - 10_f64.powf(-f64::from(place) / f64::from(PLACES_A_NINE)))
        .collect();
    let lines = known.map(|(name, color, stroke, histogram)| {
        let values = at.iter().map(|quantile| value_at(histogram, *quantile));
        line(name, color, stroke, show_time, values.collect())
    });
    Group {
        name: "nines",
        title: "Over all requests",
        moved: "Percentile",
        labels: at.iter().map(|quantile| percent(*quantile)).collect(),
        across: Across {
            axis: Axis::new(Scale::Nines, at.iter().copied()),
            at,
            borders: Vec::new(),
        },
        charts: vec![Chart {
            title: "Percentiles",
            note: "The part of the requests that took no longer, over the whole run.",
            y: Scale::LogNanos,
            stacked: false,
            lines: lines.into(),
        }],
    }
}

fn value_at(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    let value = histogram.value_at_quantile(quantile).min(histogram.max());
    (!histogram.is_empty()).then_some(value as f64)
}

/// As many digits as tell neighbours apart.
fn percent(quantile: f64) -> String {
    let digits = (-(1.0 - quantile).log10()).floor().max(0.0) as usize;
    format!("{:.digits$} %", quantile * 100.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COLORS, groups};
    use crate::record::{BackendSummary, Failure, Latency, Point, Summary, record};

    #[test]
    fn lines_are_told_apart_without_their_colours() {
        let mut summary = Summary::default();
        record(&mut summary.histograms.response, 1_000_000);
        summary.series = vec![Point {
            seconds: 1.0,
            asked: 1.0,
            failures: Failure::ALL.map(|kind| (kind, 1)).into(),
            ..Point::default()
        }];
        for number in 0..20 {
            summary.backends.push(BackendSummary {
                name: format!("i-{number}").into(),
                answers: 1,
                ok: 1,
                response: Latency::default(),
                service: Latency::default(),
                first_seen: 0.0,
                last_seen: 1.0,
            });
        }
        let groups = groups(&summary);
        assert_eq!(
            groups.iter().map(|group| group.charts.len()).sum::<usize>(),
            6
        );
        for chart in groups.iter().flat_map(|group| &group.charts) {
            let looks: BTreeSet<_> = chart
                .lines
                .iter()
                .map(|line| (line.stroke, line.color))
                .collect();
            assert_eq!(looks.len(), chart.lines.len(), "{}", chart.title);
            assert!(chart.lines.iter().all(|line| line.color < COLORS));
            let strokes: BTreeSet<_> = chart.lines.iter().map(|line| line.stroke).collect();
            // The parts of a stack have numbers; more kinds of failure than strokes are rare.
            if !chart.stacked && chart.title != "Failures" {
                assert_eq!(strokes.len(), chart.lines.len(), "{}", chart.title);
            }
        }
    }
}
