//! The interval log of `HdrHistogram` (`.hlog`, format 1.3), one histogram per tick and tag, V2
//! with DEFLATE.
//!
//! Untagged lines hold the headline response time, for tools that draw one curve. Lines tagged
//! `response/CLASS/BACKEND`, `service/CLASS/BACKEND`, `send_lag`, `generator_lag`, `connect` and
//! `target/METHOD%20URL` hold everything, and comments hold the counters, so that runs merge
//! without loss.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Serializer as _, V2DeflateSerializer},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::{
    plan::{Load, Plan},
    record::{Counts, Levels, Observer, TargetCounts, Tick},
};

/// The comment with the run's settings.
pub(super) const PLAN_COMMENT: &str = "#[Loadtest.Plan ";
/// The comment with a tick's counters, before the tick's histograms.
pub(super) const TICK_COMMENT: &str = "#[Loadtest.Tick ";

/// Tags of requests that take turns; the method and the address follow.
pub(super) const TARGET_TAG: &str = "target/";
/// What is percent-encoded in a tag.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%');

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanLine {
    pub(super) settings: BTreeMap<String, String>,
    pub(super) planned: f64,
    pub(super) tick: f64,
    pub(super) open_loop: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TickLine {
    /// Seconds since 1970.
    pub(super) start: f64,
    pub(super) seconds: f64,
    pub(super) busiest_worker: f64,
    pub(super) levels: Levels,
    pub(super) counts: Counts,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) targets: BTreeMap<Arc<str>, TargetCounts>,
}

/// Writes every tick to a log file, which it makes at the first: a run that does not begin leaves
/// the file as it was.
pub struct IntervalLog {
    path: PathBuf,
    out: Option<BufWriter<File>>,
    plan: PlanLine,
    serializer: V2DeflateSerializer,
    failure: Arc<OnceLock<io::Error>>,
}

impl IntervalLog {
    /// A log that goes to this file. Should it fail to be written, the second value holds the first
    /// reason.
    pub fn new(path: &Path, plan: &Plan) -> (Self, Arc<OnceLock<io::Error>>) {
        let failure = Arc::new(OnceLock::new());
        let settings = plan
            .describe()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let log = Self {
            path: path.to_owned(),
            out: None,
            plan: PlanLine {
                settings,
                planned: plan.load.duration().as_secs_f64(),
                tick: plan.tick.as_secs_f64(),
                open_loop: matches!(plan.load, Load::Open(_)),
            },
            serializer: V2DeflateSerializer::new(),
            failure: Arc::clone(&failure),
        };
        (log, failure)
    }

    /// Makes the file, with its header.
    fn begin(&self, started_at: SystemTime) -> io::Result<BufWriter<File>> {
        let mut out = BufWriter::new(File::create(&self.path)?);
        let start = seconds_since_epoch(started_at);
        writeln!(out, "#[Logged by loadtest {}]", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "#[Histogram log format version 1.3]")?;
        writeln!(out, "#[StartTime: {start:.3} (seconds since epoch)]")?;
        writeln!(out, "#[BaseTime: {start:.3} (seconds since epoch)]")?;
        writeln!(out, "#[MaxValueDivisor: 1000000.0]")?;
        write_plan(&mut out, &self.plan)?;
        writeln!(
            out,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )?;
        Ok(out)
    }

    fn write(&mut self, tick: &Tick<'_>) -> io::Result<()> {
        // What the run learns of its target comes after the plan; the last comment counts.
        let learnt = self.plan.settings != *tick.settings;
        self.plan.settings.clone_from(tick.settings);
        let out = match &mut self.out {
            Some(out) => {
                if learnt {
                    write_plan(out, &self.plan)?;
                }
                out
            }
            None => self.out.insert(self.begin(tick.started_at)?),
        };
        let targets = &tick.part.targets;
        let line = TickLine {
            start: seconds_since_epoch(tick.started_at) + tick.start.as_secs_f64(),
            seconds: tick.length.as_secs_f64(),
            busiest_worker: tick.progress.busiest_worker,
            levels: tick.levels,
            counts: tick.part.counts.clone(),
            targets: targets
                .iter()
                .map(|(name, part)| (Arc::clone(name), part.counts))
                .collect(),
        };
        writeln!(out, "{TICK_COMMENT}{}]", serde_json::to_string(&line)?)?;
        let mut put = |tag: &str, histogram: &Histogram<u64>| {
            put_line(
                out,
                &mut self.serializer,
                tag,
                (tick.start, tick.length),
                histogram,
            )
        };
        put("", &tick.headline.response)?;
        for (tag, times) in &tick.part.timed {
            let name = format!("{}/{}", tag.class.name(), tag.backend);
            put(&format!("response/{name}"), &times.response)?;
            put(&format!("service/{name}"), &times.service)?;
        }
        for (tag, histogram) in tick.part.waits.named() {
            if !histogram.is_empty() {
                put(tag, histogram)?;
            }
        }
        for (name, part) in targets {
            // A tag has neither commas nor spaces.
            let name = utf8_percent_encode(name, ENCODED);
            put(&format!("{TARGET_TAG}{name}"), &part.response)?;
        }
        out.flush()
    }
}

fn write_plan(out: &mut impl Write, plan: &PlanLine) -> io::Result<()> {
    writeln!(out, "{PLAN_COMMENT}{}]", serde_json::to_string(plan)?)
}

