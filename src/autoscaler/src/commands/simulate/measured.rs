//! A load as it was measured: from Prometheus over its HTTP API, or from a file that it or Grafana
//! exported. Unlike a file of requests it is not scaled: its values are busy members.

use std::{fmt::Write as _, time::Duration};

use anyhow::anyhow;
use jiff::{Timestamp, civil::DateTime, tz::Offset};
use program::error_chain::with_causes;
use reqwest::Url;
use serde_json::Value;
use simulator::{Outcome, Trace};

use super::Options;
use crate::{
    commands::{http::Http, prometheus_api::ask},
    failure::Usage,
};

/// The load in members that are busy all the time: as the rules record it, or as node exporters
/// tell it.
pub(super) const QUERY: &str = "sum(instance:node_cpu_utilisation:rate1m) or \
     sum(1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[2m])))";
/// The members that were measured.
const MEMBERS: &str = "count(instance:node_cpu_utilisation:rate1m) or \
     count(avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[2m])))";

const MINUTE: i64 = 60;
/// As many points as Prometheus answers at once, and no more.
const AT_ONCE: i64 = 10_000;
/// Prometheus may read a week from disk for it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
const MOST_MINUTES: usize = 100_000;
/// A point that is missing for longer is told of.
const GAP: i64 = 5 * MINUTE;
/// More members than any pool has; so a file of something else is found.
const MOST_BUSY: f64 = 10_000.0;

/// A load, and what it cost.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) trace: Trace,
    /// Hours of all members that ran.
    ran: Option<f64>,
}

/// Seconds since 1970, and a value.
type Point = (i64, f64);

/// What `--from` names, if it is given.
pub(super) fn read(options: &Options) -> anyhow::Result<Option<Measured>> {
    let Some(from) = &options.from else {
        return Ok(None);
    };
    let is_url = from.starts_with("http://") || from.starts_with("https://");
    let (name, points, members) = if is_url {
        let url = from.parse::<Url>();
        let url = url.map_err(|_| Usage(format!("--from: `{from}` is no URL")))?;
        let http = Http::new(ANSWERED_WITHIN, None)?;
        actix_rt::System::new().block_on(async {
            let points = series(&http, &url, &options.query, options.last).await;
            let points = points.map_err(|why| anyhow!("cannot ask {url} (--from): {why}"))?;
            // Only the comparison with what ran needs it.
            let members = series(&http, &url, MEMBERS, options.last).await;
            Ok::<_, anyhow::Error>(("prometheus".to_owned(), points, members.unwrap_or_default()))
        })?
    } else {
        let (name, points) = file(from)?;
        (name, points, Vec::new())
    };
    let minutes = by_the_minute(&points).map_err(|why| Usage(format!("--from: {why}")))?;
    tell(&points, &minutes);
    let ran = by_the_minute(&members).ok();
    let ran = ran.filter(|ran| ran.len() * 10 >= minutes.len() * 9);
    Ok(Some(Measured {
        trace: Trace::of_minutes(&name, minutes),
        ran: ran.map(|ran| ran.iter().sum::<f64>() / 60.0),
    }))
}

