//! What is simulated: the settings, the files of the monitoring, the traces.

use std::path::Path;

use agent::settings::{Settings, Sources, load};
use alert_rules::{Monitoring, MonitoringFiles};
use policy::Bounds;
use program::error_chain::with_causes;
use simulator::{BUILT_IN, OurSettings, Trace, built_in};

use super::{MOST_MEMBERS, Options, measured::Measured, once};
use crate::{commands::pool_choice::pool_of, failure::Usage};

/// The pool for which the built-in traces are made.
const POOL_OF_BUILT_IN: f64 = 10.0;
/// The peak to which a file is scaled, as a share of the largest pool.
const PEAK: f64 = 0.65;

/// This repository's autoscaler, as the options set it up.
pub(super) fn ours(options: &Options) -> anyhow::Result<OurSettings> {
    let settings = pool_of(&mut settings(options)?.agent, options.pool.as_deref())?;
    let thresholds = settings.thresholds;
    let monitoring = monitoring(options)?.with_thresholds(thresholds.up, thresholds.down);
    let mut rules = settings.rules;
    if options.min.is_some() || options.max.is_some() {
        let min = options.min.unwrap_or(rules.bounds.min().0);
        let max = options.max.unwrap_or(rules.bounds.max().0);
        let bounds = Bounds::new(min, max);
        rules.bounds = bounds.map_err(|error| Usage(format!("--min, --max: {error}")))?;
    }
    let max = rules.bounds.max().0;
    if i64::from(max) > MOST_MEMBERS {
        let what = format!("scaling.max_size is {max}; the simulator takes {MOST_MEMBERS} at most");
        return Err(Usage(format!("{what}: give a smaller --max")).into());
    }
    if !settings.schedule.entries().is_empty() {
        eprintln!(
            "note: a trace has no hour of the day, so the schedule of --settings is left out"
        );
    }
    let drain = settings.drain;
    Ok(OurSettings {
        monitoring,
        rules,
        mode: settings.mode,
        drain_timeout: drain.longest(),
        drain_poll: drain.poll,
    })
}

/// The settings of the file alone: what this machine's environment sets is no part of a comparison.
fn settings(options: &Options) -> Result<Settings, Usage> {
    // Nobody is called, so these need not be real, nor need the file have them.
    let unused = [
        ("exoscale.key", "EXOsimulated"),
        ("exoscale.secret", "simulated"),
        (
            "exoscale.instance_pool",
            "00000000-0000-4000-8000-000000000000",
        ),
    ];
    let flags = unused.map(|(key, value)| {
        let name = "simulated".to_owned();
        (name, key.to_owned(), value.to_owned())
    });
    let sources = Sources {
        file: options.settings.clone(),
        variables: Vec::new(),
        flags: flags.to_vec(),
    };
    let loaded = load(&sources).map_err(|mut problems| {
        for problem in &mut problems.0 {
            if problem.key == "--config" {
                "--settings".clone_into(&mut problem.key);
                "flag".clone_into(&mut problem.source);
            }
        }
        Usage(problems.to_string())
    });
    Ok(loaded?.0)
}

fn monitoring(options: &Options) -> Result<Monitoring, Usage> {
    let image = MonitoringFiles::IMAGE;
    let given = |flag: &str, path: Option<&Path>| path.map(|path| text(flag, path)).transpose();
    let rules = given("--alert-rules", options.alert_rules.as_deref())?;
    let policies = given(
        "--notification-policies",
        options.notification_policies.as_deref(),
    )?;
    let prometheus = given("--prometheus", options.prometheus.as_deref())?;
    let recording = given("--recording-rules", options.recording_rules.as_deref())?;
    let files = MonitoringFiles {
        rules: rules.as_deref().unwrap_or(image.rules),
        policies: policies.as_deref().unwrap_or(image.policies),
        request_rate: image.request_rate,
        prometheus: prometheus.as_deref().unwrap_or(image.prometheus),
        recording: recording.as_deref().unwrap_or(image.recording),
    };
    Monitoring::read(&files).map_err(|error| Usage(with_causes(&error)))
}

fn text(flag: &str, path: &Path) -> Result<String, Usage> {
    let wrong = |what: &str| Usage(format!("{flag}: {what}"));
    match whole_file::read(path) {
        Ok(Some((bytes, _))) => String::from_utf8(bytes)
            .map_err(|_| wrong(&format!("{} is not text in UTF-8", path.display()))),
        Ok(None) => Err(wrong(&format!("there is no file {}", path.display()))),
        Err(error) => Err(wrong(&with_causes(&error))),
    }
}

/// The loads for a pool of at most `max` members.
pub(super) fn traces(
    options: &Options,
    measured: Option<&Measured>,
    max: u32,
) -> Result<Vec<Trace>, Usage> {
    let mut names = once("--traces", &options.traces)?;
    if names.is_empty() && options.trace.is_empty() && measured.is_none() {
        names = BUILT_IN.to_vec();
    }
    let scale = f64::from(max) / POOL_OF_BUILT_IN;
    let mut traces: Vec<Trace> = names
        .iter()
        .filter_map(|name| built_in(name, scale))
        .collect();
    traces.extend(measured.map(|measured| measured.trace.clone()));
    for path in &options.trace {
        let trace = Trace::read(path, PEAK * f64::from(max))
            .map_err(|error| Usage(format!("--trace: {}", with_causes(&error))))?;
        if traces.iter().any(|other| other.name == trace.name) {
            let name = &trace.name;
            let what = format!("--trace: two traces are called {name}; rename a file");
            return Err(Usage(what));
        }
        traces.push(trace);
    }
    Ok(traces)
}
