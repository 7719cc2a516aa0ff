//! Runs of several machines, or one after another, as one: exact, because histograms and counters
//! add.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use super::{
    hlog::PlanLine,
    log::{Log, LogError},
};
use crate::record::{Levels, Part, Summary, Totals, Warning};

/// Reads logs and adds them up, as [`merge_logs`] does.
pub fn merge(paths: &[impl AsRef<Path>]) -> Result<Summary, LogError> {
    let logs = paths.iter().map(|path| Log::read(path.as_ref()));
    let logs: Vec<Log> = logs.collect::<Result<_, _>>()?;
    Ok(merge_logs(&logs))
}

/// Adds runs up. Ticks that began at the same time, by the machines' clocks, are joined.
pub fn merge_logs(logs: &[Log]) -> Summary {
    let mut summary = add_up(logs);
    let known: BTreeSet<String> = summary.warnings.iter().map(|w| w.kind.clone()).collect();
    // What is wrong with one run may be too little to show in the sum, and still spoils it.
    for log in logs {
        let warnings = add_up(std::slice::from_ref(log)).warnings.into_iter();
        let new = warnings.filter(|warning| !known.contains(&warning.kind));
        summary
            .warnings
            .extend(new.map(|Warning { kind, text }| Warning {
                kind,
                text: format!("{}: {text}", log.name),
            }));
    }
    summary
}

fn add_up(logs: &[Log]) -> Summary {
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
fn planned(logs: &[Log], begin: f64) -> f64 {
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