/// A series of one value each minute, in parts that Prometheus answers.
async fn series(
    http: &Http,
    base: &Url,
    query: &str,
    last: Duration,
) -> Result<Vec<Point>, String> {
    let end = Timestamp::now().as_second();
    let mut start = end - last.as_secs().cast_signed() / MINUTE * MINUTE;
    let mut points = Vec::new();
    while start <= end {
        let until = end.min(start + (AT_ONCE - 1) * MINUTE);
        let (from, to) = (start.to_string(), until.to_string());
        let range = [
            ("query", query),
            ("start", &from),
            ("end", &to),
            ("step", "60"),
        ];
        let data = ask(http, base, "query_range", &range).await?;
        let found = data["result"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if found.len() > 1 {
            let count = found.len();
            return Err(format!(
                "the query gives {count} series; let it give one, as sum() does"
            ));
        }
        let values = found.first().and_then(|one| one["values"].as_array());
        points.extend(values.into_iter().flatten().filter_map(point));
        start = until + MINUTE;
    }
    Ok(points)
}

fn point(pair: &Value) -> Option<Point> {
    let at = pair[0].as_f64()?;
    let value = pair[1].as_str()?.parse::<f64>().ok()?;
    is_load(value).then_some((at as i64, value))
}

fn is_load(value: f64) -> bool {
    (0.0..=MOST_BUSY).contains(&value)
}

fn file(path: &str) -> Result<(String, Vec<Point>), Usage> {
    let wrong = |what: String| Usage(format!("--from: {what}"));
    let path = std::path::Path::new(path);
    let bytes = match whole_file::read(path) {
        Ok(Some((bytes, _))) => bytes,
        Ok(None) => return Err(wrong(format!("there is no file {}", path.display()))),
        Err(error) => return Err(wrong(with_causes(&error))),
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| wrong(format!("{} is not text in UTF-8", path.display())))?;
    let name = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned());
    let points = rows(&text).map_err(|why| wrong(format!("{}, {why}", path.display())))?;
    Ok((name.unwrap_or_default(), points))
}

/// Rows of a time and a value, in the forms that Grafana and Prometheus' tools export.
fn rows(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut is_first = true;
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("sep=") {
            continue;
        }
        let cells = line
            .split([',', ';', '\t'])
            .map(|cell| cell.trim().trim_matches('"'));
        let cells: Vec<&str> = cells.collect();
        let head = std::mem::replace(&mut is_first, false);
        let [time, .., value] = cells.as_slice() else {
            return Err(format!(
                "line {}: a time and a value are expected",
                place + 1
            ));
        };
        let (at, number) = (moment(time), value.parse::<f64>());
        match (at, number) {
            (Some(at), Ok(value)) if is_load(value) => points.push((at, value)),
            // A gap.
            (Some(_), Ok(value)) if value.is_nan() => {}
            (Some(_), Err(_)) if value.is_empty() => {}
            (Some(_), Ok(value)) => {
                return Err(format!(
                    "line {}: {value} is no number of busy members; export the query of --query",
                    place + 1
                ));
            }
            _ if head => {}
            (None, _) => return Err(format!("line {}: its first column is no time", place + 1)),
            (_, Err(_)) => return Err(format!("line {}: its last column is no number", place + 1)),
        }
    }
    points.sort_by_key(|(at, _)| *at);
    Ok(points)
}

/// Seconds or milliseconds since 1970, or a date; without a zone it is of UTC.
fn moment(text: &str) -> Option<i64> {
    /// In seconds, the year 5138.
    const LATEST: f64 = 1e11;
    if let Ok(number) = text.parse::<f64>() {
        let seconds = if number > LATEST {
            number / 1000.0
        } else {
            number
        };
        return (0.0..=LATEST).contains(&seconds).then_some(seconds as i64);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_second());
    }
    let at = text.parse::<DateTime>().ok()?;
    Some(Offset::UTC.to_timestamp(at).ok()?.as_second())
}

/// The load of each minute from the first point to the last; what is missing is as before.
fn by_the_minute(points: &[Point]) -> Result<Vec<f64>, String> {
    let ([(first, _), ..], [.., (last, _)]) = (points, points) else {
        return Err("there is no value in it".to_owned());
    };
    let (first, last) = (first.div_euclid(MINUTE), last.div_euclid(MINUTE));
    let count = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
    if count > MOST_MINUTES {
        return Err(format!(
            "it is longer than {MOST_MINUTES} minutes; give a part of it"
        ));
    }
    let mut minutes = Vec::with_capacity(count);
    let (mut place, mut load) = (0, 0.0);
    for minute in first..=last {
        let begun = place;
        let mut sum = 0.0;
        while let Some((_, value)) = points
            .get(place)
            .filter(|(at, _)| at.div_euclid(MINUTE) <= minute)
        {
            sum += value;
            place += 1;
        }
        if place > begun {
            load = sum / (place - begun) as f64;
        }
        minutes.push(load);
    }
    if minutes.iter().all(|load| *load == 0.0) {
        return Err("there is no load in it".to_owned());
    }
    Ok(minutes)
}

