//! The report as a single page with plots: no script, nothing fetched.

use std::{fmt::Write as _, sync::Arc};

use super::{
    svg::{Chart, Line, Scale, escape},
    table,
};
use crate::{
    record::{Latency, Point, Summary},
    threshold::Verdict,
};

/// Colours that can be told apart, also on dark ground.
const PALETTE: [&str; 10] = [
    "#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#14b8a6", "#ec4899", "#84cc16",
    "#6366f1", "#a16207",
];

/// Backends drawn one by one; further ones are drawn together.
const MAX_BACKENDS: usize = 9;

pub fn html(summary: &Summary, verdicts: &[Verdict]) -> String {
    let target = escape(summary.plan.get("target").map_or("", String::as_str));
    let mut style = String::from(include_str!("page.css"));
    for (i, color) in PALETTE.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            style,
            ".line.c{i}{{stroke:{color}}}.area.c{i},i.c{i}{{fill:{color};background:{color}}}"
        );
    }
    let charts = [
        rate(summary),
        latency(summary),
        spectrum(summary),
        backends(summary),
        trouble(summary),
    ];
    let drawn: Vec<String> = charts.iter().map(Chart::draw).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>loadtest: {target}</title>\n<style>\n{style}</style>\n<h1>loadtest: {target}</h1>\n<pre>{}</pre>\n{}</html>\n",
        escape(&table(summary, verdicts)),
        drawn.concat(),
    )
}

fn over_time(summary: &Summary, name: &str, color: usize, value: impl Fn(&Point) -> f64) -> Line {
    // A last sliver of a tick would show as a wild rate.
    let points = summary.series.iter().filter(|point| point.seconds > 0.02);
    let points = points
        .map(|point| (point.start + point.seconds, value(point)))
        .collect();
    Line {
        name: name.to_owned(),
        color,
        points,
        filled: false,
    }
}

fn rate(summary: &Summary) -> Chart {
    let per_second = |count: f64, point: &Point| count / point.seconds;
    Chart {
        title: "Rate",
        note: "Requests per second: the target of the profile, sent, and succeeded (a status below 400).",
        x: Scale::Seconds,
        y: Scale::Linear,
        lines: vec![
            over_time(summary, "target", 1, |point| per_second(point.asked, point)),
            over_time(summary, "sent", 0, |point| {
                per_second(point.started as f64, point)
            }),
            over_time(summary, "succeeded", 2, |point| {
                per_second(point.ok as f64, point)
            }),
        ],
    }
}

fn latency(summary: &Summary) -> Chart {
    type Read = fn(&Latency) -> u64;
    let quantiles: [(&str, Read); 5] = [
        ("max", |latency| latency.max),
        ("p99.9", |latency| latency.p999),
        ("p99", |latency| latency.p99),
        ("p90", |latency| latency.p90),
        ("p50", |latency| latency.p50),
    ];
    let lines = quantiles.into_iter().enumerate().map(|(i, (name, value))| {
        let mut line = over_time(summary, name, [9, 3, 1, 5, 0][i], |point| {
            value(&point.response) as f64
        });
        line.points.retain(|point| point.1 > 0.0);
        line
    });
    Chart {
        title: "Response time",
        note: "Percentiles of each interval, from the intended start, of successful responses and timeouts.",
        x: Scale::Seconds,
        y: Scale::LogNanos,
        lines: lines.collect(),
    }
}

fn spectrum(summary: &Summary) -> Chart {
    let lines = [
        ("response time", 0, &summary.histograms.response),
        ("service time", 2, &summary.histograms.service),
        ("send lag", 1, &summary.histograms.waits.send_lag),
    ];
    let lines = lines.into_iter().map(|(name, color, histogram)| {
        let values = histogram.iter_quantiles(5).map(|value| {
            let nanos = value.value_iterated_to().min(histogram.max());
            (value.quantile_iterated_to(), nanos as f64)
        });
        // The last value has the quantile 1, which is infinitely many nines away.
        let shown = 1.0 - 1.0 / (histogram.len().max(1) as f64 * 2.0);
        let points = values
            .map(|(quantile, nanos)| (quantile.min(shown), nanos))
            .collect();
        Line {
            name: name.to_owned(),
            color,
            points,
            filled: false,
        }
    });
    Chart {
        title: "Percentiles",
        note: "The part of the requests that took no longer, over the whole run.",
        x: Scale::Nines,
        y: Scale::LogNanos,
        lines: lines.collect(),
    }
}

/// Areas on top of each other: drawn from the sum of all down to the first alone.
fn backends(summary: &Summary) -> Chart {
    let names: Vec<Arc<str>> = summary
        .backends
        .iter()
        .map(|backend| Arc::clone(&backend.name))
        .collect();
    let shown = names.len().min(MAX_BACKENDS);
    let mut lines = Vec::new();
    if names.len() > shown {
        let mut rest = over_time(summary, "others", PALETTE.len() - 1, |point| {
            point.backends.values().sum::<u64>() as f64 / point.seconds
        });
        rest.filled = true;
        lines.push(rest);
    }
    for last in (0..shown).rev() {
        let below = &names[..=last];
        let mut line = over_time(summary, &names[last], last, |point| {
            let answers = below
                .iter()
                .filter_map(|name| point.backends.get(name))
                .sum::<u64>();
            answers as f64 / point.seconds
        });
        line.filled = true;
        lines.push(line);
    }
    Chart {
        title: "Responses by backend",
        note: "Responses per second, stacked; a new area is a new backend.",
        x: Scale::Seconds,
        y: Scale::Linear,
        lines,
    }
}

fn trouble(summary: &Summary) -> Chart {
    Chart {
        title: "Waiting and failing",
        note: "Requests in flight, requests overdue because every connection was busy, and failures per second.",
        x: Scale::Seconds,
        y: Scale::Linear,
        lines: vec![
            over_time(summary, "in flight", 0, |point| {
                point.gauges.in_flight as f64
            }),
            over_time(summary, "overdue", 1, |point| point.gauges.backlog as f64),
            over_time(summary, "failures per second", 3, |point| {
                point.failures.values().sum::<u64>() as f64 / point.seconds
            }),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::record::{Point, Summary, record};

    #[test]
    fn the_page_stands_alone() {
        let mut summary = Summary::default();
        summary
            .plan
            .insert("target".to_owned(), "http://h/<x>".to_owned());
        record(&mut summary.histograms.response, 1_000_000);
        for second in 0..10 {
            let point = Point {
                start: f64::from(second),
                seconds: 1.0,
                asked: 5.0,
                started: 5,
                ..Point::default()
            };
            summary.series.push(point);
        }
        let page = html(&summary, &[]);
        assert!(page.contains("http://h/&lt;x&gt;"));
        assert_eq!(page.matches("<svg").count(), 5);
        for outside in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(!page.contains("NaN"));
    }
}
