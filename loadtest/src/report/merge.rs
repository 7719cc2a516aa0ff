//! Runs of several machines, or one after another, as one: exact, because histograms and counters
//! add.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    io::Cursor,
    path::Path,
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{Histogram, serialization::Deserializer};

use super::hlog::{PLAN_COMMENT, PlanLine, TICK_COMMENT, TickLine};
use crate::record::{Class, Levels, Part, Summary, Tag, Timed, Totals, Warning, add};

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// A line is not what this program writes.
    #[error("{path}:{line} is not a line that --hlog writes")]
    Line {
        path: String,
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// The log has no tick.
    #[error("{path}: no interval of loadtest in this file (was it written with --hlog?)")]
    Empty { path: String },
}

type LineError = Box<dyn Error + Send + Sync>;

struct Logged {
    plan: Option<PlanLine>,
    ticks: Vec<(TickLine, Part)>,
}

/// Reads logs and adds them up. Ticks that began at the same time, by the machines' clocks, are
/// joined.
pub fn merge(paths: &[impl AsRef<Path>]) -> Result<Summary, LogError> {
    let mut logs = Vec::new();
    for path in paths {
        logs.push(read(path.as_ref())?);
    }
    let single = logs.iter().zip(paths).flat_map(|(log, path)| {
        let name = path.as_ref().display().to_string();
        let warnings = add_up(std::slice::from_ref(log)).warnings;
        warnings
            .into_iter()
            .map(move |warning| (name.clone(), warning))
    });
    let single: Vec<(String, Warning)> = single.collect();
    let mut summary = add_up(&logs);
    let known: BTreeSet<String> = summary.warnings.iter().map(|w| w.kind.clone()).collect();
    // What is wrong with one run may be too little to show in the sum, and still spoils it.
    summary.warnings.extend(
        single
            .into_iter()
            .filter(|(_, warning)| !known.contains(&warning.kind))
            .map(|(name, Warning { kind, text })| Warning {
                kind,
                text: format!("{name}: {text}"),
            }),
    );
    Ok(summary)
}

fn add_up(logs: &[Logged]) -> Summary {
    let begins = logs
        .iter()
        .filter_map(|log| log.ticks.first().map(|(tick, _)| tick.start));
    let begin = begins.fold(f64::INFINITY, f64::min);
    let plans = logs.iter().filter_map(|log| log.plan.as_ref());
    let width = plans.clone().map(|plan| plan.tick).fold(0.05, f64::max);
    let mut summary = Summary {
        started_at: begin,
        planned: planned(logs, begin),
        plan: merged_settings(&plans.clone().collect::<Vec<_>>()),
        ..Summary::default()
    };
    let open_loop = plans.clone().all(|plan| plan.open_loop);

    let mut buckets: BTreeMap<u64, (f64, f64, Levels, Part)> = BTreeMap::new();
    for (tick, part) in logs.iter().flat_map(|log| &log.ticks) {
        let start = (tick.start - begin).max(0.0);
        let end = start + tick.seconds;
        let bucket = (start / width).round() as u64;
        let entry = buckets
            .entry(bucket)
            .or_insert_with(|| (start, end, Levels::default(), Part::default()));
        entry.0 = entry.0.min(start);
        entry.1 = entry.1.max(end);
        entry.2 += tick.levels;
        entry.3.add(part);
        summary.busiest_worker = summary.busiest_worker.max(tick.busiest_worker);
    }
    let mut totals = Totals::new();
    for (start, end, levels, part) in buckets.into_values() {
        let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        totals.add(span(start), span(end), &part, &part.headline(), levels);
    }
    totals.finish(summary, open_loop)
}

/// Seconds from the first run's start to the last planned end: runs one after another take the sum
/// of their times, runs at once the longest.
fn planned(logs: &[Logged], begin: f64) -> f64 {
    let ends = logs.iter().filter_map(|log| {
        let (first, _) = log.ticks.first()?;
        Some(first.start - begin + log.plan.as_ref()?.planned)
    });
    ends.fold(0.0, f64::max)
}

/// Settings that all runs share are kept, others are listed.
fn merged_settings(plans: &[&PlanLine]) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (key, value) in plans.iter().flat_map(|plan| &plan.settings) {
        let values = settings.entry(key.clone()).or_default();
        if !values.contains(&value.as_str()) {
            values.push(value);
        }
    }
    let mut merged: BTreeMap<String, String> = settings
        .into_iter()
        .map(|(key, values)| (key, values.join(" + ")))
        .collect();
    merged.insert("merged_runs".to_owned(), plans.len().to_string());
    merged
}

fn read(path: &Path) -> Result<Logged, LogError> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| LogError::Read {
        path: shown.clone(),
        source,
    })?;
    let mut log = Logged {
        plan: None,
        ticks: Vec::new(),
    };
    for (index, line) in text.lines().enumerate() {
        read_line(line, &mut log).map_err(|source| LogError::Line {
            path: shown.clone(),
            line: index + 1,
            source,
        })?;
    }
    if log.ticks.is_empty() {
        Err(LogError::Empty { path: shown })
    } else {
        Ok(log)
    }
}

fn read_line(line: &str, log: &mut Logged) -> Result<(), LineError> {
    let comment = |prefix: &str| {
        line.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(']'))
    };
    if let Some(json) = comment(PLAN_COMMENT) {
        log.plan = Some(serde_json::from_str(json)?);
    } else if let Some(json) = comment(TICK_COMMENT) {
        let tick: TickLine = serde_json::from_str(json)?;
        let part = Part {
            counts: tick.counts.clone(),
            ..Part::default()
        };
        log.ticks.push((tick, part));
    } else if let Some(rest) = line.strip_prefix("Tag=") {
        let (tag, fields) = rest
            .split_once(',')
            .ok_or("the tag is not followed by ','")?;
        let (_, part) = log
            .ticks
            .last_mut()
            .ok_or("a histogram comes before the first Loadtest.Tick comment")?;
        let encoded = fields.rsplit(',').next().unwrap_or_default();
        put(part, tag, &decode(encoded)?)?;
    }
    Ok(())
}

fn decode(encoded: &str) -> Result<Histogram<u64>, LineError> {
    let bytes = STANDARD.decode(encoded)?;
    Ok(Deserializer::new().deserialize(&mut Cursor::new(bytes))?)
}

fn put(part: &mut Part, tag: &str, histogram: &Histogram<u64>) -> Result<(), LineError> {
    let fields: Vec<&str> = tag.splitn(3, '/').collect();
    if let Some(wait) = part.waits.by_name(tag) {
        add(wait, histogram);
        return Ok(());
    }
    match fields[..] {
        [kind @ ("response" | "service"), class, backend] => {
            let class = Class::ALL.into_iter().find(|known| known.name() == class);
            let class =
                class.ok_or_else(|| format!("the tag {tag:?} has a class that is not known"))?;
            let timed = part
                .timed
                .entry(Tag {
                    backend: Arc::from(backend),
                    class,
                })
                .or_insert_with(Timed::new);
            add(
                if kind == "response" {
                    &mut timed.response
                } else {
                    &mut timed.service
                },
                histogram,
            );
        }
        _ => return Err(format!("the tag {tag:?} is not one of loadtest's").into()),
    }
    Ok(())
}