fn put_line(
    out: &mut impl Write,
    serializer: &mut V2DeflateSerializer,
    tag: &str,
    (start, length): (Duration, Duration),
    histogram: &Histogram<u64>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    serializer
        .serialize(histogram, &mut bytes)
        .map_err(io::Error::other)?;
    if !tag.is_empty() {
        write!(out, "Tag={tag},")?;
    }
    let max = histogram.max() as f64 / 1e6;
    writeln!(
        out,
        "{:.3},{:.3},{max:.3},{}",
        start.as_secs_f64(),
        length.as_secs_f64(),
        STANDARD.encode(bytes)
    )
}

fn seconds_since_epoch(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

impl Observer for IntervalLog {
    fn tick(&mut self, tick: &Tick<'_>) {
        if self.failure.get().is_none()
            && let Err(error) = self.write(tick)
        {
            // Only the first is set, and only by this thread.
            let _ = self.failure.set(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        time::{Duration, SystemTime},
    };

    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::IntervalLog;
    use crate::{
        Load, Plan,
        record::{Class, Levels, Observer as _, Part, Progress, Tag, Tick, Timed, record},
        report::merge,
    };

    #[test]
    fn a_log_is_read_by_the_standard_reader_and_by_merge() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.hlog");
        let plan = Plan::new(
            "http://h/".parse().expect("a URL"),
            Load::Open("2s@1".parse().expect("a profile")),
        );
        let (mut log, failure) = IntervalLog::new(&path, &plan);
        let mut part = Part::default();
        let mut timed = Timed::new();
        (1..=100).for_each(|millis| record(&mut timed.response, millis * 1_000_000));
        part.timed.insert(
            Tag {
                backend: "i-1".into(),
                class: Class::Ok,
            },
            timed,
        );
        part.counts.counters.ok = 100;
        for second in 0..2 {
            log.tick(&Tick {
                progress: &Progress::default(),
                settings: &BTreeMap::new(),
                start: Duration::from_secs(second),
                length: Duration::from_secs(1),
                started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
                part: &part,
                headline: &part.headline(),
                levels: Levels::default(),
            });
        }
        assert!(failure.get().is_none(), "{failure:?}");

        let bytes = std::fs::read(&path).expect("written");
        let mut tags: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.expect("a valid line") {
                let tag = interval.tag().map_or("", |tag| tag.as_str()).to_owned();
                tags.entry(tag)
                    .or_default()
                    .push(interval.start_timestamp().as_secs());
                assert!(
                    interval.max() < 101.0,
                    "in milliseconds: {}",
                    interval.max()
                );
            }
        }
        assert_eq!(tags[""], [0, 1]);
        assert_eq!(tags["response/ok/i-1"], [0, 1]);

        let summary = merge(&[&path]).expect("its own log");
        assert_eq!(
            (
                summary.ok,
                summary.histograms.response.len(),
                summary.series.len()
            ),
            (200, 200, 2)
        );
        assert_eq!(&*summary.backends[0].name, "i-1");
    }

    /// Writes the log of a run of one second that began at `start`, seconds after 1970.
    fn write_run(path: &std::path::Path, start: u64, lag: Duration, requests: u64) {
        let plan = Plan::new(
            "http://h/".parse().expect("a URL"),
            Load::Open("1s@100".parse().expect("a profile")),
        );
        let (mut log, failure) = IntervalLog::new(path, &plan);
        let mut part = Part::default();
        let mut timed = Timed::new();
        for _ in 0..requests {
            record(&mut timed.response, 20_000_000);
            record(&mut part.waits.generator_lag, lag.as_nanos() as u64);
        }
        let tag = Tag {
            backend: "i-1".into(),
            class: Class::Ok,
        };
        part.timed.insert(tag, timed);
        part.counts.counters.ok = requests;
        part.counts.accounts.sent = requests;
        part.counts.accounts.scheduled = requests;
        log.tick(&Tick {
            progress: &Progress::default(),
            settings: &BTreeMap::new(),
            start: Duration::ZERO,
            length: Duration::from_secs(1),
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(start),
            part: &part,
            headline: &part.headline(),
            levels: Levels::default(),
        });
        assert!(failure.get().is_none(), "{failure:?}");
    }

    #[test]
    fn a_merged_rate_is_over_the_time_that_all_the_runs_took() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for (name, start) in [("a", 1_000), ("b", 1_000), ("later", 1_001)] {
            write_run(&path(name), start, Duration::ZERO, 100);
        }
        let rate = |names: [&str; 2]| merge(&names.map(path)).expect("its own logs").rate();
        assert!((rate(["a", "b"]) - 200.0).abs() < 0.5, "at once");
        assert!((rate(["a", "later"]) - 100.0).abs() < 0.5, "in turn");
    }

    #[test]
    fn a_late_generator_is_told_of_also_among_many_that_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        write_run(&path("good"), 1_000, Duration::ZERO, 10_000);
        write_run(&path("late"), 1_000, Duration::from_millis(15), 50);
        let merged = merge(&[path("good"), path("late")]).expect("its own logs");
        let warning = merged
            .warnings
            .iter()
            .find(|warning| warning.kind == "generator_late");
        let text = &warning.expect("a warning").text;
        assert!(text.contains("late: the generator itself"), "{text}");
    }
}