/// What was read, for whoever wonders at the result.
fn tell(points: &[Point], minutes: &[f64]) {
    let mean = minutes.iter().sum::<f64>() / minutes.len() as f64;
    let peak = minutes.iter().copied().fold(0.0, f64::max);
    eprintln!(
        "note: {:.1} days; {mean:.2} members busy on average, {peak:.2} at most. What was refused or \
         queued while members were full is not in it",
        minutes.len() as f64 / 1440.0
    );
    let gaps = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let missing: i64 = gaps.filter(|gap| *gap > GAP).sum();
    if missing > 0 {
        eprintln!(
            "note: for {} minutes of it there are no values; the last one before is taken",
            missing / MINUTE
        );
    }
}

impl Measured {
    /// The members paid for, beside what ran.
    pub(super) fn hours(&self, outcome: &Outcome) -> String {
        let mut text = "\nInstance-hours:\n\n".to_owned();
        let traces = outcome.traces.iter();
        let ours = traces.filter(|one| one.trace.name == self.trace.name);
        let results: Vec<_> = ours.flat_map(|one| &one.results).collect();
        let names = results
            .iter()
            .map(|result| result.contender.to_string().len());
        let width = names.max().unwrap_or(0).max("what ran".len());
        let mut row = |name: &str, hours: f64| {
            let share = self.ran.filter(|ran| *ran > 0.0);
            let share = share.map(|ran| format!("  {:.0} %", 100.0 * hours / ran));
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{name:width$}  {hours:>9.1}{}",
                share.unwrap_or_default()
            );
        };
        if let Some(ran) = self.ran {
            row("what ran", ran);
        }
        for result in results {
            row(&result.contender.to_string(), result.figures.instance_hours);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_every_form_are_read_alike() {
        for text in [
            "1764547200,1.5\n1764547260,2\n",
            "\"Time\",\"busy\"\n2025-12-01 00:00:00,1.5\n2025-12-01 00:01:00,2\n",
            "time;a;b\n1764547200000;x;1.5\n1764547260000;y;2\n",
            "# from promtool\n2025-12-01T01:00:00+01:00\t1.5\n2025-12-01T00:01:00Z\t2\n",
            "sep=,\nTime,Value\n2025-12-01T00:01:00Z,2\n2025-12-01T00:00:00Z,1.5\n1764547300,NaN\n",
        ] {
            let points = rows(text).unwrap();
            assert_eq!(
                points,
                [(1_764_547_200, 1.5), (1_764_547_260, 2.0)],
                "{text}"
            );
        }
        for (text, says) in [
            ("1764547200\n", "line 1"),
            ("1764547200,1\nyesterday,2\n", "no time"),
            ("1764547200,1\n1764547260,much\n", "no number"),
            ("1764547200,-1\n", "busy members"),
            ("1764547200,1e9\n", "busy members"),
        ] {
            let error = rows(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_minute_is_the_mean_of_its_points_and_a_gap_is_as_before() {
        let points = [(0, 1.0), (30, 3.0), (60, 4.0), (300, 1.0)];
        assert_eq!(
            by_the_minute(&points).unwrap(),
            [2.0, 4.0, 4.0, 4.0, 4.0, 1.0]
        );
        assert!(by_the_minute(&[]).is_err());
        assert!(by_the_minute(&[(0, 0.0)]).is_err());
        assert!(by_the_minute(&[(0, 1.0), (10_000_000_000, 1.0)]).is_err());
    }
}
